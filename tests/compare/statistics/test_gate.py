"""What a script requires of an answer, and what is said where it is not so."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segexp.compare.statistics.gate import REQUIREMENTS, unmet_requirement
from segexp.compare.statistics.verdict import verdict

MARGIN = 0.01
differences = st.floats(-1, 1, allow_nan=False)


def pair(low: float, high: float, a: str = "fine", b: str = "coarse") -> dict[str, Any]:
    return {
        "a": a,
        "b": b,
        "delta": (low + high) / 2,
        "interval": [low, high],
        "margin": MARGIN,
        "verdict": verdict(low, high, MARGIN),
    }


@pytest.mark.parametrize(
    ("low", "high", "met"),
    [
        (0.002, 0.03, {"not-worse", "better"}),
        (-0.004, 0.006, {"not-worse", "equivalent"}),
        (0.001, 0.006, {"not-worse", "equivalent"}),  # better, but by nothing that matters
        (-0.004, 0.03, {"not-worse"}),  # no evidence for better, enough for not worse
        (-0.02, 0.03, set()),
        (-0.01, 0.03, set()),  # on the limit is not above it
        (-0.05, -0.02, set()),
    ],
)
def test_an_interval_meets_what_it_shows_and_nothing_else(
    low: float, high: float, met: set[str]
) -> None:
    arms = ["fine", "coarse"]
    found = {r for r in REQUIREMENTS if unmet_requirement(arms, [pair(low, high)], r) is None}
    assert found == met


def test_every_other_arm_is_held_against_the_first_and_none_against_another() -> None:
    arms = ["a", "b", "c"]
    pairs = [
        pair(0.02, 0.04, "a", "b"),
        pair(0.03, 0.05, "a", "c"),
        pair(-0.2, -0.1, "b", "c"),
    ]
    assert unmet_requirement(arms, pairs, "better") is None
    pairs[1] = pair(-0.05, 0.05, "a", "c")
    said = unmet_requirement(arms, pairs, "better")
    assert said == (
        "required is better, but c against a is 'not enough evidence': 0.0000 "
        "[-0.0500, +0.0500], margin 0.01"
    )


def test_a_difference_that_is_unknown_meets_no_requirement() -> None:
    unknown = {**pair(-1, 1), "delta": None, "interval": None}
    for requirement in REQUIREMENTS:
        said = unmet_requirement(["fine", "coarse"], [unknown], requirement)
        assert said is not None
        assert "nan" in said


@given(differences, differences)
def test_what_is_better_or_equivalent_is_not_worse(one: float, other: float) -> None:
    answer = [pair(min(one, other), max(one, other))]
    arms = ["fine", "coarse"]
    for stricter in ("better", "equivalent"):
        if unmet_requirement(arms, answer, stricter) is None:
            assert unmet_requirement(arms, answer, "not-worse") is None
