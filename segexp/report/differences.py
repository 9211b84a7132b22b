"""Where two predictions differ: which of them is right, and the colours that say so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segexp.labels.taxonomy import VOID, Color
from segexp.report.pictures import Pixels

# Okabe and Ito's: told apart by colour-blind readers too, and on grey.
FIRST_RIGHT: Color = (213, 94, 0)
LAST_RIGHT: Color = (0, 114, 178)
BOTH_WRONG: Color = (0, 0, 0)

NONE_NAME = "none: a class outside the common space"
_LOUD: tuple[Color, ...] = ((255, 0, 255), (0, 255, 255), (255, 255, 0), (255, 140, 0))
_DISTINCT = 100.0
"""Colours at least this far apart, in RGB units, are not mistaken for each other."""


@dataclass(frozen=True, eq=False)
class Rights:
    """Which pixels two predictions get right; void is nowhere. Shape (H, W) each."""

    only_first: NDArray[np.bool_]
    only_last: NDArray[np.bool_]
    neither: NDArray[np.bool_]


def rights(truth: Pixels, first: Pixels, last: Pixels) -> Rights:
    """Compare two predictions with the truth, (H, W) each, classes of one space.

    Example:
        >>> found = rights(*(np.array([r], np.uint8) for r in ([0, 1, 1], [0, 0, 0], [1, 1, 2])))
        >>> found.only_first.tolist(), found.only_last.tolist(), found.neither.tolist()
        ([[True, False, False]], [[False, True, False]], [[False, False, True]])
    """
    by_first, by_last = first == truth, last == truth
    return Rights(by_first & ~by_last, by_last & ~by_first, ~by_first & ~by_last & (truth != VOID))


def on_grey(color: Color) -> Color:
    """Return a colour as `segexp.report.pictures.mark_pixels` shows it."""
    red, green, blue = (c // 4 * 3 + 40 for c in color)
    return (red, green, blue)


def with_none(colors: Pixels, names: Sequence[str]) -> tuple[Pixels, list[str]]:
    """Add *none*, a prediction outside the space, to the colours (K, 3) and names of K classes.

    Its colour is the first loud one that is far from all classes' colours, else magenta.
    """
    far = (
        loud
        for loud in _LOUD
        if (np.linalg.norm(colors.astype(float) - loud, axis=1) >= _DISTINCT).all()
    )
    none = np.array([next(far, _LOUD[0])], np.uint8)
    return np.vstack([colors, none]), [*names, NONE_NAME]
