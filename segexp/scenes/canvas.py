"""The supersampled surface that a scene is painted on: colours and labels side by side."""

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Colour = tuple[float, float, float]
"""Red, green, blue in 0..255, before light falls on it."""

SUBPIXEL_BITS = 4


def supersampling(height: int) -> int:
    """Return how many rows and columns a pixel of a picture of that height is painted with."""
    return 3 if height < 96 else 2


class Canvas:
    """Colours (h, w, 3) and labels (h, w), both uint8, at `scale` times the size of the picture.

    Positions are in image heights: x from the middle of the picture to the right, y from its top
    down. So nothing that paints knows how many pixels there are.
    """

    def __init__(self, height: int, width: int) -> None:
        self.scale = supersampling(height)
        self.rows = height * self.scale
        self.columns = width * self.scale
        self.colours = np.zeros((self.rows, self.columns, 3), np.uint8)
        self.labels = np.zeros((self.rows, self.columns), np.uint8)
        unit = float(1 << SUBPIXEL_BITS)
        self._fixed = self.rows * unit
        self._origin = np.array([(self.columns / 2 - 0.5) * unit, -0.5 * unit])

    @property
    def half_width(self) -> float:
        """Half the width of the picture, in image heights."""
        return self.columns / 2 / self.rows

    def fill(self, shapes: Floats, colour: Colour | None, label: int | None) -> None:
        """Fill polygons (N, 2) or (K, N, 2); None leaves the colours, or the labels, as they are.

        Where polygons of one call overlap, an even number of layers is left unpainted.
        """
        polygons = self._pixels(shapes)
        if colour is not None:
            cv2.fillPoly(self.colours, polygons, colour, cv2.LINE_8, SUBPIXEL_BITS)
        if label is not None:
            cv2.fillPoly(self.labels, polygons, (label,), cv2.LINE_8, SUBPIXEL_BITS)

    def shadow(self, shade: npt.NDArray[np.uint8], shapes: Floats, value: int) -> None:
        """Fill polygons of a plane (h, w) of this canvas' size with one value."""
        cv2.fillPoly(shade, self._pixels(shapes), (value,), cv2.LINE_8, SUBPIXEL_BITS)

    def positions(self) -> tuple[Floats, Floats]:
        """Where the pixel centres are, x (1, w) and y (h, 1), in image heights."""
        x = (np.arange(self.columns) + 0.5) / self.rows - self.half_width
        y = (np.arange(self.rows) + 0.5) / self.rows
        return x[None, :], y[:, None]

    def _pixels(self, shapes: Floats) -> list[npt.NDArray[np.int32]]:
        # OpenCV counts from pixel centres, in fixed point.
        fixed = np.rint(shapes * self._fixed + self._origin).astype(np.int32)
        return [fixed] if fixed.ndim == 2 else list(fixed)
