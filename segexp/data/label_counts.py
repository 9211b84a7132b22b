"""How many pixels of each label an image holds, in its upper and in its lower half."""

import numpy as np
from numpy.typing import NDArray

from segexp.labels.taxonomy import VOID


def half_counts(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count each label index, VOID included, in the halves of a mask.

    Args:
        labels: Label indices, shape (H, W); the middle row of an odd height counts as lower.

    Returns:
        Pixels, int64 (2, 256): the upper half, the lower half.
    """
    middle = labels.shape[0] // 2
    halves = (labels[:middle], labels[middle:])
    return np.stack([np.bincount(half.ravel(), minlength=VOID + 1) for half in halves])
