"""How sure the scores of one model on a split are, for other images like these."""

from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.data.cache import Dataset
from segexp.data.split import Split
from segexp.evaluation.statistics.bootstrap import (
    estimate,
    mean_iou,
    resample_weights,
    resampled_ious,
)
from segexp.evaluation.statistics.clusters import Clusters, make_clusters

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


def split_interval(
    confusions: NDArray[np.int64], split: Split, dataset: Dataset
) -> dict[str, Any] | None:
    """Return the 95% interval of a split's mIoU: ``low``, ``high``, ``clusters`` and ``caveat``.

    None for fewer than two images.

    Args:
        confusions: One matrix for each image of the split, as `miou_interval` takes them.
        split: Of ``dataset``.
    """
    if len(split) < 2:
        return None
    clusters = make_clusters("auto", split.ids, dataset.format_of(split))
    low, high = miou_interval(confusions, clusters)
    return {"low": low, "high": high, "clusters": clusters.kind, "caveat": clusters.caveat}


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
