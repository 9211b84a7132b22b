"""Parts of images from tiles: the pixels that slicing the whole image gives, and no other tiles."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segexp.core.data_config import Factor
from segexp.data.tiles import Places, TileFile, Tiling, read_part, tiles_of, tiling_for


def stored(path: Path, images: list[np.ndarray], tile: tuple[int, ...]) -> list[int]:
    """Write images one behind the other; return the first tile of each."""
    counts = [np.prod(tiles_of(image.shape[:2], tile[:2])) for image in images]
    first = [0, *np.cumsum(counts[:-1]).tolist()]
    with TileFile(path, tile) as file:
        for number in reversed(range(len(images))):  # in any order
            file.write(first[number], images[number])
    return first


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_part_is_what_slicing_the_image_gives(tmp_path_factory, data):
    side = st.integers(1, 11)
    high, wide = data.draw(side), data.draw(side)
    sizes = data.draw(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1))
    rng = np.random.default_rng(0)
    channels = data.draw(st.sampled_from([(), (3,)]))
    images = [rng.integers(0, 256, (*size, *channels), np.uint8) for size in sizes]
    path = tmp_path_factory.mktemp("tiles") / "x.npy"
    first = stored(path, images, (high, wide, *channels))
    tiles = np.load(path, mmap_mode="r")
    for image, tile, (height, width) in zip(images, first, sizes, strict=True):
        top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
        box = (top, left, data.draw(st.integers(1, height - top)), 1 + (width - left - 1) // 2)
        part = read_part(tiles, tile, (height, width), box)
        assert np.array_equal(part, image[top : top + box[2], left : left + box[3]])


def test_only_the_tiles_that_a_part_touches_are_read(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (30, 50), np.uint8)
    stored(tmp_path / "x.npy", [image], (10, 10))
    read = []

    class Watched(np.ndarray):
        def __getitem__(self, key):
            if isinstance(key, int):
                read.append(key)
            return np.asarray(self)[key]

    tiles = np.load(tmp_path / "x.npy").view(Watched)
    read_part(tiles, 0, (30, 50), (9, 20, 11, 10))  # rows 9..19, columns 20..29 of 3 by 5 tiles
    assert read == [2, 7]


def test_every_tile_begins_where_a_page_of_memory_does(tmp_path):
    stored(tmp_path / "x.npy", [np.zeros((300, 200, 3), np.uint8)], (128, 128, 3))
    tiles = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert tiles.shape == (6, 128, 128, 3)
    assert {tile.ctypes.data % 4096 for tile in tiles} == {0}


def test_an_image_that_does_not_lie_among_the_tiles_is_found():
    sizes = np.array([[128, 129], [1, 1]])
    assert Places(np.array([0, 2]), sizes).fit(3, (128, 128))
    assert not Places(np.array([0, 2]), sizes).fit(2, (128, 128))
    assert not Places(np.array([2, 0]), sizes).fit(3, (128, 128))
    assert not Places(np.array([-1, 2]), sizes).fit(3, (128, 128))
    assert not Places(np.array([0, 2]), np.array([[128, 129], [0, 1]])).fit(3, (128, 128))


MIXED = ((64, 128), (64, 127))


@pytest.mark.parametrize(
    ("rule", "image_size", "some", "tiling"),
    [
        ("stretch", (64, 128), None, Tiling((64, 128), True)),
        ("fit", (256, 512), None, Tiling((256, 512), True)),
        ("fit", (512, 1024), [(512, 1000)] * 2, Tiling((128, 128), False)),
        ("none", (64, 128), [(180, 240)] * 5, Tiling((180, 240), False)),
        ("none", (64, 128), MIXED, Tiling((128, 128), False)),
        (Factor(factor=0.5), (64, 128), [(257, 512)], Tiling((128, 128), False)),
    ],
)
def test_small_images_are_one_tile_each(rule, image_size, some, tiling):
    looked = pytest.fail if some is None else lambda: some
    assert tiling_for(rule, image_size, looked) == tiling
