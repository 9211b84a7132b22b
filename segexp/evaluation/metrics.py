"""What a model is measured by. A metric is a function of a confusion matrix; to add one, edit here.

Each is recorded after every epoch in every label space, is shown in results, tables and pages, and
may be a study's objective. Rows are always ground truth, columns are predictions.

Numpy only: names are checked, and masks of other tools scored, without loading torch.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segexp.labels.iou import iou_counts, iou_of

Confusion = NDArray[np.int64]

OWN, COMMON, COMMON_ARGMAX = "own", "common", "common_argmax"
RULERS = {
    OWN: "own space",
    COMMON: "common space",
    COMMON_ARGMAX: "common space, by argmax",
}
"""What a trial is scored by, and its name for people: its mapping's own space; the study's common
space, where the probabilities of merged classes are added (``sum``); the common space, where each
pixel is first decided among the model's own classes (``argmax``)."""

OBJECTIVE = "val/miou_common"
"""What a study maximises by default."""

COSTS = {
    "latency_ms": "latency in ms",
    "parameters": "parameters",
    "macs": "multiply-accumulates",
}
"""What a study may minimise beside: figures of `segexp.training.cost.Cost`, and their names for
people."""

IN_MEAN, PREDICTED_ONLY = "classes_in_mean", "classes_predicted_only"


@dataclass(frozen=True)
class Metric:
    """One figure of a confusion matrix; the higher, the better.

    Attributes:
        of: Takes counts (C, C) or (C, C + 1), whose last column is *none*: predictions outside the
            space, always wrong. Returns a number of any range, or NaN where it is undefined.
    """

    title: str
    of: Callable[[Confusion], float]


METRICS: dict[str, Metric] = {}


def metric(title: str) -> Callable[[Callable[[Confusion], float]], Callable[[Confusion], float]]:
    """Add a function to METRICS under its name."""

    def add(function: Callable[[Confusion], float]) -> Callable[[Confusion], float]:
        METRICS[function.__name__] = Metric(title, function)
        return function

    return add


@metric("mIoU")
def miou(confusion: Confusion) -> float:
    """Return the mean IoU of the classes that the truth has."""
    return score(confusion).miou


@metric("pixel accuracy")
def pixel_accuracy(confusion: Confusion) -> float:
    """Return the share of pixels that are right."""
    return score(confusion).pixel_accuracy


def measure(confusion: Confusion) -> dict[str, float]:
    """Return every metric by name, and the numbers of classes IN_MEAN and PREDICTED_ONLY."""
    scores = score(confusion)
    return {
        **{name: metric.of(confusion) for name, metric in METRICS.items()},
        IN_MEAN: scores.classes_in_mean,
        PREDICTED_ONLY: scores.classes_predicted_only,
    }


def flat_name(name: str, ruler: str) -> str:
    """Return a figure's name in MLflow and ``--json``: ``miou``, ``miou_common``."""
    return name if ruler == OWN else f"{name}_{ruler}"


def flat(scores: Mapping[str, Mapping[str, float]], rulers: Iterable[str]) -> dict[str, float]:
    """Return the metrics by some rulers under their `flat_name`, without the numbers of classes."""
    return {
        flat_name(name, ruler): scores[ruler][name]
        for name in METRICS
        for ruler in rulers
        if name in scores.get(ruler, {})
    }


def objective_title(objective: str) -> str:
    """Return an objective's name for people: of ``val/miou_common``, ``mIoU, common space``."""
    return title_of(*metric_of(objective))


def title_of(name: str, ruler: str) -> str:
    """Return a metric's name for people: ``mIoU, common space``.

    A study may be ranked by a metric that this installation lacks: its key is shown then.
    """
    title = METRICS[name].title if name in METRICS else name
    return f"{title}, {RULERS[ruler]}"


def objectives() -> tuple[str, ...]:
    """Return what a study may maximise: each metric in the common and in the own space."""
    return tuple(f"val/{flat_name(name, ruler)}" for name in METRICS for ruler in (COMMON, OWN))


def metric_of(objective: str) -> tuple[str, str]:
    """Return the metric and the ruler of an objective, such as ``val/miou_common``."""
    name = objective.removeprefix("val/")
    ruler = COMMON if name.endswith(f"_{COMMON}") else OWN
    return name.removesuffix(f"_{COMMON}") if ruler == COMMON else name, ruler


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one confusion matrix over C classes.

    A score without a denominator is NaN, never 0 or 1: IoU and F1 where the class is in neither
    truth nor prediction, recall where it is not in the truth, precision where it was never
    predicted.

    Attributes:
        iou: TP / (TP + FP + FN) of each class, shape (C,).
        precision: TP / (TP + FP), shape (C,).
        recall: TP / (TP + FN), shape (C,).
        f1: 2 TP / (2 TP + FP + FN), shape (C,).
        pixels: Ground truth pixels of each class, shape (C,).
        miou: Mean IoU of the classes that the truth has; NaN if it has none. A class that is
            predicted but never true has IoU 0 and is not in the mean: one stray pixel would put it
            into the mean of one model and not of another.
        classes_in_mean: The number of IoUs in that mean.
        classes_predicted_only: The number of classes that are predicted but never true.
        pixel_accuracy: Share of pixels that are right; NaN without pixels.
    """

    iou: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    pixels: NDArray[np.int64]
    miou: float
    classes_in_mean: int
    classes_predicted_only: int
    pixel_accuracy: float


def score(confusion: Confusion) -> Scores:
    """Compute the scores of a confusion matrix.

    Args:
        confusion: Counts, shape (C, C) or (C, C + 1). The extra last column is *none*: its pixels
            are missed, and no class predicted them.

    Raises:
        ValueError: The shape is another.

    Example:
        Class 0 has 5 pixels: 3 were found, 1 was predicted as class 1 and 1 as class 3. Class 2 is
        in neither truth nor prediction, so it has no IoU. Classes 2 and 3 are not in the mean.

        >>> confusion = [[3, 1, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
        >>> scores = score(np.array(confusion))
        >>> scores.iou.round(3)
        array([0.6, 0.5, nan, 0. ])
        >>> round(scores.miou, 3), scores.classes_in_mean, scores.classes_predicted_only
        (0.55, 2, 1)
    """
    if confusion.ndim != 2:
        raise ValueError(f"a confusion matrix is (C, C) or (C, C + 1), got {confusion.shape}")
    counts = iou_counts(confusion)
    right, either, pixels = counts.astype(np.int64)
    predicted = either - pixels + right
    only_predicted = (pixels == 0) & (predicted > 0)
    iou = iou_of(counts)
    in_mean = iou[pixels > 0]
    iou[only_predicted] = 0.0
    total = int(confusion.sum())
    return Scores(
        iou=iou,
        precision=_ratio(right, predicted),
        recall=_ratio(right, pixels),
        f1=_ratio(2 * right, pixels + predicted),
        pixels=pixels,
        miou=float(in_mean.mean()) if len(in_mean) else float("nan"),
        classes_in_mean=len(in_mean),
        classes_predicted_only=int(only_predicted.sum()),
        pixel_accuracy=int(right.sum()) / total if total else float("nan"),
    )


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    ratio = np.full(len(part), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio
