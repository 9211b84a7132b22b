"""How an A/B page writes numbers: three decimals, and a sign on every difference.

A number that is null or NaN in ``ab_result.json``, such as the IoU of a class without pixels, is a
dash.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from segexp.core import wording
from segexp.core.wording import confidence


def known(values: Iterable[float | None]) -> bool:
    """Whether all of them are numbers."""
    return all(value is not None and math.isfinite(value) for value in values)


def with_arm_names(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer whose arms have their names, as pairs use them, under ``mapping``.

    Arms have a ``name``, since two may have the same mapping, which is under ``of``. In results of
    an older segexp the name of a trained arm is its mapping's.
    """
    arms = [
        {**arm, "mapping": arm.get("name", arm["mapping"]), "of": arm["mapping"]}
        for arm in result["arms"]
    ]
    return {**result, "arms": arms}


def plain(value: float | None) -> str:
    """Write a score, or a number of bits."""
    return f"{value:.3f}" if known([value]) else "-"


def signed(value: float | None) -> str:
    """Write a difference with its sign; one that rounds to zero has none."""
    return "-" if value is None or not math.isfinite(value) else wording.signed(value)


def p_text(p: float | None) -> str:
    """Write a p value."""
    if p is None or math.isnan(p):
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def p_of(entry: Mapping[str, Any], name: str) -> str:
    """Write the p value of a class or a group; a dash where the interval is unknown."""
    interval = entry["interval"]
    return "-" if interval is not None and is_all(interval) else p_text(entry[name])


def images_of(result: Mapping[str, Any]) -> str:
    """Name the images of an answer; those of a folder of masks may not be held-out ones."""
    return "images" if result["heldout_from"] == "truth" else "held-out images"


def is_all(interval: Sequence[float | None]) -> bool:
    """Whether an interval covers every possible difference of scores, -1 to 1."""
    low, high = interval
    return low is not None and high is not None and low <= -1 and high >= 1


UNKNOWN = (
    'An interval is "unknown" where it holds every possible difference, -1 to 1: there are so few '
    "runs (candidates or seeds), so far apart, that the bootstrap cannot bound it."
)


def has_unknown(pair: Mapping[str, Any]) -> bool:
    """Whether any interval of a pair covers every possible difference."""
    rules = pair["rules"].values()
    found = [rule["interval"] for rule in rules]
    found += [each for rule in rules for each in rule["decomposition_intervals"].values()]
    found += [entry["interval"] for entry in pair["per_class"]]
    return any(interval is not None and is_all(interval) for interval in found)


def is_known(interval: Sequence[float | None] | None) -> TypeGuard[Sequence[float]]:
    """Whether an interval of a difference tells anything.

    Example:
        >>> is_known([-0.01, 0.02]), is_known([-1.0, 1.0]), is_known(None)
        (True, False, False)
    """
    return interval is not None and known(interval) and not is_all(interval)


def detectable_text(difference: float) -> str:
    """Say which difference a study can find; scores lie between 0 and 1.

    Example:
        >>> detectable_text(0.0314), detectable_text(1.2)
        ('a difference of 0.031', 'no difference that a score could show')
    """
    if difference > 1:
        return "no difference that a score could show"
    return f"a difference of {plain(difference)}"


def interval_text(interval: Sequence[float | None] | None, *, signs: bool = True) -> str:
    """Write an interval of a difference, or of a score (without signs).

    An interval that covers every possible difference, as of a few runs far apart, is "unknown".
    """
    if interval is None or not known(interval):
        return "-"
    if signs and is_all(interval):
        return "unknown"
    low, high = (signed(bound) if signs else plain(bound) for bound in interval)
    return f"[{low}, {high}]"


def interval_title(pairs: Sequence[Mapping[str, Any]]) -> str:
    """Name the intervals of the pairs of an ``ab_result.json``; their levels may differ.

    Results of an older segexp have no level: their intervals are 95% intervals.

    Example:
        >>> interval_title([{"level": 0.025}]), interval_title([{"level": 0.025}, {}])
        ('97.5% interval', 'interval')
    """
    levels = {pair.get("level", 0.05) for pair in pairs}
    return f"{confidence(levels.pop())} interval" if len(levels) == 1 else "interval"
