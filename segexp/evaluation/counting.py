"""Confusion matrices, one per image: rows are ground truth, columns are predictions.

Scores come from one matrix over a whole split, the sum of its images' matrices; scores are never
averaged.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segexp.labels.taxonomy import VOID

Labels = Tensor | NDArray[np.integer]


def confusion_matrices(
    target: Labels, prediction: Labels, num_classes: int, num_predicted: int | None = None
) -> NDArray[np.int64]:
    """Count one confusion matrix for each image of a batch.

    Pixels whose target is ``VOID`` = 255 are left out, whatever is predicted there. Tensors are
    counted on their own device; only the counts leave it.

    Args:
        target: Ground truth, shape (N, H, W), class indices 0..num_classes-1 or ``VOID``.
        prediction: Predicted class indices, shape (N, H, W), 0..num_predicted-1.
        num_predicted: Columns of a matrix; None means C. With C + 1, the last column is "none": a
            prediction that falls into no class of a coarser space and is always wrong.

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
    return counted_on_void(target, prediction, num_classes, num_predicted)[0]


def counted_on_void(
    target: Labels, prediction: Labels, num_classes: int, num_predicted: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count as `confusion_matrices` does, and also the predictions on void pixels.

    Returns:
        The matrices, and the counts on void pixels, shape (N, num_predicted). Predictions that are
        out of range on void pixels are not counted.
    """
    columns = num_classes if num_predicted is None else num_predicted
    truth, guess = _as_int64(target), _as_int64(prediction)
    if truth.shape != guess.shape or truth.ndim != 3:
        shapes = f"{tuple(truth.shape)} and {tuple(guess.shape)}"
        raise ValueError(f"target and prediction must share one shape (N, H, W), got {shapes}")

    uncounted: Tensor | None = None
    if not (_within(truth, VOID) and _within(guess, columns - 1)):
        _refuse_strange(truth, guess, num_classes, columns)
        strange = (guess < 0) | (guess >= columns)  # only on void pixels, which are not scored
        guess, uncounted = guess.masked_fill(strange, 0), strange.sum(dim=(1, 2))
    image = torch.arange(len(truth), device=truth.device).view(-1, 1, 1)
    # A row for every value of a byte: nothing has to be filtered first.
    cell = (image * (VOID + 1) + truth) * columns + guess
    pairs = torch.bincount(cell.flatten(), minlength=len(truth) * (VOID + 1) * columns)
    rows: NDArray[np.int64] = pairs.cpu().numpy().reshape(-1, VOID + 1, columns)
    if rows[:, num_classes:VOID].any():
        _refuse_strange(truth, guess, num_classes, columns)
    on_void = rows[:, VOID].copy()
    if uncounted is not None:
        on_void[:, 0] -= uncounted.cpu().numpy()
    return rows[:, :num_classes].copy(), on_void


def _refuse_strange(truth: Tensor, guess: Tensor, num_classes: int, columns: int) -> None:
    known = (truth >= 0) & (truth < num_classes) & (guess >= 0) & (guess < columns)
    wrong = ~known & (truth != VOID)
    if wrong.any():
        raise ValueError(
            f"{int(wrong.sum())} pixels hold indices out of range: "
            f"target {sorted(set(truth[wrong].tolist()))}, "
            f"expected 0..{num_classes - 1} or {VOID}; "
            f"prediction {sorted(set(guess[wrong].tolist()))}, expected 0..{columns - 1}"
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
