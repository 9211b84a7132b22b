"""Confusion matrices and the scores that come from them.

Orientation, everywhere: rows are ground truth, columns are the prediction. Scores come from one
matrix over a whole split, the sum of its images' matrices, never from an average of scores.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segexp.taxonomy import VOID

Labels = Tensor | NDArray[np.integer]


def confusion_matrices(
    target: Labels, prediction: Labels, num_classes: int, num_predicted: int | None = None
) -> NDArray[np.int64]:
    """Count one confusion matrix for each image of a batch.

    Pixels whose target is ``VOID`` = 255 are left out, whatever is predicted there. Tensors are
    counted where they are; only the counts leave the device.

    Args:
        target: Ground truth, shape (N, H, W), class indices 0..num_classes-1 or ``VOID``.
        prediction: Predicted class indices, shape (N, H, W), 0..num_predicted-1.
        num_classes: C, the rows of a matrix.
        num_predicted: Columns of a matrix; None for C. C + 1 where the last column stands for
            "none": a prediction that falls into no class of a coarser space, and is always wrong.

    Returns:
        Counts, shape (N, num_classes, num_predicted).

    Raises:
        ValueError: The shapes differ, or an index is out of range at a pixel that is not void.

    Example:
        >>> target = np.array([[[0, 0, 1, 255]]])
        >>> prediction = np.array([[[0, 1, 1, 1]]])
        >>> confusion_matrices(target, prediction, num_classes=2)
        array([[[1, 1],
                [0, 1]]])
    """
    columns = num_classes if num_predicted is None else num_predicted
    truth, guess = _as_int64(target), _as_int64(prediction)
    if truth.shape != guess.shape or truth.ndim != 3:
        shapes = f"{tuple(truth.shape)} and {tuple(guess.shape)}"
        raise ValueError(f"target and prediction must share one shape (N, H, W), got {shapes}")

    if not (_within(truth, VOID) and _within(guess, columns - 1)):
        _refuse_strange(truth, guess, num_classes, columns)
        guess = guess.masked_fill(truth == VOID, 0)  # strange only there, where it does not count
    image = torch.arange(len(truth), device=truth.device).view(-1, 1, 1)
    # A row for every value of a byte, so that nothing has to be filtered first.
    cell = (image * (VOID + 1) + truth) * columns + guess
    pairs = torch.bincount(cell.flatten(), minlength=len(truth) * (VOID + 1) * columns)
    rows: NDArray[np.int64] = pairs.cpu().numpy().reshape(-1, VOID + 1, columns)
    if rows[:, num_classes:VOID].any():
        _refuse_strange(truth, guess, num_classes, columns)
    return rows[:, :num_classes].copy()


def _refuse_strange(truth: Tensor, guess: Tensor, num_classes: int, columns: int) -> None:
    known = (truth >= 0) & (truth < num_classes) & (guess >= 0) & (guess < columns)
    wrong = ~known & (truth != VOID)
    if wrong.any():
        raise ValueError(
            f"{int(wrong.sum())} pixels hold indices out of range: "
            f"target {sorted(set(truth[wrong].tolist()))}, "
            f"right are 0..{num_classes - 1} and {VOID}; "
            f"prediction {sorted(set(guess[wrong].tolist()))}, right are 0..{columns - 1}"
        )


def _within(labels: Tensor, highest: int) -> bool:
    if not labels.numel():
        return True
    low, high = torch.aminmax(labels)
    return bool((low >= 0) & (high <= highest))


def _as_int64(labels: Labels) -> Tensor:
    if isinstance(labels, Tensor):
        return labels.long()
    return torch.from_numpy(np.array(labels, dtype=np.int64))  # a copy: a memory map is read-only


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
