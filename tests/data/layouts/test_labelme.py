"""The trees of labelme2voc, old and new."""

import pytest

from harness.trees import lay_out, opened, pairs_of, picture, raw_mask, save
from segexp.data.source import UNDIVIDED


@pytest.mark.parametrize(
    ("masks", "arrays"),
    [("SegmentationClass", "SegmentationClassNpy"), ("SegmentationClassPNG", "SegmentationClass")],
)
def test_pictures_are_read_and_not_the_arrays_and_drawings_beside_them(tmp_path, masks, arrays):
    pairs = {f"JPEGImages/2011_00000{n}.jpg": f"{masks}/2011_00000{n}.png" for n in (3, 6)}
    lay_out(tmp_path, pairs)
    for n in (3, 6):
        save(tmp_path / arrays / f"2011_00000{n}.npy", raw_mask(n))
        save(tmp_path / "SegmentationClassVisualization" / f"2011_00000{n}.jpg", picture(n))
        save(tmp_path / "SegmentationObject" / f"2011_00000{n}.png", raw_mask(n))
    (tmp_path / "class_names.txt").write_text("_background_\nbus\ncar\n")
    source = opened(tmp_path)
    assert source.format == "labelme"
    assert source.faults == ()
    assert pairs_of(source) == {UNDIVIDED: pairs}
    assert [s.id for s in source.splits[UNDIVIDED]] == ["2011_000003", "2011_000006"]
