"""ADE20K's scene parsing challenge."""

import pytest

from harness.trees import lay_out, opened, pairs_of
from segexp.core.errors import InputError
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


@pytest.mark.parametrize("base", ["ADE20K_2021_17_01/images/ADE", "ADE20K_2016_07_26/images"])
def test_the_whole_ade20k_is_refused_with_the_release_to_take(tmp_path, base):
    for split, folder in (("train", "training"), ("val", "validation")):
        image = f"{base}/{folder}/a/abbey/ADE_{split}_00000001"
        lay_out(tmp_path, {f"{image}.jpg": f"{image}_seg.png"})
    with pytest.raises(InputError, match=r"3,688 labels.*ADEChallengeData2016"):
        opened(tmp_path)


def test_other_data_in_these_folders_implies_nothing(tmp_path):
    lay_out(tmp_path, {"images/training/a.jpg": "annotations/training/a.png"})
    assert opened(tmp_path).format == "folder"
