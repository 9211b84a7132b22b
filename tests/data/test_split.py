"""Images of a split, whole and in part, whether each is one tile or many."""

from dataclasses import replace

import numpy as np
import pytest

from segexp.data.split import Split, is_whole
from segexp.data.tiles import Places

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 4, 6, 3), np.uint8)
ONE_TILE = Split("val", ("a", "b", "c"), IMAGES, IMAGES[..., 0], np.zeros((3, 2, 256), np.int32))
# The second image is 4 x 10, in the tiles 1 and 2; the third 2 x 3, in the tile 0.
PLACED = replace(
    ONE_TILE,
    ids=("b", "c"),
    counts=np.zeros((2, 2, 256), np.int32),
    places=Places(np.array([1, 0]), np.array([[4, 10], [2, 3]])),
)


def test_images_have_their_own_sizes():
    assert ONE_TILE.size(2) == (4, 6)
    assert [PLACED.size(i) for i in range(2)] == [(4, 10), (2, 3)]
    wide = np.concatenate([IMAGES[1], IMAGES[2]], axis=1)[:, :10]
    assert np.array_equal(PLACED.image(0), wide)
    assert np.array_equal(PLACED.label(0), wide[..., 0])
    assert np.array_equal(PLACED.image(1), IMAGES[0, :2, :3])


@pytest.mark.parametrize("split", [ONE_TILE, PLACED])
def test_a_part_of_an_image_is_cut_out_of_the_whole(split: Split):
    for i in range(len(split)):
        box = (1, 1, 1, 2)
        assert np.array_equal(split.image_part(i, box), split.image(i)[1:2, 1:3])
        assert np.array_equal(split.label_part(i, box), split.label(i)[1:2, 1:3])


@pytest.mark.parametrize("split", [ONE_TILE, PLACED])
def test_a_part_of_a_split_has_the_same_images(split: Split):
    part = split.part("heldout", 1, len(split))
    assert part.ids == split.ids[1:]
    for i in range(len(part)):
        assert np.array_equal(part.image(i), split.image(i + 1))
        assert np.array_equal(part.label(i), split.label(i + 1))


def test_arrays_that_do_not_belong_together_are_found():
    assert is_whole(ONE_TILE, (4, 6)) and is_whole(PLACED, (4, 6))
    assert not is_whole(ONE_TILE, (4, 7))
    assert not is_whole(replace(ONE_TILE, labels=ONE_TILE.labels[:2]), (4, 6))
    assert not is_whole(replace(ONE_TILE, counts=None), (4, 6))
    assert not is_whole(replace(ONE_TILE, ids=("a",)), (4, 6))
    assert not is_whole(replace(PLACED, images=IMAGES[:2], labels=IMAGES[:2, ..., 0]), (4, 6))
