"""How far off an estimate may be whose noise has two sources, each with an estimated variance.

The sum of two Student's t, each with its own scale and degrees of freedom: the distribution of the
Behrens-Fisher problem (Fisher 1935, Annals of Eugenics 6). A single t with Welch's degrees of
freedom is good enough for 5%, but not for the small levels of several pairs and looks: if the runs
happen to be close together, it treats them as certain, and finds differences between equal arms too
often.
"""

from functools import lru_cache

import numpy as np
from scipy import optimize, stats

from segexp.labels.iou import Floats

Parts = tuple[tuple[float, float], ...]
"""The sources of noise: one or two, each a variance and its degrees of freedom."""

_NEGLIGIBLE = 1e-10
_POINTS = 121
_REACH = 9.0


def outside(distance: float, parts: Parts) -> float:
    """Return how likely the noise is farther from 0 than a distance, on either side."""
    scales, dfs = _scales(parts)
    if not scales:
        return float(distance <= 0)
    if len(scales) == 1:
        return float(2 * stats.t.sf(distance / scales[0], dfs[0]))
    places, weights = _points(dfs[0])
    return float(2 * (weights @ stats.t.sf((distance - scales[0] * places) / scales[1], dfs[1])))


def reach(level: float, parts: Parts) -> float:
    """Return the distance from 0 that the noise exceeds with probability ``level``.

    Example:
        >>> round(reach(0.05, ((1.0, 10.0),)), 3), round(reach(0.05, ((0.5, 6.0), (0.5, 6.0))), 3)
        (2.228, 2.436)
    """
    scales, dfs = _scales(parts)
    if not scales:
        return 0.0
    each = [s * float(stats.t.isf(level / 4, df)) for s, df in zip(scales, dfs, strict=True)]
    # The sum can exceed the sum of the two distances only if one part exceeds its own.
    return float(
        optimize.brentq(
            lambda q: np.log(outside(q, parts) / level), 0.0, sum(each), xtol=1e-9 * sum(each)
        )
    )


def _scales(parts: Parts) -> tuple[list[float], list[float]]:
    """Return standard deviations and degrees of freedom of the parts that count."""
    total = sum(variance for variance, _ in parts)
    # The smaller one first: the probability is smooth in it, so it is integrated over.
    kept = sorted((v**0.5, df) for v, df in parts if v > _NEGLIGIBLE * total)
    return [scale for scale, _ in kept], [df for _, df in kept]


@lru_cache(maxsize=256)
def _points(df: float) -> tuple[Floats, Floats]:
    """Return nodes and weights that integrate over a Student's t, far into its tails."""
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    normal = _REACH * nodes
    places = np.sign(normal) * stats.t.isf(stats.norm.sf(np.abs(normal)), df)
    return places, _REACH * weights * stats.norm.pdf(normal)
