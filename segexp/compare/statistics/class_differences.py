"""By how much two arms differ in the classes of the common space, one by one and in groups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segexp.compare.statistics.groups import ClassGroups
from segexp.compare.statistics.pair import ClassComparison, DroppedComparison, GroupComparison
from segexp.compare.statistics.scores import ArmRuns, Estimator, Scores, within
from segexp.compare.statistics.verdict import holm
from segexp.evaluation.statistics.bootstrap import NOTHING, Estimate, at_level, mean_iou
from segexp.evaluation.statistics.clusters import Clusters
from segexp.evaluation.statistics.intervals import FEWEST_HOLDING
from segexp.evaluation.statistics.level import LEVEL
from segexp.labels.iou import Floats


@dataclass(frozen=True, eq=False)
class CommonClasses:
    """The K classes of the common space.

    Attributes:
        has: Which of the G clusters of images have which class in their truth, (G, K).
        groups: What the arms do to the classes, if known.
    """

    names: Sequence[str]
    has: NDArray[np.bool_]
    groups: ClassGroups | None


def clusters_with_classes(arm: ArmRuns, clusters: Clusters) -> NDArray[np.bool_]:
    """Return which clusters of images have which class in their ground truth, shape (G, K)."""
    has = np.zeros((len(clusters.names), arm.common.shape[2]), dtype=bool)
    np.logical_or.at(has, clusters.index, arm.common[0].sum(axis=2) > 0)
    return has


def compare_classes(
    a: Scores,
    b: Scores,
    classes: CommonClasses,
    estimated: Estimator,
) -> tuple[ClassComparison, ...]:
    """Compare two arms class by class; the p values are corrected over the classes."""
    columns = range(len(classes.names))
    deltas = [
        _of_classes(b.ious[..., k] - a.ious[..., k], int(classes.has[:, k].sum()), estimated)
        for k in columns
    ]
    corrected = holm(np.array([delta.p for delta in deltas]))
    # Mean over the runs that have an IoU of the class, as mIoU is over classes that have one.
    means_a, means_b = mean_iou(a.ious[0].T), mean_iou(b.ious[0].T)
    return tuple(
        ClassComparison(
            name=classes.names[k],
            a=float(means_a[k]),
            b=float(means_b[k]),
            delta=deltas[k],
            p_holm=float(corrected[k]),
            kind=None if classes.groups is None else classes.groups.kinds[k],
        )
        for k in columns
    )


def compare_groups(
    a: Scores,
    b: Scores,
    classes: CommonClasses,
    level: float,
    estimated: Estimator,
) -> tuple[GroupComparison, ...]:
    """Compare the mean IoU of the untouched and of the merged classes, if there are any.

    Args:
        classes: The classes; without groups nothing is compared.
    """
    found = []
    kinds = classes.groups.kinds if classes.groups else ()
    for kind in ("untouched", "merged"):
        columns = [k for k, of_class in enumerate(kinds) if of_class == kind]
        if columns:
            of_a, of_b = (mean_iou(arm.ious[..., columns]) for arm in (a, b))
            holding = int(classes.has[:, columns].any(axis=1).sum())
            found.append(
                GroupComparison(
                    kind=kind,
                    classes=tuple(classes.names[k] for k in columns),
                    a=float(of_a[0].mean()),
                    b=float(of_b[0].mean()),
                    delta=_of_classes(of_b - of_a, holding, estimated, level),
                )
            )
    return tuple(found)


def compare_dropped(
    a: Scores, b: Scores, places: tuple[int, int], groups: ClassGroups
) -> tuple[DroppedComparison, ...]:
    """List the labels that either arm scores and the common space does not.

    Args:
        places: Their places among the arms of ``groups``.
    """
    found = []
    for label in groups.dropped:
        held = [label.classes[place] for place in places]
        shown = [
            None if of_arm is None else (of_arm[1], float(arm.own_ious[of_arm[0]]))
            for arm, of_arm in zip((a, b), held, strict=True)
        ]
        if any(held):
            found.append(DroppedComparison(label.name, shown[0], shown[1]))
    return tuple(found)


def _of_classes(
    scores: Floats, holding: int, estimated: Estimator, level: float = LEVEL
) -> Estimate:
    """Estimate a difference on the clusters that hold a class; of few clusters only a value."""
    if holding < FEWEST_HOLDING:
        return replace(NOTHING, value=float(scores[0].mean()))
    return within(at_level(estimated(scores, holding), level), -1.0, 1.0)
