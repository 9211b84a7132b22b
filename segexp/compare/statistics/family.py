"""The level at which each of several pairs of arms is judged, so that all pairs together err in 5%.

Five equal arms make ten pairs, and in 28% of studies one of their 95% intervals excludes 0.
"""

from collections.abc import Sequence

import numpy as np

from segexp.compare.statistics.spending import nominal_levels
from segexp.evaluation.statistics.bootstrap import Estimate, at_level
from segexp.evaluation.statistics.level import LEVEL

ONE_LOOK = (1.0,)
"""The looks of a study with a single look."""


def pair_levels(
    differences: Sequence[Estimate],
    margin: float,
    alpha: float = LEVEL,
    looks: Sequence[float] = ONE_LOOK,
) -> list[float]:
    """Return the level of the interval that each pair is judged by.

    ``better`` and ``worse`` follow Holm's step-down procedure (Holm 1979): of m pairs the one with
    the smallest p is judged at alpha / m, the next at alpha / (m - 1), and so on until one is not
    settled. So the probability of any such verdict between equal arms stays below alpha. All other
    pairs are judged at alpha / m (Bonferroni), including ``equivalent`` ones: a pair that differs
    can still be called equivalent by mistake, so settling it frees no alpha for others. At
    alpha / m each such mistake has half of that, and all together half of alpha.

    Args:
        differences: One per pair, not cut to a range; NaN is never settled.
        alpha: For all pairs and all looks together.
        looks: The information fractions of the looks up to this one
            (`segexp.compare.statistics.spending.nominal_levels`). Every step of Holm's procedure
            has its own boundaries (Maurer & Bretz 2013).

    Example:
        >>> pairs = [Estimate(0.03, 0.005, 0.055, p, 1e-4, 0.0) for p in (0.04, 0.01, 0.02)]
        >>> [round(level, 4) for level in pair_levels(pairs, margin=0.01)]
        [0.05, 0.0167, 0.025]
    """
    count = len(differences)
    levels = [_level(alpha, count, looks)] * count
    p = np.array([difference.p for difference in differences])
    for left, i in zip(range(count, 0, -1), np.argsort(p, kind="stable"), strict=True):
        step = _level(alpha, left, looks)
        if not p[i] < step:
            break
        found = at_level(differences[i], step)
        if not (-margin < found.low and found.high < margin):
            levels[i] = step
    return levels


def _level(alpha: float, pairs: int, looks: Sequence[float]) -> float:
    return nominal_levels(alpha / pairs, looks)[-1]
