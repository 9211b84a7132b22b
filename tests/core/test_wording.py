import doctest
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import segexp.core.wording
from segexp.core.wording import counted, percent, seconds_of


@pytest.mark.parametrize(
    ("part", "whole", "digits", "text"),
    [
        (366, 367, 0, ">99%"),  # 99.73
        (367, 367, 0, "100%"),
        (0, 367, 0, "0%"),
        (1, 367, 0, "<1%"),  # 0.27
        (2, 367, 0, "1%"),  # 0.54
        (1, 10**6, 2, "<0.01%"),
        (10**6 - 1, 10**6, 2, ">99.99%"),
        (1, 3, 1, "33.3%"),
        (0.125, 1.0, 3, "12.500%"),
        (0, 0, 0, "-"),
    ],
)
def test_all_and_nothing_are_said_where_it_is_all_or_nothing(part, whole, digits, text):
    assert percent(part, whole, digits) == text


@given(st.integers(1, 10**9), st.data(), st.integers(0, 3))
def test_what_is_said_is_true(whole, data, digits):
    part = data.draw(st.integers(0, whole))
    text, share = percent(part, whole, digits), Fraction(100 * part, whole)
    number = Fraction(text.strip("<>%"))
    if text.startswith("<"):
        assert 0 < share < number
    elif text.startswith(">"):
        assert number < share < 100
    else:
        assert abs(share - number) <= Fraction(1, 2 * 10**digits) + Fraction(1, 10**9)
        assert (number in (0, 100)) == (share in (0, 100))


def test_one_is_singular():
    assert [counted(n, "trial") for n in (0, 1, 2)] == ["0 trials", "1 trial", "2 trials"]
    assert counted(2000, "trial") == "2,000 trials"


def test_numbers_up_to_twelve_may_be_words():
    found = [counted(n, "run", in_words=True) for n in (0, 1, 2, 12, 13)]
    assert found == ["no runs", "one run", "two runs", "twelve runs", "13 runs"]


def test_the_examples_in_the_docstrings_are_true():
    results = doctest.testmod(segexp.core.wording)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("0.5", 0.5), ("30m", 1800), ("1.5h", 5400), ("1h1m1s", 3661)],
)
def test_a_time_is_hours_minutes_and_seconds(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "soon", "1d", "-5", "5 m", "m"])
def test_what_is_no_time_is_told_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time over 0 such as 90s, 30m"):
        seconds_of(text)
