from math import sqrt

import pytest
from scipy import stats

from segexp.comparison.bootstrap import Estimate
from segexp.comparison.sample_size import Needed, Sample, needed_to_settle

MARGIN = 0.01


def make_sample(images=50, clusters=50.0, kind="none", runs=3, unit="seeds") -> Sample:
    return Sample(images, clusters, kind, runs, unit)


def ask(delta: float, images: float, runs: float, sample: Sample | None = None) -> Needed:
    """Ask for a difference with these standard errors by images and by runs."""
    difference = Estimate(delta, -1.0, 1.0, 0.5, images**2, runs**2)
    return needed_to_settle(difference, MARGIN, sample or make_sample())


def half_width(images_se, runs_se, images_factor, runs_factor, images=50, runs=3) -> float:
    """The half-width after such a change, spelled out."""
    variances = images_se**2 / images_factor, runs_se**2 / runs_factor
    dfs = images * images_factor - 1, runs * runs_factor - 1
    df = sum(variances) ** 2 / sum(v**2 / f for v, f in zip(variances, dfs, strict=True))
    return stats.t.ppf(0.975, df) * sqrt(sum(variances))


def test_without_spread_between_runs_images_alone_settle_it_and_runs_cannot():
    # To exclude 0, t 0.005 / sqrt(f) must be under 0.006: 1.98 x 0.005 = 0.0099, f = 2.7.
    needed = ask(0.006, images=0.005, runs=0.0)
    assert needed.images_factor == pytest.approx(2.7, abs=0.15)
    assert needed.runs_factor is None
    assert needed.text == (
        "About 2.8 times as many held-out images (140) would settle it; "
        "more seeds alone would not, not even 100 times as many."
    )


def test_without_spread_between_images_runs_alone_settle_it():
    # Of 3 seeds with a standard error of 0.002, 4.3 x 0.002 is over 0.006, but of 4 it is
    # 3.18 x 0.002 x sqrt(3/4) = 0.0055.
    needed = ask(-0.006, images=0.0, runs=0.002)
    assert needed == Needed(
        None,
        4 / 3,
        "About 1.4 times as many seeds (4) would settle it; "
        "more images alone would not, not even 100 times as many.",
    )


def test_a_large_difference_is_settled_by_either():
    def width(images_factor: float, runs_factor: float) -> float:
        return half_width(0.008, 0.007, images_factor, runs_factor, runs=5)

    assert width(2, 1) < 0.02 < width(1.8, 1)
    assert width(1, 8 / 5) < 0.02 < width(1, 7 / 5)
    needed = ask(0.02, images=0.008, runs=0.007, sample=make_sample(runs=5))
    assert needed.text == (
        "About 2 times as many held-out images (100), or 1.6 times as many seeds (8) "
        "would settle it."
    )


@pytest.mark.parametrize("delta", [0.02, -0.02, 0.009, 0.0, -0.003])
def test_the_factors_just_settle_it_by_the_formula(delta):
    target = max(abs(delta), MARGIN - abs(delta))
    needed = ask(delta, images=0.6 * target, runs=0.15 * target)
    assert needed.images_factor
    after = half_width(0.6 * target, 0.15 * target, needed.images_factor, 1)
    assert 0.94 * target < after < target


@pytest.mark.parametrize("delta", [0.02, -0.02, 0.009, 0.0, -0.003])
def test_one_run_fewer_would_not_settle_it(delta):
    target = max(abs(delta), MARGIN - abs(delta))
    needed = ask(delta, images=0.2 * target, runs=0.6 * target)
    assert needed.runs_factor
    runs = round(3 * needed.runs_factor)
    assert half_width(0.2 * target, 0.6 * target, 1, runs / 3) < target
    assert half_width(0.2 * target, 0.6 * target, 1, (runs - 1) / 3) > target


def test_where_neither_alone_is_enough_both_together_are_told():
    needed = ask(0.004, images=0.004, runs=0.004)
    assert (needed.images_factor, needed.runs_factor) == (None, None)
    assert half_width(0.004, 0.004, 11 / 3, 11 / 3) < 0.006
    assert half_width(0.004, 0.004, 10 / 3, 10 / 3) > 0.006
    assert needed.text == (
        "About 3.7 times as many held-out images (190) and seeds (11) together would settle it; "
        "neither alone would, not even 100 times as many."
    )


def test_both_together_are_told_too_where_one_alone_takes_far_more():
    needed = ask(0.004, images=0.0027, runs=0.004)
    assert needed.images_factor is None
    assert needed.text == (
        "About 9.4 times as many seeds (28), or 3 times as many held-out images (150) and "
        "seeds (9) together would settle it; "
        "more images alone would not, not even 100 times as many."
    )


def test_what_takes_more_than_a_hundred_times_as_much_is_out_of_reach():
    assert ask(0.004, images=1.0, runs=1.0) == Needed(
        None, None, "Not even 100 times as many images and seeds would settle it."
    )


def test_images_of_clusters_must_come_from_new_clusters():
    sample = make_sample(images=480, clusters=12.0, kind="city", runs=8, unit="configurations")
    needed = ask(0.006, images=0.004, runs=0.0, sample=sample)
    # t at 12 x 2 - 1 degrees of freedom is 2.07, and 2.07 x 0.004 / sqrt(2) = 0.0059.
    assert needed.text == (
        "About 2 times as many held-out images (960 in 2 times as many cities) "
        "would settle it; more configurations alone would not, not even 100 times as many."
    )


def test_an_interval_that_the_formula_already_calls_narrow_asks_for_a_little_more():
    needed = ask(0.006, images=0.0001, runs=0.0001)
    assert needed.images_factor == pytest.approx(1.05, abs=0.03)
    assert needed.runs_factor == pytest.approx(4 / 3)
