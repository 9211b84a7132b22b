"""Class weights from the pixel counts of the mapped train split; numpy only."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segexp.labels.iou import Floats

Weighting = Callable[[Floats, Floats], Floats]
"""Takes the pixels n_c of each present class, and the valid pixels of the images that have it."""

WEIGHTINGS: dict[str, Weighting] = {}


def weighting(function: Weighting) -> Weighting:
    """Add a weighting under its function's name."""
    WEIGHTINGS[function.__name__] = function
    return function


@weighting
def none(pixels: Floats, where_present: Floats) -> Floats:
    """1."""
    return np.ones_like(pixels)


@weighting
def inverse_frequency(pixels: Floats, where_present: Floats) -> Floats:
    """1 / p_c, with p_c = n_c / N and N the sum of all n_c."""
    return np.asarray(1.0 / (pixels / pixels.sum()))


@weighting
def median_frequency(pixels: Floats, where_present: Floats) -> Floats:
    """median(f) / f_c, with f_c = n_c / (valid pixels of the images that contain c).

    The median is over the present classes (Eigen & Fergus 2015, section 6.3.2).
    """
    frequency = pixels / where_present
    return np.asarray(np.median(frequency) / frequency)


@weighting
def effective_number(pixels: Floats, where_present: Floats) -> Floats:
    """(1 - beta) / (1 - beta^n_c) with beta = 1 - 1/M, M the mean of n_c (Cui et al. 2019).

    The paper takes beta = 1 - 1/M for M unique prototypes of a class and tries M up to 10^4 on
    counts of *images*. Pixel counts start where that ends, so these values would weight all classes
    alike, and any fixed value would change its meaning with the image size. With the mean count as
    M the weights depend on frequencies alone: classes much rarer than the mean get nearly 1 / p_c,
    more frequent ones level off.
    """
    with np.errstate(divide="ignore"):  # one pixel per class: beta = 0, and log(0) is the limit
        log_beta = np.log1p(-1.0 / pixels.mean())
    return np.asarray(-1.0 / np.expm1(pixels * log_beta))


@weighting
def enet_log(pixels: Floats, where_present: Floats) -> Floats:
    """1 / ln(1.02 + p_c) (Paszke et al. 2016)."""
    return np.asarray(1.0 / np.log(1.02 + pixels / pixels.sum()))


def class_weights(
    name: str, pixels: NDArray[np.int64], pixels_where_present: NDArray[np.int64]
) -> Floats:
    """Return the weight of each class from its pixel counts on the mapped train split.

    The weights of the present classes are scaled to a mean of 1, which keeps the size of the loss,
    and so the learning rate, comparable between weightings. A class without pixels has weight 1,
    the mean: no count speaks for more or less. The largest weight, which is the limit of the
    formulas, would let a class that is never seen dominate the focal loss, where it is "the rest"
    everywhere, and the validation loss, where it may appear.

    Args:
        name: One of ``WEIGHTINGS``.
        pixels: Pixels of each class, shape (C,).
        pixels_where_present: Valid pixels of all images that contain the class, shape (C,). Only
            ``median_frequency`` reads it.

    Returns:
        Finite positive weights, shape (C,).
    """
    weights = np.ones(len(pixels), dtype=np.float64)
    present = np.asarray(pixels) > 0
    if name == "none" or not present.any():
        return weights
    counts, where = (
        np.asarray(counted, dtype=np.float64)[present] for counted in (pixels, pixels_where_present)
    )
    raw = WEIGHTINGS[name](counts, where)
    weights[present] = raw / raw.mean()
    return weights
