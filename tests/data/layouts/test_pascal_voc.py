"""Pascal VOC's tree and CVAT's export in its form."""

import pytest

from harness.trees import lay_out, opened, pairs_of, raw_mask, save
from segexp.data.layout import layout_of
from segexp.data.source import UNDIVIDED

IMAGES = "VOCdevkit/VOC2012/JPEGImages"
MASKS = "VOCdevkit/VOC2012/SegmentationClass"
NAMES = ("2007_000032", "2007_000039", "2008_000045")


@pytest.fixture
def voc(tmp_path):
    root = lay_out(tmp_path, {f"{IMAGES}/{name}.jpg": f"{MASKS}/{name}.png" for name in NAMES})
    lay_out(root, {f"{IMAGES}/2009_00000{n}.jpg": "" for n in range(3)})
    save(root / "VOCdevkit/VOC2012/SegmentationObject/2007_000032.png", raw_mask(0))
    lists = root / "VOCdevkit/VOC2012/ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2007_000032\n2008_000045\n")
    (lists / "val.txt").write_text("2007_000039\n")
    (lists / "trainval.txt").write_text("2007_000032\n2007_000039\n2008_000045\n")
    (lists / "test.txt").write_text("2009_000000\n")
    return root


def test_the_lists_divide_the_images_that_have_a_mask_of_classes(voc):
    source = opened(voc)
    assert source.format == "pascal-voc"
    assert source.faults == ()
    assert pairs_of(source) == {
        "train": {f"{IMAGES}/{name}.jpg": f"{MASKS}/{name}.png" for name in NAMES[::2]},
        "val": {f"{IMAGES}/{NAMES[1]}.jpg": f"{MASKS}/{NAMES[1]}.png"},
    }
    assert [s.id for s in source.splits["val"]] == ["2007_000039"]
    assert any("3 VOCdevkit/VOC2012/*.jpg" in note for note in source.notes)
    assert any("the test split is left out" in note for note in source.notes)


def test_a_list_that_names_an_image_without_a_mask_is_a_fault(voc):
    (voc / "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt").write_text("2009_000001\n")
    (fault, _) = sorted(opened(voc).faults)
    assert (
        "1 of 1 lines name no image that has a mask, or several; the first is '2009_000001'"
        in fault
    )


def test_the_labels_of_voc_are_implied_by_its_image_names_alone(voc):
    taxonomy = layout_of("pascal-voc").taxonomy
    assert taxonomy(voc) == "voc21"
    (voc / "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt").write_text("IMG_0001\n")
    assert taxonomy(voc) is None


def test_an_export_of_cvat_has_its_own_labels_and_no_splits(tmp_path):
    root = lay_out(tmp_path, {f"JPEGImages/{n}.png": f"SegmentationClass/{n}.png" for n in "ab"})
    (root / "ImageSets/Segmentation").mkdir(parents=True)
    (root / "ImageSets/Segmentation/default.txt").write_text("a\nb\n")
    (root / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\n")
    source = opened(root)
    assert (source.format, layout_of("pascal-voc").taxonomy(root)) == ("pascal-voc", None)
    assert source.faults == ()
    assert [s.id for s in source.splits[UNDIVIDED]] == ["a", "b"]
