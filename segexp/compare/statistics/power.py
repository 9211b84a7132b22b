"""How likely a study of a given size finds a difference, and how small a difference it can find.

A study with an even chance to find a real difference is planned to disappoint; 80% is usual
(Cohen 1988, Statistical Power Analysis for the Behavioral Sciences).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from segexp.evaluation.statistics.bootstrap import Estimate
from segexp.labels.iou import Floats

POWER = 0.8


def detectable(found: Estimate, level: float) -> float:
    """Return the smallest difference that a study could have found in four of five cases.

    (t_{1 - level/2} + t_{0.8}) times the standard error, with Student's t at ``found.df``. It says
    what a study can find, not what it found, and depends on its spread alone.

    Args:
        found: What the study estimated; only its variances and degrees of freedom are used.
        level: How often a verdict may be wrong.

    Returns:
        A difference of mIoU above 0; NaN if nothing was estimated.
    """
    error = np.sqrt(found.variance_images + found.variance_runs)
    return float(smallest_found(error, found.df, level))


def smallest_found(error: ArrayLike, df: ArrayLike, level: float) -> Floats:
    """Return the difference whose interval excludes 0 in 80% of studies with this error."""
    quantiles = stats.t.isf(level / 2, df) + stats.t.isf(1 - POWER, df)
    return np.asarray(quantiles * np.asarray(error), np.float64)


def smallest_margin(error: ArrayLike, df: ArrayLike, level: float) -> Floats:
    """Return the margin within which 80% of studies with this error call equal arms equivalent."""
    quantiles = stats.t.isf(level / 2, df) + stats.t.isf((1 - POWER) / 2, df)
    return np.asarray(quantiles * np.asarray(error), np.float64)


def chance_to_settle(
    difference: float, margin: float, error: Floats, df: Floats, level: float
) -> Floats:
    """Return how likely studies settle a difference with a right verdict.

    Right are ``better`` or ``worse`` of the correct sign, and ``equivalent`` if the difference is
    below the margin; a small difference has two right verdicts. The estimate is assumed to vary by
    Student's t.

    Args:
        error: Standard errors of the studies.
        df: Their degrees of freedom, of the shape of ``error``.
        level: Level of the interval that they are judged by.
    """
    scale = np.maximum(error, np.finfo(np.float64).tiny)
    size = abs(difference) / scale  # from here on in standard errors
    half = stats.t.isf(level / 2, df)
    room = margin / scale - half
    apart = stats.t.sf(half - size, df) if difference else np.zeros_like(scale)
    nearest = np.minimum(room, half) if difference else room  # beyond it ``apart`` counts already
    inside = stats.t.cdf(nearest - size, df) - stats.t.cdf(-room - size, df)
    fits = (room > 0) & (abs(difference) < margin)
    chance: Floats = apart + np.where(fits, inside, 0.0)
    return chance
