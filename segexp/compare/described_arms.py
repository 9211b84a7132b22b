"""What an answer says and shows of its arms, from their confusion matrices and predictions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.compare.page.pictures import ArmScene, arm_comparison, choose_scenes
from segexp.compare.shown_images import ShownImages
from segexp.compare.statistics.arms import ArmRuns
from segexp.evaluation.metrics import score
from segexp.evaluation.result import none_if_nan
from segexp.evaluation.statistics.bootstrap import Estimate, mean_iou, resampled_ious
from segexp.labels.information import bits_kept, bits_lost
from segexp.labels.mapping import Mapping
from segexp.report.pictures import encode_png


def described_arm(
    arm: ArmRuns, mapping: Mapping, common: Mapping, found: Estimate, pixels: NDArray[np.int64]
) -> dict[str, Any]:
    """Return the scores of an arm, and what its mapping keeps of the labels.

    Args:
        pixels: Pixels of each label index, shape (256,).
    """
    return {
        "bits_kept": none_if_nan(bits_kept(mapping, pixels)),
        "bits_lost": none_if_nan(bits_lost(mapping, pixels)),
        "native": scores_of_runs(arm.own),
        "common": scores_of_runs(arm.common),
        "common_argmax": scores_of_runs(arm.common_argmax),
        "interval_common": described_interval(found),
        "iou_native": class_ious(arm.own, mapping),
        "iou_common": class_ious(arm.common, common),
    }


def described_interval(found: Estimate) -> list[float | None]:
    """Return the ends of the interval of an arm's score; None where it has none."""
    return [none_if_nan(found.low), none_if_nan(found.high)]


def draw_scenes(arms: Sequence[ArmRuns], common: Mapping, shown: ShownImages) -> list[ArmScene]:
    """Draw the images on which the last arm gains or loses most against the first.

    The differences are means over the runs; the predictions drawn are those of the first run.
    """
    by_arm = np.stack([image_mious(arm) for arm in arms])
    differences = by_arm[-1] - by_arm[0]
    lookup = common.lookup()
    return [
        ArmScene(
            image_id=shown.ids[i],
            difference=float(differences[i]),
            scores=tuple(float(v) for v in by_arm[:, i]),
            picture=encode_png(
                arm_comparison(
                    shown.image_of(i),
                    lookup[shown.labels_of(i)],
                    shown.decided(i),
                    [arm.name for arm in arms],
                    common.colors,
                    common.names,
                    title="",
                )
            ),
        )
        for i in choose_scenes(differences)
    ]


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
