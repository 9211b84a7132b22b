import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import segexp.evaluation.statistics.tails
from segexp.evaluation.statistics.tails import outside, reach


def test_the_examples_in_the_docstrings_are_true():
    results = doctest.testmod(segexp.evaluation.statistics.tails)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize(
    ("angle", "published"),
    [(0, 2.447), (15, 2.430), (30, 2.398), (45, 2.364), (60, 2.331), (75, 2.310), (90, 2.306)],
)
def test_the_five_percent_points_are_those_of_fisher_and_yates(angle, published):
    # Statistical Tables, table VI (Sukhatme 1938): 8 and 6 degrees of freedom, by the angle whose
    # tangent is the ratio of the standard errors.
    sine = np.sin(np.radians(angle)) ** 2
    assert reach(0.05, ((sine, 8.0), (1 - sine, 6.0))) == pytest.approx(published, abs=6e-4)


@pytest.mark.parametrize("level", [0.05, 0.005, 1e-6, 1e-17])
@pytest.mark.parametrize(
    "parts", [((4.0, 7.0),), ((4.0, 7.0), (0.0, 3.0)), ((0.0, 3.0), (4.0, 7.0))]
)
def test_one_source_is_students_t(level, parts):
    assert reach(level, parts) == pytest.approx(2 * stats.t.isf(level / 2, 7))
    assert outside(2 * stats.t.isf(level / 2, 7), parts) == pytest.approx(level)


@pytest.mark.parametrize(
    "parts", [((1.0, 5.0), (1.0, 3.0)), ((0.3, 63.0), (1.0, 4.0)), ((1.0, 4.0), (0.01, 4.0))]
)
def test_draws_of_both_are_outside_as_often_as_it_says(parts):
    rng = np.random.default_rng(0)
    draws = np.abs(sum(v**0.5 * rng.standard_t(df, 400_000) for v, df in parts))
    for level in (0.05, 0.005):
        share = np.mean(draws > reach(level, parts))
        assert share == pytest.approx(level, abs=4 * (level / 400_000) ** 0.5)


@given(
    st.floats(0.001, 1000), st.floats(3, 80), st.floats(3, 80), st.floats(1e-9, 0.9),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_the_order_and_the_unit_of_the_sources_do_not_matter(variance, first, second, level):
    found = reach(level, ((variance, first), (1.0, second)))
    assert reach(level, ((1.0, second), (variance, first))) == pytest.approx(found, rel=1e-6)
    scaled = reach(level, ((4e-6 * variance, first), (4e-6, second)))
    assert scaled == pytest.approx(2e-3 * found, rel=1e-6)
    assert outside(found, ((variance, first), (1.0, second))) == pytest.approx(level, rel=1e-4)


def test_without_noise_nothing_is_outside_but_zero_itself():
    assert reach(0.05, ((0.0, 5.0), (0.0, 3.0))) == 0.0
    assert outside(0.1, ((0.0, 5.0),)) == 0.0
    assert outside(0.0, ((0.0, 5.0),)) == 1.0
