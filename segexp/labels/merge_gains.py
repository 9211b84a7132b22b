"""What merging two classes gains and costs, for every pair of classes at once.

Numpy only, and from a confusion matrix alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segexp.labels.iou import Floats, iou_counts, iou_of

NOTHING = 1e-12
"""Bits below this are rounding."""


@dataclass(frozen=True, eq=False)
class MergeGains:
    """What merging each pair of K classes would do; shape (K, K), the diagonal 0.

    Attributes:
        gain: Change of mIoU.
        resolved: How much of the merged class's IoU is confusion between the two, which is no
            longer an error: (C_ij + C_ji) / |truth or prediction is i or j|. That is its IoU minus
            what it would be if these confusions still counted as wrong.
        bits_lost: Entropy of the true classes that is lost, bits per pixel:
            (p_i + p_j) H(p_i / (p_i + p_j)).
        told_bits_lost: Mutual information of truth and prediction that is lost, bits per pixel:
            what the model knew of the difference. 0 for two classes that it cannot tell apart,
            however frequent they are.
        worth: ``resolved`` per bit of ``told_bits_lost``; infinite where something is resolved
            for nothing. Merges are ranked by it, as in the agglomerative information bottleneck
            (Slonim & Tishby 1999), which ranks by the cost alone.
    """

    gain: Floats
    resolved: Floats
    bits_lost: Floats
    told_bits_lost: Floats
    worth: Floats


def merge_gains(confusion: NDArray[np.int64]) -> MergeGains:
    """Work out what each merge of two classes would do.

    Args:
        confusion: (K, K + 1), rows ground truth, the last column *none*; one pixel at least.
    """
    num = len(confusion)
    square = confusion[:, :num].astype(np.float64)
    off_diagonal = ~np.eye(num, dtype=bool)
    mutual = (square + square.T) * off_diagonal
    right, either, truth = counts = iou_counts(confusion)
    right_both = right[:, None] + right + mutual
    # A confusion between the two is in the union of each, and once in that of both.
    union = either[:, None] + either - mutual
    resolved = np.divide(mutual, union, out=np.zeros_like(union), where=union > 0)
    merged = iou_of(np.stack([right_both, union, truth[:, None] + truth]))
    share = confusion / confusion.sum()
    bits_lost = _pooled(share.sum(axis=1)[:, None], share.sum(axis=1)) * off_diagonal
    told = _told_bits_lost(share) * off_diagonal
    # A free resolution is worth infinity; a merge that resolves nothing is worth 0.
    worth = np.where(resolved > 0, np.inf, 0.0)
    np.divide(resolved, told, out=worth, where=told > NOTHING)
    return MergeGains(
        gain=_miou_gain(iou_of(counts), merged) * off_diagonal,
        resolved=resolved,
        bits_lost=bits_lost,
        told_bits_lost=told,
        worth=worth,
    )


def _miou_gain(single: Floats, merged: Floats) -> Floats:
    """Return the change of the mean when two IoUs leave it and theirs enters; NaN in no mean."""
    counted, value = ~np.isnan(single), np.nan_to_num(single)
    entering, entering_value = ~np.isnan(merged), np.nan_to_num(merged)
    classes = counted.sum() - counted[:, None] - counted.astype(int) + entering
    total = value.sum() - value[:, None] - value + entering_value
    # The mean of no classes: two are left, and the truth has neither.
    mean = np.divide(total, classes, out=np.zeros_like(total), where=classes > 0)
    gain: Floats = mean - value.sum() / counted.sum()
    return gain


def _told_bits_lost(share: Floats) -> Floats:
    """Return how much of I(truth; prediction) each merge of two classes loses.

    I is the sum of x log2 x over the cells, less that over the row sums and the column sums; a
    merge pools cells, row sums and column sums.

    Args:
        share: Shares of all pixels, (K, K + 1).
    """
    num = len(share)
    square = share[:, :num]
    rows, columns = share.sum(axis=1), square.sum(axis=0)
    margins = _pooled(rows[:, None], rows) + _pooled(columns[:, None], columns)
    row_terms, column_terms = _plogp(share).sum(axis=1), _plogp(square).sum(axis=0)
    cells = -(row_terms[:, None] + row_terms + column_terms[:, None] + column_terms)
    for i in range(num):  # one at a time: all at once would take K times K times K numbers
        cells[i] += _plogp(share[i] + share).sum(axis=1)
        cells[i] += _plogp(square[:, i] + square.T).sum(axis=1)
    # The four cells where rows and columns of i and j cross become one; so far they were pooled
    # in two by row and in two by column.
    own, other = np.diagonal(square), square
    four = own[:, None] + own + other + other.T
    cells += _plogp(four) - _plogp(own)[:, None] - _plogp(own) - _plogp(other) - _plogp(other.T)
    for cell in (other, other.T):
        cells -= _pooled(own[:, None], cell) + _pooled(cell, own)
    lost: Floats = margins - cells
    return np.where(lost > NOTHING, lost, 0.0)


def _pooled(first: Floats, second: Floats) -> Floats:
    """Return how much the sum of x log2 x grows when two shares are added up: 0 or more."""
    return _plogp(first + second) - _plogp(first) - _plogp(second)


def _plogp(share: Floats) -> Floats:
    logarithm = np.zeros_like(share)
    np.log2(share, out=logarithm, where=share > 0)
    product: Floats = share * logarithm
    return product
