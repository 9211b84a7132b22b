from math import sqrt

import numpy as np
import pytest
from scipy import stats

from segexp.compare.statistics.sample_size import Needed, Sample, needed_to_settle
from segexp.compare.statistics.verdict import verdict
from segexp.evaluation.statistics.bootstrap import Estimate

MARGIN = 0.01


def make_sample(images=50, clusters=50.0, kind="none", runs=3, unit="seeds") -> Sample:
    return Sample(images, clusters, kind, runs, unit)


def ask(delta: float, images: float, runs: float, sample: Sample | None = None) -> Needed:
    """Ask for a difference with these standard errors by images and by runs."""
    difference = Estimate(delta, -1.0, 1.0, 0.5, images**2, runs**2)
    return needed_to_settle(difference, MARGIN, sample or make_sample())


FIVE = "in four studies of five if the difference is as estimated"


def chance(delta, errors, factors, runs=3) -> float:
    """The share of such studies that are settled, spelled out; estimates vary by Student's t.

    With the standard errors by images and by runs, and so many times as many of either.
    """
    variances = [e**2 / f for e, f in zip(errors, factors, strict=True)]
    dfs = 50 * factors[0] - 1, runs * factors[1] - 1
    df = sum(variances) ** 2 / sum(v**2 / f for v, f in zip(variances, dfs, strict=True))
    error = sqrt(sum(variances))
    half = stats.t.ppf(0.975, df) * error
    quantiles = (np.arange(100_000) + 0.5) / 100_000
    estimates = stats.t(df, loc=abs(delta), scale=error).ppf(quantiles)
    better = (estimates > half) & (delta != 0)
    equivalent = (np.abs(estimates) + half < MARGIN) & (abs(delta) < MARGIN)
    return float((better | equivalent).mean())


def test_without_spread_between_runs_images_alone_settle_it_and_runs_cannot():
    # (1.97 + 0.84) 0.0165 / sqrt(f) must be under 0.02: f = 5.4, and 270 images are the next step.
    needed = ask(0.02, images=0.0165, runs=0.0)
    assert needed.images_factor == pytest.approx(5.4, abs=0.15)
    assert needed.runs_factor is None
    assert needed.text == (
        f"About 5.5 times as many held-out images (280) would settle it {FIVE}; "
        "more seeds alone would not, not even 100 times as many: they do not reduce the "
        "variance that the images add."
    )


def test_without_spread_between_images_runs_alone_settle_it():
    # Of 4 seeds (3.18 + 0.98) 0.0066 sqrt(3/4) is 0.0238, over 0.02; of 5 it is
    # (2.78 + 0.94) 0.0066 sqrt(3/5) = 0.0190.
    needed = ask(-0.02, images=0.0, runs=0.0066)
    assert needed == Needed(
        None,
        5 / 3,
        f"About 1.7 times as many seeds (5) would settle it {FIVE}; "
        "more images alone would not, not even 100 times as many: they do not reduce the "
        "variance that the seeds add.",
    )


def test_a_large_difference_is_settled_by_either():
    needed = ask(0.02, images=0.006, runs=0.005, sample=make_sample(runs=6))
    assert needed.images_factor
    assert needed.runs_factor
    assert needed.text.endswith(f"seeds ({6 * needed.runs_factor:.0f}) would settle it {FIVE}.")
    errors = (0.006, 0.005)
    assert chance(0.02, errors, (needed.images_factor, 1), runs=6) > 0.8
    assert chance(0.02, errors, (1, needed.runs_factor), runs=6) > 0.8
    assert chance(0.02, errors, (1, needed.runs_factor - 1 / 6), runs=6) < 0.8


@pytest.mark.parametrize("delta", [0.02, -0.02, 0.009, 0.0, -0.003])
def test_the_factors_just_settle_it_by_the_formula(delta):
    target = max(abs(delta), MARGIN - abs(delta))
    needed = ask(delta, images=0.6 * target, runs=0.15 * target)
    assert needed.images_factor
    errors = (0.6 * target, 0.15 * target)
    enough = chance(delta, errors, (needed.images_factor, 1))
    less = chance(delta, errors, (0.93 * needed.images_factor, 1))
    assert less < 0.8 < enough


@pytest.mark.parametrize("delta", [0.02, -0.02, 0.009, 0.0, -0.003])
def test_one_run_fewer_would_not_settle_it(delta):
    target = max(abs(delta), MARGIN - abs(delta))
    needed = ask(delta, images=0.15 * target, runs=0.6 * target)
    assert needed.runs_factor
    runs = round(3 * needed.runs_factor)
    errors = (0.15 * target, 0.6 * target)
    assert chance(delta, errors, (1, runs / 3)) > 0.8
    assert chance(delta, errors, (1, (runs - 1) / 3)) < 0.8


def test_a_small_difference_is_settled_by_either_of_two_right_verdicts():
    # 0.006 under a margin of 0.01 is better and equivalent. With a standard error of 0.0029 (148
    # degrees of freedom) 0.0058 is the half-width: better at T > -0.07, 53%, equivalent from
    # -0.0042 to 0.0042, at T < -0.62, 27%.
    needed = ask(0.006, images=0.005, runs=0.0)
    assert needed.images_factor == pytest.approx(2.9, abs=0.1)


def test_if_neither_alone_is_enough_both_together_are_reported():
    needed = ask(0.004, images=0.004, runs=0.004)
    assert (needed.images_factor, needed.runs_factor) == (None, None)
    assert needed.text.endswith(
        f" together would settle it {FIVE}; neither alone would, not even 100 times as many."
    )


def test_both_together_are_also_reported_if_one_alone_takes_far_more():
    needed = ask(0.02, images=0.0062, runs=0.012)
    assert needed.images_factor is None
    assert needed.runs_factor
    assert ", or " in needed.text
    assert needed.text.endswith(
        f" together would settle it {FIVE}; more images alone would not, not even 100 times as "
        "many: they do not reduce the variance that the seeds add."
    )


def test_what_takes_more_than_a_hundred_times_as_much_is_out_of_reach():
    assert ask(0.004, images=1.0, runs=1.0) == Needed(
        None, None, f"Not even 100 times as many images and seeds would settle it {FIVE}."
    )


def test_images_of_clusters_must_come_from_new_clusters():
    sample = make_sample(images=480, clusters=12.0, kind="city", runs=8, unit="configurations")
    needed = ask(0.03, images=0.0165, runs=0.0, sample=sample)
    # t at 12 x 2.7 - 1 degrees of freedom: (2.04 + 0.85) x 0.0165 / sqrt(2.7) = 0.0290.
    assert needed.text.startswith(
        "About 2.7 times as many held-out images (1,300 in 2.7 times as many cities) "
        f"would settle it {FIVE}; more configurations alone would not"
    )


def test_an_interval_already_narrow_by_the_formula_needs_a_little_more():
    needed = ask(0.006, images=0.0001, runs=0.0001)
    assert needed.images_factor == pytest.approx(1.05, abs=0.03)
    assert needed.runs_factor == pytest.approx(4 / 3)


def test_a_stricter_study_needs_more():
    difference = Estimate(0.006, -1.0, 1.0, 0.5, 0.003**2, 0.001**2)
    usual = needed_to_settle(difference, MARGIN, make_sample(runs=10))
    strict = needed_to_settle(difference, MARGIN, make_sample(runs=10), level=0.005)
    assert usual.images_factor
    assert strict.images_factor
    assert strict.images_factor > 1.3 * usual.images_factor


@pytest.mark.parametrize(
    ("delta", "images", "runs"), [(0.006, 0.004, 0.0015), (0.0, 0.005, 0.001), (0.02, 0.004, 0.012)]
)
def test_as_many_times_as_many_settle_about_four_studies_of_five(delta, images, runs):
    # Studies of the size that it asks for, drawn and estimated anew: their variances are, too.
    sample = make_sample(images=50, runs=6)
    needed = needed_to_settle(Estimate(delta, -1.0, 1.0, 0.5, images**2, runs**2), MARGIN, sample)
    factors = (needed.images_factor, 1.0) if needed.images_factor else (1.0, needed.runs_factor)
    assert factors[1]
    counts = round(50 * factors[0]), round(6 * factors[1])
    settled = 0
    for study in range(400):
        rng = np.random.default_rng([study, round(1e4 * delta)])
        of_images = images * sqrt(50) * rng.normal(size=counts[0])
        of_runs = runs * sqrt(6) * rng.normal(size=counts[1])
        variances = of_images.var(ddof=1) / counts[0], of_runs.var(ddof=1) / counts[1]
        df = sum(variances) ** 2 / sum(
            v**2 / (n - 1) for v, n in zip(variances, counts, strict=True)
        )
        value = delta + of_images.mean() + of_runs.mean()
        half = stats.t.isf(0.025, df) * sqrt(sum(variances))
        settled += verdict(value - half, value + half, MARGIN) != "not enough evidence"
    # Above 0.8 by the whole runs that are rounded up, and by false verdicts.
    assert 0.75 <= settled / 400 <= 0.9
