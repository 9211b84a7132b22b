"""Colours for labels that have none: far apart for everyone, and always the same."""

from functools import cache
from itertools import product

import numpy as np

from segexp.labels.colors import DEFICIENCIES, ciede2000, simulate, to_lab, to_linear
from segexp.labels.taxonomy import Color

_STEPS = (0, 36, 73, 109, 146, 182, 219, 255)
"""The channels' values: 8 x 8 x 8 colours to choose from, more than a taxonomy has labels."""


@cache
def distinct_colors(count: int) -> tuple[Color, ...]:
    """Return colours, each the one that is farthest from those before it.

    The distance is CIEDE2000 as the person sees it who tells the two least apart, with or without a
    colour deficiency. Black and white stay free: they are void in most data sets.

    Args:
        count: How many, at most 510; a shorter list is the beginning of a longer one.
    """
    colors = np.array(list(product(_STEPS, repeat=3)))
    linear = to_linear(colors)
    views = [to_lab(linear), *(to_lab(simulate(linear, name)) for name in DEFICIENCIES)]
    chosen = [0, len(colors) - 1]  # black and white
    nearest = np.full(len(colors), np.inf)
    for place in range(count + 1):
        seen = [ciede2000(lab, lab[chosen[place]]) for lab in views]
        nearest = np.minimum(nearest, np.min(seen, axis=0))
        nearest[chosen[: place + 1]] = -1.0
        if place > 0:
            chosen.append(int(nearest.argmax()))
    return tuple((int(r), int(g), int(b)) for r, g, b in colors[chosen[2:]])
