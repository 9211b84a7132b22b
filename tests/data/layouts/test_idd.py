"""IDD's drives."""

from dataclasses import replace

import pytest

from harness.trees import CAMVID, lay_out, opened, pairs_of
from segexp.data.layout import layout_of
from segexp.data.sequences import places_of


@pytest.fixture
def idd(tmp_path):
    for split, drive, suffix in (
        ("train", "0", "png"),
        ("train", "10", "png"),
        ("val", "1", "jpg"),
    ):
        for kind in ("level3Ids", "ids"):
            lay_out(tmp_path, {image(split, drive, suffix): mask(split, drive, kind)})
    return tmp_path


def image(split, drive, suffix="png"):
    return f"leftImg8bit/{split}/{drive}/1029_leftImg8bit.{suffix}"


def mask(split, drive, kind):
    return f"gtFine/{split}/{drive}/1029_gtFine_label{kind}.png"


def test_the_ids_of_the_benchmark_come_first(idd):
    source = opened(idd)
    assert source.format == "idd"
    assert source.faults == ()
    assert pairs_of(source) == {
        "train": {image("train", d): mask("train", d, "level3Ids") for d in ("0", "10")},
        "val": {image("val", "1", "jpg"): mask("val", "1", "level3Ids")},
    }
    assert layout_of("idd").taxonomy(idd) == "idd26"


def test_the_taxonomy_decides_which_masks_are_read(idd):
    source = opened(idd, replace(CAMVID, name="idd40"))
    assert pairs_of(source)["val"] == {image("val", "1", "jpg"): mask("val", "1", "ids")}


def test_raw_ids_are_read_where_they_are_alone(idd):
    for path in idd.rglob("*level3Ids.png"):
        path.unlink()
    source = opened(idd)
    assert (source.format, layout_of("idd").taxonomy(idd)) == ("idd", "idd40")
    assert pairs_of(source)["val"] == {image("val", "1", "jpg"): mask("val", "1", "ids")}


def test_frames_of_the_same_number_in_two_drives_stay_apart(idd):
    ids = [sample.id for sample in opened(idd).splits["train"]]
    assert ids == ["0_1029", "10_1029"]
    assert places_of("sequence", ids, "idd") == ["0", "10"]
