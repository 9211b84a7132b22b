"""The scores of one arm on all images and on resamples of them, and their estimates.

Arrays of scores have shape (1 + B, R): row 0 is the score of each of R runs on all images, the
other rows are the same on B resamples of the images.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segexp.evaluation.statistics.bootstrap import Estimate, mean_iou, resampled_ious
from segexp.labels.iou import Floats


@dataclass(frozen=True, eq=False)
class ArmRuns:
    """The held-out confusion matrices of one arm; rows ground truth, columns prediction.

    R runs, N images, C classes of the arm's mapping, K of the common space; the last column is
    *none*. Run r of one arm is paired with run r of every other.

    Attributes:
        name: The mapping's name.
        own: In the mapping's own space, int64 (R, N, C, C + 1).
        common: In the common space, by the rule ``sum``, int64 (R, N, K, K + 1).
        common_argmax: In the common space by the rule ``argmax``, int64 (R, N, K, K + 1).
    """

    name: str
    own: NDArray[np.int64]
    common: NDArray[np.int64]
    common_argmax: NDArray[np.int64]


class Estimator(Protocol):
    """Estimates from scores (1 + B, R) that depend on some clusters of images; default: all."""

    def __call__(self, scores: Floats, clusters: float = ..., /) -> Estimate:
        """Return the mean over the runs, and how sure it is."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one arm.

    Attributes:
        own: mIoU in its own space, (1 + B, R).
        common: mIoU in the common space by rule of collapse, (1 + B, R) each.
        ious: IoU of the common classes by the rule ``sum``, (1 + B, R, K).
        own_ious: IoU of its own classes on all images, mean over the runs that have one, (C,).
    """

    name: str
    own: Floats
    common: dict[str, Floats]
    ious: Floats
    own_ious: Floats


def score_arm(arm: ArmRuns, weights: Floats) -> Scores:
    """Score an arm on images that are weighted by each row of (1 + B, N)."""
    ious, own_ious = resampled_ious(arm.common, weights), resampled_ious(arm.own, weights)
    return Scores(
        name=arm.name,
        own=mean_iou(own_ious),
        common={
            "sum": mean_iou(ious),
            "argmax": mean_iou(resampled_ious(arm.common_argmax, weights)),
        },
        ious=ious,
        own_ious=mean_iou(own_ious[0].T),
    )


def within(found: Estimate, lowest: float, highest: float) -> Estimate:
    """Cut an interval to the values that its quantity can have."""
    return replace(found, low=max(found.low, lowest), high=min(found.high, highest))
