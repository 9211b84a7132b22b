"""Arrays of tiles on disk: a part of an image is read without the rest of it.

An array of tiles has shape (T, h, w, ...). The tiles of an image follow each other row by row, and
what those at its right and bottom have beyond the image means nothing. Where a tile is as large as
the images, each image is one tile.
"""

import mmap
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import product
from math import ceil, prod
from pathlib import Path
from threading import Lock
from types import TracebackType

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from segexp.core.data_config import Resize

Size = tuple[int, int]
Box = tuple[int, int, int, int]
"""Top, left, height and width of a part of an image, in pixels."""

TILE = (128, 128)
"""Of images that are large or of several sizes: 48 KiB of an image, 16 KiB of a mask."""

MOST_WHOLE = 256 * 512
"""Pixels of an image up to which it is one tile: what a crop leaves out is not worth a seek."""

_HEADER = 4096
"""Bytes before the first tile, so that each tile begins where a page of memory does: the system
fetches whole pages."""


@dataclass(frozen=True)
class Places:
    """Where images lie in arrays of tiles.

    Attributes:
        first: The first tile of each, int64 (N,).
        sizes: Height and width of each, int64 (N, 2).
    """

    first: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def fit(self, tiles: int, tile: Size) -> bool:
        """Whether all images lie in an array of so many tiles of a size."""
        counts = -(-self.sizes[:, 0] // tile[0]) * -(-self.sizes[:, 1] // tile[1])
        inside = (self.first >= 0) & (counts > 0) & (self.first + counts <= tiles)
        return bool(inside.all())


@dataclass(frozen=True)
class Tiling:
    """How images are cut into tiles.

    Attributes:
        tile: Height and width of a tile.
        is_whole: Whether each image is one tile, and its number is that of the image.
    """

    tile: Size
    is_whole: bool


def tiling_for(rule: Resize, image_size: Size, some: Callable[[], Collection[Size]]) -> Tiling:
    """Return how images are cut that are resized by a rule.

    Args:
        rule: ``data.resize``.
        image_size: ``data.image_size``.
        some: Returns the sizes of some images after resizing; where they are small and one, that is
            the tile, and an image of another size takes several, or a part of one.
    """
    if rule in ("stretch", "fit") and prod(image_size) <= MOST_WHOLE:
        return Tiling(image_size, True)
    sizes = set(some())
    if len(sizes) == 1 and prod(size := sizes.pop()) <= MOST_WHOLE:
        return Tiling(size, False)
    return Tiling(TILE, False)


def tiles_of(size: Size, tile: Size) -> Size:
    """Return how many rows and columns of tiles an image has."""
    return ceil(size[0] / tile[0]), ceil(size[1] / tile[1])


def read_part(tiles: NDArray[np.uint8], first: int, size: Size, box: Box) -> NDArray[np.uint8]:
    """Read a part of an image from the tiles that it touches; a view where that is one.

    Args:
        tiles: Shape (T, h, w, ...).
        first: The image's first tile.
        size: Its height and width.
        box: Lies within the image.

    Returns:
        Shape (height, width, ...) of the box.
    """
    high, wide = tiles.shape[1:3]
    top, left, height, width = box
    if (height, width) == (high, wide) == size:
        whole: NDArray[np.uint8] = tiles[first]
        return whole
    columns = tiles_of(size, (high, wide))[1]
    rows_touched = range(top // high, (top + height - 1) // high + 1)
    columns_touched = range(left // wide, (left + width - 1) // wide + 1)
    part = np.empty((height, width, *tiles.shape[3:]), np.uint8)
    if len(rows_touched) > 1 or len(columns_touched) > 1:
        for row in rows_touched:
            begin = first + row * columns + columns_touched[0]
            _advise(tiles, "MADV_WILLNEED", begin, len(columns_touched))
    for row, column in product(rows_touched, columns_touched):
        tile = tiles[first + row * columns + column]
        down, right = row * high - top, column * wide - left  # of the tile in the part
        piece: NDArray[np.uint8] = tile[
            max(0, -down) : height - down, max(0, -right) : width - right
        ]
        if len(rows_touched) == len(columns_touched) == 1:
            return piece
        part[max(0, down) : down + high, max(0, right) : right + wide] = piece
    return part


def expect_parts(tiles: NDArray[np.uint8]) -> None:
    """Tell the system that parts are read, so that it fetches nothing beside what is asked for."""
    _advise(tiles, "MADV_RANDOM", 0, len(tiles))


def _advise(tiles: NDArray[np.uint8], advice: str, first: int, count: int) -> None:
    memory, option = getattr(tiles, "_mmap", None), getattr(mmap, advice, None)
    bytes_of_tile = prod(tiles.shape[1:])
    if memory is not None and option is not None and bytes_of_tile % mmap.PAGESIZE == 0:
        memory.madvise(option, first * bytes_of_tile, count * bytes_of_tile)


class TileFile:
    """A new npy file of tiles of uint8, which images are written into in any order, in any thread.

    It is synced when it is closed. Tiles are written, not mapped: a full disk is then an OSError,
    where a memory map would kill the process.

    Args:
        path: A file that does not exist.
        tile: The shape of a tile, (h, w) or (h, w, channels).
    """

    def __init__(self, path: Path, tile: tuple[int, ...]) -> None:
        self._file = path.open("xb")
        self._tile = tile
        self._count = 0
        self._lock = Lock()

    def __enter__(self) -> "TileFile":
        return self

    def write(self, first: int, image: NDArray[np.uint8]) -> None:
        """Write the tiles of an image, the first of which has a number.

        Raises:
            OSError: When the disk is full.
        """
        high, wide, *channels = self._tile
        rows, columns = tiles_of((image.shape[0], image.shape[1]), (high, wide))
        filled = np.zeros((rows * high, columns * wide, *channels), np.uint8)
        filled[: image.shape[0], : image.shape[1]] = image
        tiles = filled.reshape(rows, high, columns, wide, *channels).swapaxes(1, 2)
        place = _HEADER + first * prod(self._tile)
        data = memoryview(tiles.tobytes())
        with self._lock:
            self._count = max(self._count, first + rows * columns)
        while data:
            written = os.pwrite(self._file.fileno(), data, place)
            place, data = place + written, data[written:]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                shape = (self._count, *self._tile)
                text = repr({"descr": "|u1", "fortran_order": False, "shape": shape}).encode()
                begin = npy_format.magic(1, 0)
                length = _HEADER - len(begin) - 2
                header = begin + length.to_bytes(2, "little") + text.ljust(length - 1) + b"\n"
                os.pwrite(self._file.fileno(), header, 0)
                os.fsync(self._file.fileno())
        finally:
            self._file.close()
