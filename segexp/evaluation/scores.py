"""The scores of a confusion matrix: rows are ground truth, columns are the prediction.

Numpy only: what others have predicted is scored without loading torch.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
        miou: Mean of the IoUs of the classes that the truth has; NaN if it has none. A class that
            is predicted and never true has IoU 0 and does not count: one stray pixel would enter it
            into the mean of one model and not of another.
        classes_in_mean: The number of IoUs in that mean.
        classes_predicted_only: The number of classes that are predicted and never true.
        pixel_accuracy: Share of the pixels that are right; NaN without a pixel.
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


def score(confusion: NDArray[np.int64]) -> Scores:
    """Compute the scores of a confusion matrix.

    Args:
        confusion: Counts, shape (C, C) or (C, C + 1), rows ground truth, columns prediction. A last
            column without a row is "none": its pixels are missed, and no class predicted them.

    Raises:
        ValueError: Another shape.

    Example:
        Class 0 has 5 pixels, of which 3 were found, 1 was called class 1 and 1 class 3. Class 2
        is in neither, so it has no IoU. Neither it nor class 3 is in the mean.

        >>> confusion = [[3, 1, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
        >>> scores = score(np.array(confusion))
        >>> scores.iou.round(3)
        array([0.6, 0.5, nan, 0. ])
        >>> round(scores.miou, 3), scores.classes_in_mean, scores.classes_predicted_only
        (0.55, 2, 1)
    """
    if confusion.ndim != 2 or confusion.shape[1] - confusion.shape[0] not in (0, 1):
        raise ValueError(f"a confusion matrix is (C, C) or (C, C + 1), got {confusion.shape}")
    num_classes = len(confusion)
    right = np.diagonal(confusion).astype(np.int64)
    pixels = confusion.sum(axis=1)
    predicted = confusion[:, :num_classes].sum(axis=0)
    iou = _ratio(right, pixels + predicted - right)
    scored = iou[pixels > 0]
    total = int(confusion.sum())
    return Scores(
        iou=iou,
        precision=_ratio(right, predicted),
        recall=_ratio(right, pixels),
        f1=_ratio(2 * right, pixels + predicted),
        pixels=pixels,
        miou=float(scored.mean()) if len(scored) else float("nan"),
        classes_in_mean=len(scored),
        classes_predicted_only=int(((pixels == 0) & (predicted > 0)).sum()),
        pixel_accuracy=int(right.sum()) / total if total else float("nan"),
    )


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    ratio = np.full(len(part), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio
