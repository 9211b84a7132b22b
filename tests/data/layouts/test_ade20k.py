"""ADE20K's scene parsing challenge."""

from harness.trees import lay_out, opened, pairs_of
from segexp.data.layout import layout_of


def test_the_challenges_names_imply_its_labels(tmp_path):
    base = "ADEChallengeData2016"
    pairs = {
        split: {
            f"{base}/images/{folder}/ADE_{split}_00000001.jpg": (
                f"{base}/annotations/{folder}/ADE_{split}_00000001.png"
            )
        }
        for split, folder in (("train", "training"), ("val", "validation"))
    }
    for of_split in pairs.values():
        lay_out(tmp_path, of_split)
    (tmp_path / base / "objectInfo150.txt").write_text("Idx\tRatio\tTrain\tVal\tName\n")
    (tmp_path / base / "sceneCategories.txt").write_text("ADE_train_00000001 airport_terminal\n")
    source = opened(tmp_path)
    assert source.format == "ade20k"
    assert source.faults == ()
    assert pairs_of(source) == pairs
    assert [s.id for s in source.splits["train"]] == ["ADE_train_00000001"]
    assert layout_of("ade20k").taxonomy(tmp_path) == "ade150"


def test_other_data_in_these_folders_implies_nothing(tmp_path):
    lay_out(tmp_path, {"images/training/a.jpg": "annotations/training/a.png"})
    assert opened(tmp_path).format == "folder"
