"""The images of a split with their labels, as a cache has them, whole or in part."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.data.tiles import Box, Places, Size, expect_parts, read_part
from segexp.labels.taxonomy import VOID


@dataclass(frozen=True)
class Split:
    """Images with their label indices, memory-mapped and read-only.

    Attributes:
        name: ``train``, ``val``, or ``heldout``.
        ids: The samples' ids, in the order of the arrays.
        images: Tiles of images, uint8 (T, h, w, 3), RGB.
        labels: Tiles of label indices of the taxonomy with VOID, uint8 (T, h, w).
        counts: int32 (N, 2, 256), `label_counts.half_counts` of each image; None where they are
            not known yet.
        places: Where the images lie among the tiles; None where each is one whole tile.
    """

    name: str
    ids: tuple[str, ...]
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    counts: NDArray[np.int32] | None = None
    places: Places | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def size(self, i: int) -> Size:
        """Return height and width of image ``i``."""
        if self.places is None:
            return self.images.shape[1], self.images.shape[2]
        height, width = self.places.sizes[i].tolist()
        return height, width

    def image(self, i: int) -> NDArray[np.uint8]:
        """Return image ``i``, uint8 (H, W, 3)."""
        return self.image_part(i, (0, 0, *self.size(i)))

    def label(self, i: int) -> NDArray[np.uint8]:
        """Return the label indices of image ``i``, uint8 (H, W)."""
        return self.label_part(i, (0, 0, *self.size(i)))

    def image_part(self, i: int, box: Box) -> NDArray[np.uint8]:
        """Return a part of image ``i``, uint8 (height, width, 3); only its tiles are read."""
        return read_part(self.images, self._first(i), self.size(i), box)

    def label_part(self, i: int, box: Box) -> NDArray[np.uint8]:
        """Return the label indices of a part of image ``i``, uint8 (height, width)."""
        return read_part(self.labels, self._first(i), self.size(i), box)

    def part(self, name: str, begin: int, end: int) -> "Split":
        """Return the samples ``begin`` to ``end`` (exclusive); nothing is copied."""
        counts = None if self.counts is None else self.counts[begin:end]
        ids = self.ids[begin:end]
        if self.places is None:
            return Split(name, ids, self.images[begin:end], self.labels[begin:end], counts)
        places = Places(self.places.first[begin:end], self.places.sizes[begin:end])
        return Split(name, ids, self.images, self.labels, counts, places)

    def _first(self, i: int) -> int:
        return i if self.places is None else int(self.places.first[i])


def read_split(directory: Path, name: str, ids: Sequence[str]) -> Split:
    """Open the arrays of a split in the folder of a cache.

    Raises:
        OSError: When one is missing or cannot be read.
        ValueError: When one is no array.
    """
    images, labels, counts = (
        np.load(directory / f"{name}_{part}.npy", mmap_mode="r")
        for part in ("images", "labels", "counts")
    )
    file = directory / f"{name}_places.npy"
    places = None
    if file.exists():  # an earlier version has none: each image is one tile
        found = np.load(file)
        places = Places(found[:, 0], found[:, 1:])
        if np.array_equal(found, [(row, *images.shape[1:3]) for row in range(len(images))]):
            places = None
        else:
            expect_parts(images)
            expect_parts(labels)
    return Split(name, tuple(ids), images, labels, counts, places)


def is_whole(split: Split, tile: Size) -> bool:
    """Whether the arrays of a split belong together, in tiles of a size."""
    count, tiles = len(split), len(split.images)
    return (
        split.images.shape == (tiles, *tile, 3)
        and split.labels.shape == (tiles, *tile)
        and split.counts is not None
        and split.counts.shape == (count, 2, VOID + 1)
        and (tiles if split.places is None else len(split.places.sizes)) == count
        and (split.places is None or split.places.fit(tiles, tile))
    )
