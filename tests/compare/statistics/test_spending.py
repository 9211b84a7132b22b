import doctest
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import segexp.compare.statistics.spending
from harness.simulated_looks import by_students_t
from segexp.compare.statistics.spending import nominal_levels, spent


def boundaries(*fractions: float) -> list[float]:
    return [float(stats.norm.isf(level / 2)) for level in nominal_levels(0.05, fractions)]


def test_the_examples_in_the_docstrings_are_true():
    results = doctest.testmod(segexp.compare.statistics.spending)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize(
    ("fractions", "published"),
    [
        # The programs of Reboussin, DeMets, Kim & Lan 2000 (Controlled Clinical Trials 21), ld98:
        ((0.2, 0.4, 0.6, 0.8, 1.0), (4.877, 3.357, 2.680, 2.290, 2.031)),
        ((0.5, 1.0), (2.963, 1.969)),
        # What R's ldbounds prints for two sides of 0.025, three looks that are not equally far:
        ((0.10, 0.33, 1.0), (6.9913, 3.7308, 1.9605)),
    ],
)
def test_the_boundaries_are_the_published_ones(fractions, published):
    np.testing.assert_allclose(boundaries(*fractions), published, atol=6e-4)


def test_what_is_spent_is_what_ldbounds_prints():
    assert spent(0.05, 0.10) == pytest.approx(2.7227e-12, rel=1e-4)
    assert spent(0.05, 0.33) == pytest.approx(1.9097e-04, rel=1e-4)
    assert spent(0.05, 1.0) == pytest.approx(0.05)


def test_one_look_at_everything_has_all_of_alpha():
    assert nominal_levels(0.05, [1.0]) == (0.05,)
    assert nominal_levels(0.05, [0.4]) == (pytest.approx(spent(0.05, 0.4)),)


@given(
    st.lists(st.floats(0.02, 1.0), min_size=1, max_size=5, unique=True).map(sorted),
    st.sampled_from([0.05, 0.05 / 3, 0.005]),
)
@settings(max_examples=25, deadline=None)
def test_later_looks_change_no_earlier_one_and_none_is_held_to_less_than_alpha(fractions, alpha):
    if any(b - a < 0.01 for a, b in pairwise(fractions)):
        return
    levels = nominal_levels(alpha, fractions)
    assert nominal_levels(alpha, fractions[:-1] or [1.0])[: len(fractions) - 1] == levels[:-1]
    assert all(level <= alpha for level in levels)
    assert sum(levels) >= spent(alpha, fractions[-1]) * (1 - 1e-6)  # looks overlap: union bound


def test_random_walks_cross_the_boundaries_as_often_as_alpha_says():
    steps = np.random.default_rng(0).normal(size=(200_000, 5))
    z = steps.cumsum(axis=1) / np.sqrt(np.arange(1, 6))
    crossed = (np.abs(z) > boundaries(0.2, 0.4, 0.6, 0.8, 1.0)).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 200_000))
    assert (np.abs(z) > 1.96).any(axis=1).mean() == pytest.approx(0.142, abs=0.003)
    # 0.142 for five looks: Armitage, McPherson & Rowe 1969, table 2.


def test_with_students_t_of_four_to_twelve_configurations_it_holds_nearly():
    # The levels are exact for known variances; benchmarks/looks.py prints the same of 100,000.
    every = tuple(range(4, 13))
    assert 0.047 <= by_students_t(every, 20_000) <= 0.06
    values = np.random.default_rng(0).normal(size=(20_000, 12))
    settled = np.zeros(len(values), dtype=bool)
    for count in every:
        p = stats.ttest_1samp(values[:, :count], 0.0, axis=1).pvalue
        settled |= p < 0.05
    assert settled.mean() > 0.15  # looking again until it is settled
