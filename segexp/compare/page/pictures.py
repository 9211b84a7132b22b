"""Pictures of an A/B study: what the arms predict in the common space, and where they differ.

Plain arrays, colours and names in; nothing here knows a mapping or a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segexp.data.resize import resize_image, resize_labels
from segexp.labels.taxonomy import VOID
from segexp.report.differences import (
    BOTH_WRONG,
    FIRST_RIGHT,
    LAST_RIGHT,
    on_grey,
    rights,
    with_none,
)
from segexp.report.legend import Entry
from segexp.report.pictures import (
    MIN_PANE_WIDTH,
    Pixels,
    class_areas,
    class_entries,
    compose,
    enlarge,
    mark_pixels,
    paint_hatched,
)

MAX_PANE_WIDTH = 400
"""Wider images are subsampled: a page holds a dozen pictures of five panes or more."""

MAX_COLUMNS = 5
"""More panes than this are laid out in rows: a page shrinks a wide picture with its text."""

_NO_IMAGE = 200
"""The grey on which differences are marked where there is no image."""


@dataclass(frozen=True)
class ArmScene:
    """One image of an A/B study, and what the arms predict for it.

    Attributes:
        difference: Its mIoU in the common space, last arm minus first, mean over the runs.
        scores: Its mIoU in the common space by arm, in the order of the arms, mean over the runs.
        picture: What `arm_comparison` draws, as PNG or WebP.
    """

    image_id: str
    difference: float
    scores: tuple[float, ...]
    picture: bytes


def choose_scenes(differences: NDArray[np.float64], count: int = 12) -> list[int]:
    """Choose the images to show: those where the last arm gains most, and where it loses most.

    Args:
        differences: Score of the last arm minus that of the first, by image, shape (N,). Images
            without one (NaN) are never chosen.
        count: How many; an odd count has one more gain than losses.

    Returns:
        Indices into ``differences``, from the largest gain to the largest loss; ties keep their
        order. All images with a difference where there are at most ``count``.
    """
    order = [int(i) for i in np.argsort(-differences, kind="stable") if np.isfinite(differences[i])]
    if len(order) <= count:
        return order
    losses = max(0, count) // 2
    gains = max(0, count) - losses
    return order[:gains] + order[len(order) - losses :]


def arm_comparison(  # noqa: PLR0917 - masks, names and colours, as in `comparison`
    image: Pixels | None,
    truth: Pixels,
    predictions: Sequence[Pixels],
    arm_names: Sequence[str],
    colors: Pixels,
    names: Sequence[str],
    title: str,
) -> Pixels:
    """Lay out image | ground truth | each arm's prediction | where the first and last arm differ.

    The last pane colours the pixels where only the first arm is right, where only the last arm
    is, and where both are wrong in different ways; the rest is grey: both right, or the same
    mistake. Void is hatched. Small pictures are enlarged and large ones subsampled by a whole
    factor.

    Args:
        image: RGB, shape (H, W, 3); None leaves out its pane.
        truth: Classes of the common space or VOID, shape (H, W).
        predictions: Of at least two arms: classes of the common space, or their number K for
            "none", a predicted class that falls into no class of the space; shape (H, W) each.
        colors: Shape (K, 3).
        title: One line above the panes, or empty.

    Returns:
        RGB, larger than the panes by the captions, the title and the legend.

    Raises:
        ValueError: When a mask holds an index that is not a class.
    """
    colors_and_none, names_and_none = with_none(colors, names)
    areas = np.append(class_areas(truth, len(colors)), 0)
    for prediction in predictions:
        areas += class_areas(prediction, len(colors_and_none))
    void = truth == VOID
    scored = int((~void).sum())
    first, last = predictions[0], predictions[-1]
    pair = "the arms" if len(predictions) == 2 else "first and last"
    panes = [] if image is None else [("image", _fit_image(image))]
    panes.append(("ground truth", _painted(truth, colors)))
    panes += [
        (
            f"{name}: {_share(int(((p != truth) & ~void).sum()), scored)} wrong",
            _painted(p, colors_and_none),
        )
        for name, p in zip(arm_names, predictions, strict=True)
    ]
    shown = np.full((*truth.shape, 3), _NO_IMAGE, np.uint8) if image is None else image
    differing = _share(int(((first != last) & ~void).sum()), scored)
    panes.append((f"{pair} differ: {differing}", _difference(shown, truth, first, last)))
    rows = -(-len(panes) // MAX_COLUMNS)
    return compose(
        panes,
        [
            _difference_entries(arm_names[0], arm_names[-1]),
            class_entries(areas, colors_and_none, names_and_none, scored < truth.size),
        ],
        title,
        columns=-(-len(panes) // rows),
    )


def _difference(image: Pixels, truth: Pixels, first: Pixels, last: Pixels) -> Pixels:
    small_truth, small_first, small_last = (_fit(mask) for mask in (truth, first, last))
    found = rights(small_truth, small_first, small_last)
    return mark_pixels(
        _fit_image(image),
        small_truth,
        [
            (found.only_first, FIRST_RIGHT),
            (found.only_last, LAST_RIGHT),
            (found.neither & (small_first != small_last), BOTH_WRONG),
        ],
    )


def _difference_entries(first: str, last: str) -> list[Entry]:
    return [
        (f"only {first} is right", on_grey(FIRST_RIGHT)),
        (f"only {last} is right", on_grey(LAST_RIGHT)),
        ("both wrong, in different ways", on_grey(BOTH_WRONG)),
    ]


def _painted(mask: Pixels, colors: Pixels) -> Pixels:
    return paint_hatched(_fit(mask), colors)


def _fit(mask: Pixels) -> Pixels:
    return enlarge(resize_labels(mask, _thinned(mask)), _factor(mask))


def _fit_image(image: Pixels) -> Pixels:
    return enlarge(resize_image(image, _thinned(image)), _factor(image))


def _factor(pixels: Pixels) -> int:
    return max(1, -(-MIN_PANE_WIDTH // int(pixels.shape[1])))


def _thinned(pixels: Pixels) -> tuple[int, int]:
    """Return height and width, divided by the factor that makes a pane narrow enough."""
    height, width = pixels.shape[:2]
    step = max(1, -(-width // MAX_PANE_WIDTH))
    return -(-height // step), -(-width // step)


def _share(count: int, scored: int) -> str:
    return f"{100 * count / scored:.1f}%" if scored else "-"
