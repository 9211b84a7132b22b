import doctest
import math

import pytest

import segexp.compare.page.numbers
from segexp.compare.page.numbers import interval_text, known, p_text, plain, signed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0214, "+0.021"),
        (-0.0216, "-0.022"),
        (0.0, "0.000"),
        (0.0001, "0.000"),
        (-0.0001, "0.000"),
        (None, "-"),
        (math.nan, "-"),
    ],
)
def test_a_difference_has_three_decimals_and_a_sign(value, text):
    assert signed(value) == text


def test_a_score_has_three_decimals_and_no_sign():
    assert [plain(v) for v in (0.5, 1.0, None, math.nan)] == ["0.500", "1.000", "-", "-"]


def test_a_small_p_is_not_written_as_zero():
    assert [p_text(p) for p in (0.0004, 0.001, 0.0494, 1.0)] == [
        "<0.001",
        "0.001",
        "0.049",
        "1.000",
    ]
    assert [p_text(p) for p in (None, math.nan)] == ["-", "-"]


def test_an_interval_is_of_differences_or_of_scores():
    assert interval_text([-0.006, 0.013]) == "[-0.006, +0.013]"
    assert interval_text([0.4, 0.5], signs=False) == "[0.400, 0.500]"
    assert interval_text([0.0, 1.0], signs=False) == "[0.000, 1.000]"
    assert interval_text([-1.0, 1.0]) == "unknown"
    assert interval_text([-1.0, 0.9]) == "[-1.000, +0.900]"
    assert [interval_text(i) for i in (None, [None, None], [math.nan, 0.1])] == ["-"] * 3


def test_only_finite_numbers_are_known():
    assert known([0.0, -1.0])
    assert not known([0.0, None])
    assert not known([math.inf])


def test_the_examples_in_the_docstrings_are_true():
    results = doctest.testmod(segexp.compare.page.numbers)
    assert results.attempted > 0
    assert results.failed == 0
