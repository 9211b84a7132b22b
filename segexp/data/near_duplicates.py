"""Pictures that look the same: re-encoded, shifted or exposed a little differently.

Equal digests find copies of a file only. Here a picture is brought to 96x72 grey levels, freed of
its coarse brightness and of its finest detail, laid over another one where they fit best, and
compared block by block: one block that differs, such as a car that has passed, tells two frames
of one street apart. How the limits were measured: ``benchmarks/near_duplicates.py``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

LOOK = (72, 96)
"""Height and width of a look."""

LIKENESS = 0.25
"""The most that two looks of one scene differ (see `difference`)."""

_COARSE = (
    0.85  # likeness of summaries: of copies 0.897 and more; others are not laid over each other
)
_CLOSEST = 8  # of one picture: more of them add to the listing, and not to the count
_FLAT = 1.0  # grey levels: less contrast than that is noise of the camera
_REACH, _MARGIN = 5, 8  # pixels of a look that a shift is searched in, and that are left out for it
_SHIFTS = (-4, -2, 0, 2, 4)
_BLOCKS = (4, 6)
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Looks:
    """The looks of a set of pictures.

    Attributes:
        ids: The pictures' ids, N of them.
        fine: Their looks without coarse brightness and finest detail, float32 (N, 72, 96).
        has_contrast: Whether there is anything to compare, (N,).
    """

    ids: tuple[str, ...]
    fine: NDArray[np.float32]
    has_contrast: NDArray[np.bool_]


def look_of(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the grey levels of a picture at the size of a look.

    Args:
        image: Uint8 (H, W, 3), RGB.

    Returns:
        Uint8 (72, 96).
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    shrinks = grey.shape[0] >= LOOK[0] and grey.shape[1] >= LOOK[1]
    by = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, LOOK[::-1], interpolation=by), np.uint8)


def make_looks(ids: Sequence[str], looks: Sequence[NDArray[np.uint8]]) -> Looks:
    """Prepare the looks of a set of pictures for `find_pairs`.

    Args:
        ids: The pictures' ids.
        looks: From `look_of`.
    """
    fine = np.zeros((len(looks), *LOOK), np.float32)
    for row, look in enumerate(looks):
        fine[row] = _band(look)
    return Looks(tuple(ids), fine, fine.std(axis=(1, 2)) >= _FLAT)


def find_pairs(some: Looks, others: Looks, limit: float = LIKENESS) -> list[tuple[str, str, float]]:
    """Find the pictures of one set that look the same as one of another.

    Every picture of the one set is compared with every one of the other by summaries, in a matrix
    product for each of 25 shifts; those that come close, by `difference`.

    Args:
        some: The set whose pictures are asked about.
        others: The set that is searched.
        limit: The largest `difference` of a pair.

    Returns:
        The id of the one, the id of the other, and their difference: by the place of the one, the
        most alike first. Of one picture at most 8 pairs.
    """
    found = []
    for row, candidates in _candidates(some, others):
        alike = [(difference(some.fine[row], others.fine[c]), others.ids[c]) for c in candidates]
        found += [(some.ids[row], id_, value) for value, id_ in sorted(alike) if value <= limit]
    return found


def _candidates(some: Looks, others: Looks) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield each picture with those of the other set that its summary is closest to."""
    if not some.ids or not others.ids:
        return
    count = min(_CLOSEST, len(others.ids))
    summaries = _summaries(others.fine, 0, 0) * others.has_contrast[:, None]
    for begin in range(0, len(some.ids), _ROWS_AT_ONCE):
        fine = some.fine[begin : begin + _ROWS_AT_ONCE]
        likeness = np.zeros((len(fine), len(summaries)), np.float32)
        for down, right in product(_SHIFTS, _SHIFTS):
            np.maximum(likeness, _summaries(fine, down, right) @ summaries.T, out=likeness)
        likeness *= some.has_contrast[begin : begin + _ROWS_AT_ONCE, None]
        closest = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        is_close = np.take_along_axis(likeness, closest, axis=1) >= _COARSE
        for row in np.flatnonzero(is_close.any(axis=1)):
            yield begin + int(row), closest[row][is_close[row]]


def _summaries(fine: NDArray[np.float32], down: int, right: int) -> NDArray[np.float32]:
    """Return the means of 8x8 pixels of shifted looks, of unit length: (N, 70)."""
    height, width = (side - 2 * _MARGIN for side in LOOK)
    top, left = _MARGIN + down, _MARGIN + right
    inner = fine[:, top : top + height, left : left + width]
    means = inner.reshape(len(fine), height // 8, 8, width // 8, 8).mean(axis=(2, 4))
    flat = means.reshape(len(fine), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    unit: NDArray[np.float32] = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return unit


def difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return how much two looks differ where they fit best, in their worst block.

    The root of the mean square of what the other one, shifted by up to 5 pixels of a look and
    brought to the same contrast, leaves of the one; in the worst of 4x6 blocks, as a share of the
    root mean square of the whole. 0 for the same picture, 1 and more for unrelated ones.

    Args:
        one: A picture's ``fine`` look, (72, 96).
        other: Likewise.
    """
    height, width = LOOK
    inner = one[_MARGIN : height - _MARGIN, _MARGIN : width - _MARGIN]
    around = _MARGIN - _REACH
    searched = other[around : height - around, around : width - around]
    scores = np.asarray(cv2.matchTemplate(searched, inner, cv2.TM_CCOEFF_NORMED), np.float32)
    _, _, _, (x, y) = cv2.minMaxLoc(scores)
    right, down = x - _REACH + _peak(scores[y], x), y - _REACH + _peak(scores[:, x], y)
    shift = np.array([[1, 0, -right], [0, 1, -down]], np.float32)
    moved = cv2.warpAffine(
        other, shift, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )[_MARGIN : height - _MARGIN, _MARGIN : width - _MARGIN]
    gain = float((inner * moved).sum()) / max(float((moved * moved).sum()), 1e-6)
    left = (inner - gain * moved) ** 2
    down_by, right_by = (side // n for side, n in zip(inner.shape, _BLOCKS, strict=True))
    blocks = left[: down_by * _BLOCKS[0], : right_by * _BLOCKS[1]].reshape(
        _BLOCKS[0], down_by, _BLOCKS[1], right_by
    )
    worst = float(blocks.mean(axis=(1, 3)).max())
    return float(np.sqrt(worst / max(float((inner * inner).mean()), 1e-6)))


def _peak(scores: NDArray[np.float32], at: int) -> float:
    """Return how far from its highest value the top of a parabola through it lies, in -0.5..0.5."""
    if not 0 < at < len(scores) - 1:
        return 0.0
    before, here, after = (float(v) for v in scores[at - 1 : at + 2])
    bend = before - 2 * here + after
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < -1e-9 else 0.0


def _band(look: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey = look.astype(np.float32)
    # The finest detail of a shrunk picture changes with every shift by a part of a pixel.
    return np.asarray(
        cv2.GaussianBlur(grey, (0, 0), 1.5) - cv2.GaussianBlur(grey, (0, 0), 6), np.float32
    )
