"""Polygons in text files, drawn as masks of ids."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.core.files import read_bounded
from segexp.data.source import SampleFault

MAX_BYTES = 64 << 20
FEWEST_NUMBERS = 6
"""Of three corners; the four of a box are no polygon."""


@dataclass(frozen=True)
class Polygon:
    """The outline of an object.

    Attributes:
        id: The class.
        corners: float64 (N, 2), x and y from 0 to 1: the image's left upper to right lower corner.
    """

    id: int
    corners: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Its share of the image, by the shoelace formula."""
        (x, y), (next_x, next_y) = self.corners.T, np.roll(self.corners, -1, axis=0).T
        return abs(float((x * next_y - next_x * y).sum())) / 2


def read_polygons(path: Path) -> list[Polygon]:
    """Read a file of Ultralytics' form: a line ``class x1 y1 x2 y2 ...`` for each object.

    Raises:
        SampleFault: When it cannot be read, or a line is of another form.
    """
    try:
        lines = read_bounded(path, MAX_BYTES).decode().splitlines()
    except InputError as error:
        raise SampleFault(str(error)) from None
    except UnicodeDecodeError:
        raise SampleFault(f"{path}: not text") from None
    return [_polygon(path, n, line.split()) for n, line in enumerate(lines, 1) if line.strip()]


def _polygon(path: Path, number: int, words: list[str]) -> Polygon:
    try:
        id_ = int(words[0])
        numbers = np.array(words[1:], np.float64)
    except ValueError:
        raise SampleFault(f"{path}:{number}: expected `class x1 y1 x2 y2 ...`") from None
    if len(numbers) == FEWEST_NUMBERS - 2:
        raise SampleFault(f"{path}:{number}: a box, not a polygon: it says nothing of pixels")
    if id_ < 0 or len(numbers) < FEWEST_NUMBERS or len(numbers) % 2:
        raise SampleFault(
            f"{path}:{number}: class {id_} with {len(numbers)} numbers; expected a class from 0 on "
            "and x and y of three corners or more"
        )
    if not (np.isfinite(numbers).all() and (numbers >= 0).all() and (numbers <= 1).all()):
        raise SampleFault(f"{path}:{number}: corners outside of 0 to 1, the image's sides")
    return Polygon(id_, numbers.reshape(-1, 2))


def draw_polygons(
    polygons: list[Polygon], height: int, width: int, background: int
) -> NDArray[np.int32]:
    """Draw polygons as ids, int32 (H, W): of two that overlap, the smaller one lies on top.

    A pixel belongs to a polygon when its centre is inside, by the even-odd rule. Pillow and OpenCV
    draw the outline, too, which makes objects larger and moves them.

    Args:
        polygons: In any order.
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        background: The id of what no polygon covers.
    """
    ids = np.full((height, width), background, np.int32)
    for polygon in sorted(polygons, key=lambda p: -p.area):
        ids[_inside(polygon.corners * (width, height), height, width)] = polygon.id
    return ids


def _inside(corners: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    """Return which pixels' centres are inside, (H, W): right of an odd number of edges."""
    (x, y), (next_x, next_y) = corners.T, np.roll(corners, -1, axis=0).T
    centres = np.arange(height)[:, None] + 0.5
    rows, edges = np.nonzero((y <= centres) != (next_y <= centres))
    slopes = (next_x - x)[edges] / (next_y - y)[edges]
    crossed_at = x[edges] + (rows + 0.5 - y[edges]) * slopes
    columns = np.ceil(crossed_at - 0.5).astype(np.int64).clip(0, width)
    crossings = np.zeros((height, width + 1), np.int32)
    np.add.at(crossings, (rows, columns), 1)
    inside: NDArray[np.bool_] = crossings.cumsum(axis=1)[:, :width] % 2 == 1
    return inside
