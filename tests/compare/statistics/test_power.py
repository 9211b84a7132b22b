from math import sqrt

import numpy as np
import pytest
from scipy import stats

from segexp.compare.statistics.power import chance_to_settle, detectable, smallest_margin
from segexp.evaluation.statistics.bootstrap import Estimate


def test_the_smallest_difference_found_is_the_textbooks():
    # n = 16 pairs, standard deviation 1: the exact power of the paired t test (noncentral t) at
    # the difference that is found in 80% is 80%, and (2.131 + 0.866) / 4 = 0.749 says so nearly.
    found = Estimate(0.1, -1.0, 1.0, 0.5, 1 / 16, 0.0, df=15)
    difference = detectable(found, 0.05)
    assert difference == pytest.approx(0.749, abs=0.001)
    exact = stats.nct.sf(stats.t.isf(0.025, 15), 15, difference * 4)
    assert exact == pytest.approx(0.8, abs=0.01)


def test_a_stricter_level_finds_only_larger_differences():
    found = Estimate(0.1, -1.0, 1.0, 0.5, 0.01**2, 0.02**2, df=7)
    assert detectable(found, 0.05 / 3) > 1.2 * detectable(found, 0.05)
    assert detectable(found, 0.05) == pytest.approx((2.365 + 0.896) * sqrt(0.0005), rel=1e-3)


def test_without_variance_every_difference_is_found_and_no_data_gives_no_answer():
    assert detectable(Estimate(0.0, 0.0, 0.0, 1.0, 0.0, 0.0), 0.05) == 0.0
    assert np.isnan(detectable(Estimate(*[float("nan")] * 7), 0.05))


@pytest.mark.parametrize(("error", "df"), [(0.004, 30.0), (0.002, 5.0)])
def test_equal_arms_are_called_equivalent_within_the_smallest_margin_in_four_of_five(error, df):
    margin = float(smallest_margin(error, df, 0.05))
    drawn = stats.t(df, scale=error).rvs(100_000, random_state=0)
    half = stats.t.isf(0.025, df) * error
    assert (np.abs(drawn) + half < margin).mean() == pytest.approx(0.8, abs=0.01)
    of_zero = chance_to_settle(0.0, margin, np.array([error]), np.array([df]), 0.05)
    assert of_zero[0] == pytest.approx(0.8, abs=1e-6)


def test_the_chance_to_settle_is_that_of_drawn_estimates():
    for difference, error in ((0.03, 0.01), (-0.03, 0.01), (0.004, 0.002), (0.0, 0.1)):
        drawn = stats.t(12, loc=abs(difference), scale=error).rvs(200_000, random_state=1)
        half = stats.t.isf(0.025, 12) * error
        better, equivalent = drawn > half, np.abs(drawn) + half < 0.01
        right = equivalent if difference == 0 else better
        if difference == 0.004:
            right = better | equivalent
        right = right.mean()
        found = chance_to_settle(difference, 0.01, np.array([error]), np.array([12.0]), 0.05)
        assert found[0] == pytest.approx(right, abs=0.005)
