"""How often the interval is wrong where the truth is known: simulated studies, fixed seeds.

benchmarks/calibration.py prints the larger table of docs/method.md.
"""

from dataclasses import replace

import numpy as np
import pytest

from harness.simulated_studies import (
    CLUSTERED,
    MARGIN,
    MODEST,
    PLANTED,
    SCENARIOS,
    deltas,
    intervals,
    misses,
    simulate,
)
from segexp.evaluation.statistics.bootstrap import estimate, resample_weights

STUDIES, RESAMPLES = 1_000, 1_000


def missed(found: np.ndarray, truth: float = 0.0) -> float:
    return sum(misses(found, truth))


def test_the_same_predictions_in_both_arms_differ_by_exactly_nothing():
    arm, _ = simulate(SCENARIOS["all three"], [0])
    weights = resample_weights(np.arange(50), RESAMPLES, seed=0)
    observed, resampled = deltas((arm, arm), np.ones((1, 50)))[0], deltas((arm, arm), weights)
    found = estimate(observed, resampled, np.arange(5), 50, seed=0)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["images, image x run", "all three"])
def test_without_a_difference_one_interval_in_twenty_shows_one(name):
    ours, _ = intervals(SCENARIOS[name], STUDIES, RESAMPLES)
    assert 0.03 <= missed(ours) <= 0.07
    assert min(misses(ours)) >= 0.01  # both ways


def test_where_runs_differ_by_their_images_alone_the_interval_is_wide_and_not_narrow():
    # It is never narrower than Student's t over the runs, which have no variance of their own here.
    ours, _ = intervals(SCENARIOS["image x run only"], STUDIES, RESAMPLES)
    assert 0.005 <= missed(ours) <= 0.05


@pytest.mark.slow
def test_plain_percentiles_are_too_wide_for_independent_noise_and_too_narrow_for_runs():
    # Why it is not the textbook's bootstrap: this is what it does.
    _, independent = intervals(SCENARIOS["image x run only"], 300, RESAMPLES)
    ours, runs = intervals(SCENARIOS["runs above all"], STUDIES, RESAMPLES)
    assert missed(independent) < 0.02
    assert missed(runs) > 0.1
    assert 0.03 <= missed(ours) <= 0.07


def test_a_difference_of_twice_the_margin_is_found():
    # Its standard error is 0.005 here: no method finds 0.02 much more often with five seeds.
    ours, _ = intervals(MODEST, 300, RESAMPLES, PLANTED)
    low = ours[:, 0]
    assert np.mean(low > 0) > 0.9
    assert 0.03 <= 1 - np.mean((low <= 2 * MARGIN) & (ours[:, 1] >= 2 * MARGIN)) <= 0.07


def test_the_planted_difference_is_twice_the_margin():
    many = replace(MODEST, num_images=400, groups=400)
    with_it, without = (
        deltas(simulate(many, [1], planted), np.ones((1, 400))).mean() for planted in (PLANTED, 0.0)
    )
    assert with_it - without == pytest.approx(2 * MARGIN, rel=0.02)


@pytest.mark.slow
def test_frames_of_one_video_are_overconfident_as_independent_but_not_by_sequence():
    as_images, _ = intervals(CLUSTERED, STUDIES, RESAMPLES, clustered=False)
    by_sequence, _ = intervals(CLUSTERED, STUDIES, RESAMPLES)
    assert missed(as_images) >= 0.1
    assert 0.03 <= missed(by_sequence) <= 0.07
