"""Images with rare classes, shown more often: repeat-factor sampling (Gupta et al. 2019, LVIS)."""

import numpy as np
from numpy.typing import NDArray

from segexp.data.split import Split
from segexp.data.stats import label_histograms
from segexp.labels.taxonomy import VOID

_FRACTIONS = 2  # of the generators of an epoch: another stream than its order's


def repeat_factors(
    split: Split, lookup: NDArray[np.uint8], num_classes: int, threshold: float
) -> NDArray[np.float64]:
    """Return how often each image of a split is to be shown, where 1 is once an epoch.

    A class that a share f of the images has is repeated max(1, sqrt(t / f)) times, and an image as
    often as the rarest of its classes.

    Args:
        split: The train split.
        lookup: ``Mapping.lookup()``: classes are those of the mapping.
        num_classes: Classes of the mapping.
        threshold: The share t of the images under which a class is rare, in 0..1.

    Returns:
        Factors of 1 or more, shape (N,).
    """
    into = np.eye(VOID + 1, num_classes, dtype=np.int64)[lookup]
    present = label_histograms(split) @ into > 0
    shares = present.mean(axis=0)
    of_class = np.sqrt(threshold / np.maximum(shares, 1 / len(split)))
    factors: NDArray[np.float64] = np.maximum(1.0, (present * of_class).max(axis=1))
    return factors


def drawn_items(factors: NDArray[np.float64], seed: int, epoch: int) -> NDArray[np.int64]:
    """Draw the items of an epoch, shuffled: image + N * (which copy of it).

    As in detectron2's RepeatFactorTrainingSampler, an image is there as often as the whole part of
    its factor, and once more with the chance of the rest. An epoch stays as long as without:
    the first N of the shuffled items are shown, so that it costs the same, and has as many steps.
    With factors of 1 the order is that without factors.

    Args:
        factors: From `repeat_factors`, shape (N,).
        seed: With ``epoch`` it decides everything.
        epoch: From 1.

    Returns:
        Shape (N,).
    """
    count = len(factors)
    fractions = np.random.default_rng([seed, epoch, _FRACTIONS]).random(count)
    times = np.floor(factors) + (fractions < factors % 1)
    items = [
        image + count * copy for image, copies in enumerate(times) for copy in range(int(copies))
    ]
    return np.random.default_rng([seed, epoch]).permutation(np.array(items))[:count]
