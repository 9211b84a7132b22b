"""Parts of images that training sees, drawn and then read."""

from dataclasses import replace

import numpy as np
import pytest

from segexp.data.augment import FILL, padded
from segexp.data.crops import TRIES, Crops, read_crop
from segexp.data.split import Split
from segexp.data.tiles import Places

IDENTITY = np.arange(256, dtype=np.uint8)
HEIGHT, WIDTH = 90, 120
ROWS, COLUMNS = np.indices((HEIGHT, WIDTH), np.uint8)
PLACES = np.stack([ROWS, COLUMNS, ROWS ^ COLUMNS], axis=-1)
"""An image whose pixels say where they are."""


def split_of(labels: np.ndarray) -> Split:
    return Split("train", ("a",), PLACES[None], labels[None])


def drawn(labels: np.ndarray, crops: Crops, seeds: int = 200):
    split = split_of(labels)
    for seed in range(seeds):
        yield read_crop(split, 0, IDENTITY, crops, np.random.default_rng(seed))


def test_a_part_is_cut_out_of_image_and_labels_at_one_place_and_comes_to_every_border():
    tops, lefts = set(), set()
    for image, classes in drawn(ROWS ^ COLUMNS, Crops((32, 64)), 2000):
        top, left = int(image[0, 0, 0]), int(image[0, 0, 1])
        assert np.array_equal(image, PLACES[top : top + 32, left : left + 64])
        assert np.array_equal(classes, (ROWS ^ COLUMNS)[top : top + 32, left : left + 64])
        tops.add(top)
        lefts.add(left)
    assert tops == set(range(HEIGHT - 32 + 1))
    assert lefts == set(range(WIDTH - 64 + 1))


def test_a_part_is_as_much_larger_than_the_crop_as_the_factor_is_smaller_than_1():
    sides = []
    for image, classes in drawn(np.zeros((HEIGHT, WIDTH), np.uint8), Crops((32, 64), zoom=0.25)):
        assert image.shape == (32, 64, 3)
        assert classes.shape == (32, 64)
        steps = np.ptp(image[..., 0].astype(int)), np.ptp(image[..., 1].astype(int))
        # From 32 / 1.25 = 25.6 rows to 32 / 0.75 = 42.7, and twice as many columns.
        assert steps[1] == pytest.approx(2 * steps[0], abs=3)
        sides.append(steps[0] + 1)
    assert min(sides) in (25, 26, 27)
    assert max(sides) in (41, 42, 43)
    # The factor is uniform, so that half of the parts are smaller than the crop.
    assert 0.4 < np.mean(np.array(sides) < 32) < 0.6


def test_where_the_image_is_smaller_than_the_crop_the_rest_is_void_at_a_random_place():
    places = set()
    for image, classes in drawn(ROWS % 7, Crops((128, 64))):
        inside = (classes != 255).any(axis=1)
        first = int(inside.argmax())
        assert inside.sum() == HEIGHT
        assert np.array_equal(image[first : first + HEIGHT, :, 0], ROWS[:, :64])
        assert np.array_equal(classes[first : first + HEIGHT], ROWS[:, :64] % 7)
        assert (image[~inside] == FILL).all()
        places.add(first)
    assert places == set(range(128 - HEIGHT + 1))


def test_a_class_has_at_most_its_share_of_what_is_not_void_where_ten_places_have_one():
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[:, 90:] = 1
    labels[:, :10] = 255
    free = [c for _, c in drawn(labels, Crops((32, 32)))]
    capped = [c for _, c in drawn(labels, Crops((32, 32), max_share=0.75))]

    def too_many(parts):
        shares = [np.bincount(c[c != 255], minlength=2).max() / (c != 255).sum() for c in parts]
        return np.mean(np.array(shares) > 0.75)

    # Of 89 places, the part lies 66 to 82 to have a quarter of each class: 17 of 89.
    assert too_many(free) == pytest.approx(1 - 17 / 89, abs=0.08)
    assert too_many(capped) == pytest.approx((1 - 17 / 89) ** TRIES, abs=0.08)


def test_a_part_of_void_alone_is_drawn_again():
    labels = np.full((HEIGHT, WIDTH), 255, np.uint8)
    labels[:, ::2][:, :20] = np.arange(40)[None, ::2] % 3  # columns 0..39
    parts = [c for _, c in drawn(labels, Crops((32, 32), max_share=0.9))]
    assert np.mean([(c == 255).all() for c in parts]) < 0.05


def test_a_part_lies_around_a_pixel_of_a_rare_class_each_as_often_as_it_is_rare():
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[45, 60] = 1
    labels[2, 3] = 2
    labels[80, 100] = 255
    pixels = np.array([10**9, 100, 300, 1])  # the last one is not in this image
    crops = Crops((32, 64), rare=1.0, pixels=pixels)
    parts = list(drawn(labels, crops, 400))
    first = [image[0, 0, :2].tolist() for image, classes in parts]
    assert {tuple(place) for place in first} == {(45 - 16, 60 - 32), (0, 0)}
    # One over 100 against one over 300: three of four lie around class 1.
    assert np.mean([place == [29, 28] for place in first]) == pytest.approx(0.75, abs=0.06)
    half = list(drawn(labels, replace(crops, rare=0.5), 400))
    around = [image[0, 0, :2].tolist() in ([29, 28], [0, 0]) for image, _ in half]
    assert np.mean(around) == pytest.approx(0.5, abs=0.06)


def test_an_image_without_a_class_has_no_rare_pixel():
    void = np.full((HEIGHT, WIDTH), 255, np.uint8)
    crops = Crops((32, 64), rare=1.0, pixels=np.array([1, 1]))
    assert len({int(image[0, 0, 0]) for image, _ in drawn(void, crops)}) > 30


class Watched(np.ndarray):
    """Tiles that remember which of them were read."""

    read: set[int]

    def __getitem__(self, key):
        if isinstance(key, int):
            self.read.add(key)
        return np.asarray(self)[key]


@pytest.mark.parametrize(("zoom", "most"), [(0.0, 4), (0.5, 9)])
def test_no_tile_is_read_beside_those_that_the_part_touches(zoom: float, most: int):
    tiles = np.zeros((64, 32, 32, 3), np.uint8).view(Watched)
    masks = np.zeros((64, 32, 32), np.uint8).view(Watched)
    places = Places(np.array([0]), np.array([[256, 256]]))
    split = Split("train", ("a",), tiles, masks, None, places)
    for seed in range(50):
        tiles.read, masks.read = set(), set()
        read_crop(split, 0, IDENTITY, Crops((32, 32), zoom=zoom), np.random.default_rng(seed))
        assert tiles.read == masks.read
        assert 1 <= len(tiles.read) <= most  # of 64


def test_a_smaller_image_is_put_into_a_frame():
    image, classes = padded(PLACES, ROWS, (96, 128), (2, 3))
    assert np.array_equal(image[2 : 2 + HEIGHT, 3 : 3 + WIDTH], PLACES)
    assert np.array_equal(classes[2 : 2 + HEIGHT, 3 : 3 + WIDTH], ROWS)
    assert (classes == 255).sum() == 96 * 128 - HEIGHT * WIDTH
    assert (image[classes == 255] == FILL).all()
    assert padded(PLACES, ROWS, (HEIGHT, WIDTH))[0] is PLACES
