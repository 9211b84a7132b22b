"""How likely a study of some size finds a difference, and how small a difference it can find.

A study that has an even chance to find what is there is planned for a disappointment; 80% is usual
(Cohen 1988, Statistical Power Analysis for the Behavioral Sciences).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from segexp.compare.statistics.bootstrap import Estimate

Floats = NDArray[np.float64]

POWER = 0.8


def detectable(found: Estimate, level: float) -> float:
    """Return the smallest difference that a study could have found in four cases of five.

    (t_{1 - level/2} + t_{0.8}) times the standard error, with Student's t at ``found.df``. It says
    what a study can see, not what it saw, and hangs on its spread alone.

    Args:
        found: What the study estimated; its variances and degrees of freedom count.
        level: How often a verdict may be wrong.

    Returns:
        A difference of mIoU over 0; NaN where nothing was estimated.
    """
    error = np.sqrt(found.variance_images + found.variance_runs)
    return float(smallest_found(error, found.df, level))


def smallest_found(error: ArrayLike, df: ArrayLike, level: float) -> Floats:
    """Return the difference whose interval leaves 0 out in 80% of studies of this error."""
    quantiles = stats.t.isf(level / 2, df) + stats.t.isf(1 - POWER, df)
    return np.asarray(quantiles * np.asarray(error), np.float64)


def smallest_margin(error: ArrayLike, df: ArrayLike, level: float) -> Floats:
    """Return the margin within which 80% of studies of this error call equal arms equivalent."""
    quantiles = stats.t.isf(level / 2, df) + stats.t.isf((1 - POWER) / 2, df)
    return np.asarray(quantiles * np.asarray(error), np.float64)


def chance_to_settle(
    difference: float, margin: float, error: Floats, df: Floats, level: float
) -> Floats:
    """Return how likely studies settle a difference that is what it is taken for.

    By any verdict that is right: ``better`` or ``worse`` of its own sign, and ``equivalent`` where
    it is under the margin; both are, of a small difference. The estimate is taken to vary by
    Student's t.

    Args:
        difference: The true one.
        margin: Differences below it do not matter.
        error: Standard errors of the studies.
        df: Their degrees of freedom, of the shape of ``error``.
        level: Of the interval that they are judged by.
    """
    scale = np.maximum(error, np.finfo(np.float64).tiny)
    size = abs(difference) / scale  # all in standard errors from here on
    half = stats.t.isf(level / 2, df)
    room = margin / scale - half
    apart = stats.t.sf(half - size, df) if difference else np.zeros_like(scale)
    nearest = np.minimum(room, half) if difference else room  # what is beyond it is apart already
    inside = stats.t.cdf(nearest - size, df) - stats.t.cdf(-room - size, df)
    fits = (room > 0) & (abs(difference) < margin)
    chance: Floats = apart + np.where(fits, inside, 0.0)
    return chance
