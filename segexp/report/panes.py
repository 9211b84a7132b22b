"""The panes of a comparison, cut out of the picture that MLflow keeps of a trial.

The inverse of `segexp.report.pictures.comparison`. No other trace of what most trials predicted is
kept: their models are deleted.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segexp.report.pictures import (
    MIN_PANE_WIDTH,
    PANES_OF_COMPARISON,
    Pixels,
    enlarge,
    enlarged_by,
    gap_beside,
)


@dataclass(frozen=True, eq=False)
class Panes:
    """Image, truth and prediction as a comparison shows them: RGB, shape (H, W, 3) each.

    Masks are in their classes' colours, with void hatched.
    """

    image: Pixels
    truth: Pixels
    prediction: Pixels


def cut_panes(png: bytes) -> Panes | None:
    """Cut a comparison into its panes, at the size that they had before they were enlarged.

    Returns:
        None when it is no such picture.
    """
    stored = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) if png else None
    width = None if stored is None else _pane_width(stored.shape[1])
    if stored is None or width is None:
        return None
    picture = np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGR2RGB), np.uint8)
    gap = gap_beside(width)
    lefts = [gap + place * (width + gap) for place in range(PANES_OF_COMPARISON)]
    # The last pane, mistakes on grey, has no white pixel: text and legends do not fill a column.
    last_column = picture[:, lefts[-1] + width - 1]
    top, height = _longest_run(np.any(last_column < 255, axis=-1))
    if height < 1:
        return None
    panes = [picture[top : top + height, left : left + width] for left in lefts]
    factor = _enlarged_by(panes[0], panes[2])
    image, truth, prediction = (pane[::factor, ::factor].copy() for pane in panes[:3])
    return Panes(image, truth, prediction)


def _pane_width(whole: int) -> int | None:
    """Return how wide each pane of a comparison is; the whole grows with it."""
    low, high = 1, whole
    while low < high:
        middle = (low + high) // 2
        if _whole_width(middle) < whole:
            low = middle + 1
        else:
            high = middle
    return low if _whole_width(low) == whole else None


def _whole_width(pane: int) -> int:
    gap = gap_beside(pane)
    return gap + PANES_OF_COMPARISON * (pane + gap)


def _longest_run(marks: NDArray[np.bool_]) -> tuple[int, int]:
    """Return where the longest run of true values begins, and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    if not len(lengths):
        return 0, 0
    place = int(np.argmax(lengths))
    return int(starts[place]), int(lengths[place])


def _enlarged_by(*panes: Pixels) -> int:
    """Return the factor by which every pixel of panes without hatching was repeated."""
    height, width = panes[0].shape[:2]
    for factor in range(MIN_PANE_WIDTH, 1, -1):
        could_be = height % factor == 0 == width % factor and enlarged_by(width // factor) == factor
        if could_be and all(_is_repeated(pane, factor) for pane in panes):
            return factor
    return 1


def _is_repeated(pane: Pixels, factor: int) -> bool:
    corners = pane[::factor, ::factor]
    return np.array_equal(enlarge(corners, factor), pane)
