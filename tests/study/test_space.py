"""Parameters of a search space: what they can take, and how people are told."""

import math

import pytest

from segexp.study.space import Choices, Range, contains, describe_parameter


@pytest.mark.parametrize(
    ("parameter", "inside", "outside"),
    [
        (Choices(("a", 1, None)), ["a", 1, None], ["b", True, 1.0, 0]),
        (Range(0.0, 1.0), [0, 0.0, 1, 0.5], [-0.1, 1.1, True, "0.5", None, math.nan]),
        (Range(4, 16, integer=True), [4, 5, 16], [3, 17, 4.0, True]),
        (Range(4, 17, step=4, integer=True), [4, 8, 16], [5, 17]),
        (Range(0.0, 0.3, step=0.1), [0.0, 0.1, 0.2, 0.3], [0.15, 0.4, math.nan, math.inf]),
    ],
)
def test_what_a_parameter_can_take(parameter, inside, outside):
    assert [value for value in inside if not contains(parameter, value)] == []
    assert [value for value in outside if contains(parameter, value)] == []


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (Choices((None, "a", 0.5)), "null, a, 0.5"),
        (Range(1e-4, 0.01, log=True), "0.0001 to 0.01 (log)"),
        (Range(4, 16, step=4, integer=True), "4 to 16 in steps of 4"),
        (Range(0.0, 1.0), "0 to 1"),
    ],
)
def test_a_parameter_is_described_for_a_person(parameter, text):
    assert describe_parameter(parameter) == text
