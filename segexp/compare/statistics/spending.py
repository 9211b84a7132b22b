"""How sure one look at a study must be, where the study is looked at more than once.

Who looks again until something shows finds something in the end: ten looks at a 95% interval make
one false verdict in five studies. So the 5% are spent over the looks, little of it early.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from segexp.core.errors import InputError

Floats = NDArray[np.float64]

_POINTS = 201
_FARTHEST = 12.0
"""In standard deviations: beyond it lies less probability than a double tells from none."""


def spent(alpha: float, fraction: float) -> float:
    """Return how much of alpha may be spent by the time a fraction of the information is in.

    The spending function of O'Brien-Fleming type of Lan & DeMets (1983, Biometrika 70, 659-663),
    2 (1 - Phi(z / sqrt(t))), for each side, with z the upper alpha/4 quantile: next to nothing
    early, and alpha at the end.

    Args:
        alpha: Two-sided, in 0..1; each side has a half.
        fraction: t, in (0, 1].
    """
    return float(4 * stats.norm.sf(stats.norm.isf(alpha / 4) / np.sqrt(fraction)))


def nominal_levels(alpha: float, fractions: Sequence[float]) -> tuple[float, ...]:
    """Return the two-sided level of each look, so that all looks together err in alpha.

    A study is settled at the first look whose interval, at that look's level, settles it. Scores at
    the looks are taken to move as a Brownian motion does, as sums of independent observations; the
    probability of first crossing a boundary at each look is integrated numerically from look to
    look (Armitage, McPherson & Rowe 1969). For estimated variances the levels are used with
    Student's t (docs/method.md shows how well that holds).

    Args:
        alpha: Of all looks together, in (0, 1).
        fractions: The part of the information that each look has, ascending, the last at most 1.
            Of n configurations at most, k have the fraction k / n. A look's level hangs on the
            looks before it and not on those after: further ones may be added. A single look with
            the fraction 1 has alpha itself.

    Returns:
        The level of each look, in (0, alpha].

    Raises:
        InputError: Fractions that do not ascend in (0, 1], or an alpha out of (0, 1).

    Example:
        >>> [round(float(stats.norm.isf(a / 2)), 2) for a in nominal_levels(0.05, [0.5, 1.0])]
        [2.96, 1.97]
    """
    _refuse(alpha, fractions)
    if fractions[0] == 1:
        return (alpha,)
    levels: list[float] = []
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    # Where the sum may be and how likely, among the paths that have crossed no boundary so far.
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
        levels.append(min(alpha, float(2 * stats.norm.sf(z))))  # above by rounding at most
        edge = min(float(z), _FARTHEST) * deviation
        there = edge * nodes
        moved = stats.norm.pdf((there[:, None] - places) / step) / step
        places, density = there, edge * weights * (moved @ density)
        before, used = fraction, used + to_spend
    return tuple(levels)


def _crossing(boundary: float, places: Floats, density: Floats) -> float:
    """Return how likely the next step, of variance 1, leads out over either boundary."""
    out = stats.norm.sf(boundary - places) + stats.norm.sf(boundary + places)
    return float(out @ density)


def _refuse(alpha: float, fractions: Sequence[float]) -> None:
    faults = []
    if not 0 < alpha < 1:
        faults.append(f"alpha: {alpha!r} is not between 0 and 1; 0.05 is usual")
    edges = [0.0, *fractions]
    if not fractions or any(not a < b for a, b in pairwise(edges)):
        faults.append(f"looks: {list(fractions)} do not ascend from above 0; [0.5, 1.0] are two")
    elif fractions[-1] > 1:
        faults.append(f"looks: the last, {fractions[-1]:g}, is over 1, all of the information")
    if faults:
        raise InputError(faults)
