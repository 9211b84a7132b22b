"""COCO-Stuff, as it is unpacked and as its readme says."""

from dataclasses import replace

import pytest

from harness.trees import CAMVID, lay_out, opened, pairs_of
from segexp.core.errors import InputError
from segexp.data.layout import layout_of

NAMES = {"train": "000000000009", "val": "000000000139"}
TREES = {
    "{}2017/{}.jpg": "stuffthingmaps/{}2017/{}.png",
    "images/{}2017/{}.jpg": "annotations/{}2017/{}.png",
}


def pairs(images, masks):
    return {split: {images.format(split, n): masks.format(split, n)} for split, n in NAMES.items()}


@pytest.mark.parametrize("images", TREES)
def test_ids_are_read_before_train_ids(tmp_path, images):
    expected = pairs(images, TREES[images])
    for of_split in expected.values():
        lay_out(tmp_path, of_split)
        train_ids = {i: mask.replace(".png", "_labelTrainIds.png") for i, mask in of_split.items()}
        lay_out(tmp_path, train_ids)
    source = opened(tmp_path)
    assert source.format == "coco-stuff"
    assert source.faults == ()
    assert pairs_of(source) == expected
    assert layout_of("coco-stuff").taxonomy(tmp_path) == "cocostuff164k"


def test_train_ids_alone_are_read_by_their_own_numbers(tmp_path):
    expected = pairs("images/{}2017/{}.jpg", "annotations/{}2017/{}_labelTrainIds.png")
    for of_split in expected.values():
        lay_out(tmp_path, of_split)
    with pytest.raises(InputError, match="camvid11 has no encoding 'labelTrainIds'"):
        opened(tmp_path)
    both = {**CAMVID.encodings, "labelTrainIds": CAMVID.encodings["default"]}
    source = opened(tmp_path, replace(CAMVID, encodings=both))
    assert pairs_of(source) == expected
    assert source.reading == "labelTrainIds"


def test_other_data_in_these_folders_implies_nothing(tmp_path):
    lay_out(tmp_path, {"images/train2017/a.jpg": "annotations/train2017/a.png"})
    assert opened(tmp_path).format == "folder"
