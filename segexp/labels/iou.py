"""The intersection over union of each class, from confusion matrices: the one place for it."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def iou_counts(confusions: NDArray[np.int64]) -> Floats:
    """Return what an IoU is made of: intersection, union and truth, in pixels.

    Counts of several images may be added, in any order, before `iou_of` divides them: sums of
    float64 are exact up to 2**53 pixels.

    Args:
        confusions: Shape (..., K, K) or (..., K, K + 1), rows ground truth, columns prediction. A
            last column without a row is *none*: its pixels are missed, and no class predicted them.

    Returns:
        Shape (3, ..., K): TP, TP + FP + FN, TP + FN.

    Raises:
        ValueError: Another shape.
    """
    classes, columns = confusions.shape[-2:] if confusions.ndim > 1 else (0, -1)
    if columns - classes not in (0, 1):
        raise ValueError(
            f"a confusion matrix is (C, C) or (C, C + 1), got {confusions.shape[-2:]} of "
            f"{confusions.shape}"
        )
    right = np.diagonal(confusions, axis1=-2, axis2=-1)
    truth = confusions.sum(axis=-1)
    either = truth + confusions[..., :classes].sum(axis=-2) - right
    return np.stack([right, either, truth]).astype(np.float64)


def iou_of(counts: Floats) -> Floats:
    """Divide what `iou_counts` returned, or a sum of it.

    Returns:
        The IoUs that are in a mean, shape (..., K); NaN for a class that the truth does not have,
        also where it is predicted: one stray pixel of it must not decide between two models.
    """
    right, either, truth = counts
    iou = np.full(right.shape, np.nan)
    np.divide(right, either, out=iou, where=truth > 0)
    return iou


def ious(confusions: NDArray[np.int64]) -> Floats:
    """Return `iou_of` the `iou_counts` of matrices, shape (..., K)."""
    return iou_of(iou_counts(confusions))
