"""How sure one look at a study must be when there are several looks.

Looking again until something shows up finds something in the end: ten looks at a 95% interval make
one false verdict in five studies. So the 5% are spent over the looks, with little spent early.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy import optimize, stats

from segexp.labels.iou import Floats

_POINTS = 201
_FARTHEST = 12.0
"""In standard deviations: the probability beyond it is too small for a double to matter."""


def spent(alpha: float, fraction: float) -> float:
    """Return how much of alpha may be spent by the time a fraction of the information is in.

    The spending function of O'Brien-Fleming type of Lan & DeMets (1983, Biometrika 70, 659-663),
    2 (1 - Phi(z / sqrt(t))), for each side, with z the upper alpha/4 quantile: almost nothing
    early, and alpha at the end.

    Args:
        alpha: Two-sided, in 0..1; each side has half of it.
        fraction: t, in (0, 1].
    """
    return float(4 * stats.norm.sf(stats.norm.isf(alpha / 4) / np.sqrt(fraction)))


def nominal_levels(alpha: float, fractions: Sequence[float]) -> tuple[float, ...]:
    """Return the two-sided level of each look, so that all looks together err in alpha.

    A study is settled at the first look whose interval, at that look's level, settles it. Scores at
    the looks are assumed to move like a Brownian motion, as sums of independent observations do;
    the probability of first crossing a boundary at each look is integrated numerically from look to
    look (Armitage, McPherson & Rowe 1969). With estimated variances the levels are used with
    Student's t (docs/method.md shows how well that holds).

    Args:
        alpha: For all looks together, in (0, 1).
        fractions: The fraction of the information at each look, ascending, at most 1: k / n for k
            of at most n configurations. A look's level depends on earlier looks, not on later ones,
            which may be added. A single look with the fraction 1 has alpha itself.

    Returns:
        The level of each look, in (0, alpha].

    Example:
        >>> [round(float(stats.norm.isf(a / 2)), 2) for a in nominal_levels(0.05, [0.5, 1.0])]
        [2.96, 1.97]
    """
    if fractions[0] == 1:
        return (alpha,)
    levels: list[float] = []
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    # Possible values of the sum and their density, on paths that have not crossed a boundary yet.
    places, density = np.zeros(1), np.ones(1)
    before, used = 0.0, 0.0
    for fraction in fractions:
        step, deviation = np.sqrt(fraction - before), np.sqrt(fraction)
        to_spend = spent(alpha, fraction) - used
        crossing = partial(_crossing, places=places / step, density=density)
        z = optimize.brentq(
            lambda z, to_spend=to_spend, scale=deviation / step, crossing=crossing: (
                crossing(z * scale) - to_spend
            ),
            0.0,
            40.0,
            xtol=1e-10,
        )
        levels.append(min(alpha, float(2 * stats.norm.sf(z))))  # larger only by rounding
        edge = min(float(z), _FARTHEST) * deviation
        reached = edge * nodes
        moved = stats.norm.pdf((reached[:, None] - places) / step) / step
        places, density = reached, edge * weights * (moved @ density)
        before, used = fraction, used + to_spend
    return tuple(levels)


def _crossing(boundary: float, places: Floats, density: Floats) -> float:
    """Return how likely the next step, of variance 1, crosses either boundary."""
    out = stats.norm.sf(boundary - places) + stats.norm.sf(boundary + places)
    return float(out @ density)
