"""What a script may require of an answer: `segexp ab --require`, for continuous integration."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from segexp.core.wording import signed

REQUIREMENTS = ("not-worse", "equivalent", "better")
"""What may be required of every other arm compared with the first."""


def unmet_requirement(
    arms: Sequence[str], pairs: Sequence[Mapping[str, Any]], requirement: str
) -> str | None:
    """Say in one line which arms do not meet a requirement; None if all do.

    The first arm is the reference, and every other arm must meet the requirement against it:

    - ``better``: its verdict is *better*;
    - ``equivalent``: its verdict is *equivalent*;
    - ``not-worse``: the lower end of its interval is above -margin (a test of non-inferiority,
      Piaggio et al. 2012, JAMA 308). So arms that are better or equivalent meet it, and arms about
      which too little is known do not.

    Args:
        pairs: The objects under ``pairs`` in ``ab_result.json``, each b minus a.
        requirement: One of REQUIREMENTS.
    """
    against_first = [pair for pair in pairs if pair["a"] == arms[0]]
    unmet = [_said(pair) for pair in against_first if not _meets(pair, requirement)]
    return f"required is {requirement}, but {'; '.join(unmet)}" if unmet else None


def _meets(pair: Mapping[str, Any], requirement: str) -> bool:
    if requirement != "not-worse":
        return bool(pair["verdict"] == requirement)
    low, _ = _interval(pair)
    return bool(low > -pair["margin"])  # False for NaN


def _interval(pair: Mapping[str, Any]) -> tuple[float, float]:
    low, high = pair["interval"] or (None, None)
    return (math.nan, math.nan) if low is None or high is None else (low, high)


def _said(pair: Mapping[str, Any]) -> str:
    low, high = _interval(pair)
    delta = math.nan if pair["delta"] is None else pair["delta"]
    return (
        f"{pair['b']} against {pair['a']} is {pair['verdict']!r}: {signed(delta, 4)} "
        f"[{signed(low, 4)}, {signed(high, 4)}], margin {pair['margin']:g}"
    )
