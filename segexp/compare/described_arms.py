"""What ``ab_result.json`` says about an arm that its confusion matrices tell."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.compare.statistics.arms import ArmRuns, mean_iou
from segexp.compare.statistics.bootstrap import resampled_ious
from segexp.evaluation.metrics import score
from segexp.evaluation.result import none_if_nan
from segexp.labels.mapping import Mapping


def scores_of_runs(confusions: NDArray[np.int64]) -> dict[str, Any]:
    """Return the scores of the runs of an arm, (R, N, K, K + 1)."""
    scores = [score(run.sum(axis=0)) for run in confusions]
    return {
        "mean": none_if_nan(float(np.mean([s.miou for s in scores]))),
        "runs": [none_if_nan(s.miou) for s in scores],
        "classes_in_mean": scores[0].classes_in_mean,  # from the truth, which all runs share
        "classes_predicted_only": [s.classes_predicted_only for s in scores],
    }


def class_ious(confusions: NDArray[np.int64], space: Mapping) -> dict[str, float | None]:
    """Return the IoU of each class that the truth has, mean over the runs."""
    ious = resampled_ious(confusions, np.ones((1, confusions.shape[1])))[0]
    means = mean_iou(ious.T)
    return {name: none_if_nan(iou) for name, iou in zip(space.names, means, strict=True)}


def image_mious(arm: ArmRuns) -> NDArray[np.float64]:
    """Return the mIoU of each image in the common space, mean over the runs; shape (N,)."""
    each = resampled_ious(arm.common, np.eye(arm.common.shape[1]))
    return mean_iou(mean_iou(each))


def described_space(space: Mapping) -> dict[str, Any]:
    """Return the common space as plain values: its name, classes and void labels."""
    return {
        "name": space.name,
        "classes": [
            {"name": c.name, "color": list(c.color), "labels": list(c.labels)}
            for c in space.classes
        ],
        "void": list(space.void_labels),
    }
