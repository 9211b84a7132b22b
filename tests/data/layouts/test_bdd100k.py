"""BDD100K's trees of both releases."""

from harness.trees import lay_out, opened, pairs_of, picture, raw_mask, save
from segexp.data.layout import layout_of

NAMES = {"train": "0004a4c0-d4dff0ad", "val": "7d06fefd-f7be05a6"}


def test_train_ids_are_read_and_colours_are_not(tmp_path):
    pairs = {
        split: {
            f"bdd100k/images/10k/{split}/{name}.jpg": (
                f"bdd100k/labels/sem_seg/masks/{split}/{name}.png"
            )
        }
        for split, name in NAMES.items()
    }
    for split, name in NAMES.items():
        lay_out(tmp_path, pairs[split])
        save(tmp_path / f"bdd100k/labels/sem_seg/colormaps/{split}/{name}.png", picture(7))
        save(tmp_path / f"bdd100k/labels/pan_seg/bitmasks/{split}/{name}.png", picture(7))
        save(tmp_path / f"bdd100k/images/100k/{split}/{name}.jpg", picture(8))
    save(tmp_path / "bdd100k/images/10k/test/cabe1040-c59cb390.jpg", picture(9))
    source = opened(tmp_path)
    assert source.format == "bdd100k"
    assert source.faults == ()
    assert pairs_of(source) == pairs
    assert [s.id for s in source.splits["val"]] == [NAMES["val"]]
    assert "there are no masks of test; the test split is left out" in source.notes[0]
    assert "6 other files left out" in source.notes[1]
    assert layout_of("bdd100k").taxonomy(tmp_path) == "cityscapes19"


def test_the_first_release_has_other_folders(tmp_path):
    pairs = {
        split: {f"seg/images/{split}/{name}.jpg": f"seg/labels/{split}/{name}_train_id.png"}
        for split, name in NAMES.items()
    }
    for split, name in NAMES.items():
        lay_out(tmp_path, pairs[split])
        save(tmp_path / f"seg/color_labels/{split}/{name}_train_color.png", raw_mask(3))
    source = opened(tmp_path)
    assert source.format == "bdd100k"
    assert source.faults == ()
    assert pairs_of(source) == pairs
