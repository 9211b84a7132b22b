"""How sure the scores of one model on a split are, for other images like these."""

from math import nan

import numpy as np
from numpy.typing import NDArray

from segexp.evaluation.statistics.bootstrap import (
    estimate,
    mean_iou,
    resample_weights,
    resampled_ious,
)
from segexp.evaluation.statistics.clusters import Clusters

RESAMPLES = 2_000

FEWEST_HOLDING = 5
"""A class in fewer clusters of images has no interval: its IoU depends on single images."""


def miou_interval(
    confusions: NDArray[np.int64], clusters: Clusters, seed: int = 0
) -> tuple[float, float]:
    """Return the ends of the mIoU's 95% interval, over the images alone.

    Another training of the same configuration may differ by more than that.

    Args:
        confusions: One matrix for each of N images, (N, K, K) or (N, K, K + 1), rows ground truth.
        clusters: Which images belong together, of the N.

    Returns:
        Low and high, in 0..1; NaN where no pixel has a class.
    """
    observed = mean_iou(resampled_ious(confusions[None], np.ones((1, len(confusions)))))
    weights = resample_weights(clusters.index, RESAMPLES, seed)
    resampled = mean_iou(resampled_ious(confusions[None], weights))
    found = estimate(observed[0], resampled, [0], clusters.effective, seed, one_run=True)
    return max(0.0, found.low), min(1.0, found.high)


def lower_ious(confusions: NDArray[np.int64], clusters: Clusters, seed: int = 0) -> list[float]:
    """Return the lower ends of the classes' 95% intervals, over the images alone.

    Args:
        confusions: One matrix for each of N images, (N, K, K + 1), rows ground truth.
        clusters: Which images belong together, of the N.

    Returns:
        For each of K classes, in 0..1; NaN for a class that too few clusters hold.
    """
    observed = resampled_ious(confusions[None], np.ones((1, len(confusions))))
    resampled = resampled_ious(confusions[None], resample_weights(clusters.index, RESAMPLES, seed))
    present = np.zeros((len(clusters.names), confusions.shape[1]), bool)
    np.logical_or.at(present, clusters.index, confusions.sum(axis=2) > 0)
    lower = []
    for k, holding in enumerate(present.sum(axis=0).tolist()):
        if holding < FEWEST_HOLDING:
            lower.append(nan)
            continue
        found = estimate(
            observed[0, :, k],
            resampled[..., k],
            [0],
            clusters.effective,
            seed,
            df_images=min(holding, clusters.effective) - 1,
            one_run=True,
        )
        lower.append(max(0.0, found.low))
    return lower
