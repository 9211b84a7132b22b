"""How intervals are named by their confidence; without numpy, so that a command line may ask."""

from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Any

LEVEL = 0.05
"""Of an interval that answers one question, once: it misses in 5% of studies."""


def confidence(level: float) -> str:
    """Return the confidence of an interval in percent, with the digits that tell it from 100%.

    Example:
        >>> confidence(0.05), confidence(0.05 / 3), confidence(0.0000011)
        ('95%', '98.3%', '99.9999%')
    """
    digits = max(1, -floor(log10(level)) - 2)
    return f"{100 * (1 - level):.{digits}f}".removesuffix(".0") + "%"


def interval_title(pairs: Sequence[Mapping[str, Any]]) -> str:
    """Name the intervals of the pairs of an ``ab_result.json``; they may be of several levels.

    Results that an older segexp wrote say no level: their intervals are of 95%.

    Example:
        >>> interval_title([{"level": 0.025}]), interval_title([{"level": 0.025}, {}])
        ('97.5% interval', 'interval')
    """
    levels = {pair.get("level", LEVEL) for pair in pairs}
    return f"{confidence(levels.pop())} interval" if len(levels) == 1 else "interval"
