import doctest
import warnings
from dataclasses import astuple
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import jaccard_score

import segexp.evaluation.statistics.bootstrap
from segexp.compare.statistics.verdict import verdict
from segexp.evaluation.counting import confusion_matrices
from segexp.evaluation.metrics import score
from segexp.evaluation.statistics.bootstrap import (
    Estimate,
    at_level,
    estimate,
    resample_weights,
    resampled_ious,
)


def random_confusions(runs: int = 3, images: int = 7, classes: int = 4) -> np.ndarray:
    counts = np.random.default_rng(0).integers(0, 500, (runs, images, classes, classes + 1))
    counts[:, 1:, 2] = 0  # class 2 is in the truth of image 0 only, and called everywhere
    return counts


def crossed(rng, images: float, runs: float, cells: float, shape: tuple[int, int]) -> np.ndarray:
    """A table (N, R) of image effect + run effect + noise, with the given standard deviations."""
    count, num_runs = shape
    table = images * rng.normal(size=(count, 1)) + runs * rng.normal(size=(1, num_runs))
    return table + cells * rng.normal(size=shape)


def of_means(table: np.ndarray, run_groups=None, resamples: int = 4_000, seed: int = 0):
    """Estimate the mean of a table (N, R): a linear statistic, whose variances have formulas."""
    count, runs = table.shape
    weights = resample_weights(np.arange(count), resamples, seed)
    groups = np.arange(runs) if run_groups is None else run_groups
    return estimate(table.mean(axis=0), weights @ table / count, groups, count, seed)


def figures(found: Estimate) -> tuple[float, ...]:
    """All that is said of a difference: value, low, high, p, both variances, df."""
    return astuple(found)[:7]


# resample_weights


def test_weights_are_how_often_a_whole_cluster_was_drawn():
    clusters = np.array([0, 0, 0, 1, 2, 2, 3])
    weights = resample_weights(clusters, 500, seed=1)
    assert weights.shape == (500, 7)
    assert weights.dtype == np.float64
    for cluster in range(4):
        members = weights[:, clusters == cluster]
        np.testing.assert_array_equal(members, np.repeat(members[:, :1], members.shape[1], axis=1))
    np.testing.assert_array_equal(weights[:, [0, 3, 4, 6]].sum(axis=1), 4)


def test_weights_have_the_moments_of_a_multinomial_draw():
    weights = resample_weights(np.arange(10), 40_000, seed=2)
    multinomial = stats.multinomial(10, np.full(10, 0.1))
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.02)
    np.testing.assert_allclose(np.cov(weights.T), multinomial.cov(), atol=0.03)


def test_the_seed_decides_the_weights():
    clusters = np.arange(6)
    first, again, other = (resample_weights(clusters, 20, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_order_of_the_images_does_not_matter_where_the_clusters_have_names():
    clusters = np.array(["ulm", "bonn", "ulm", "kiel", "bonn"])
    order = [3, 1, 0, 4, 2]
    np.testing.assert_array_equal(
        resample_weights(clusters[order], 50, seed=0),
        resample_weights(clusters, 50, seed=0)[:, order],
    )


# resampled_ious


def test_weights_of_one_give_the_score_to_the_last_bit():
    confusions = random_confusions()
    ious = resampled_ious(confusions, np.ones((1, 7)))[0]
    for found, run in zip(ious, confusions, strict=True):
        scores = score(run.sum(axis=0))
        np.testing.assert_array_equal(found, np.where(scores.pixels > 0, scores.iou, np.nan))


def test_a_resample_scores_like_scikit_learn_on_the_images_that_it_holds():
    rng = np.random.default_rng(5)
    target = rng.integers(0, 3, (4, 8, 8))
    prediction = np.where(rng.random(target.shape) < 0.6, target, rng.integers(0, 3, target.shape))
    confusions = confusion_matrices(target, prediction, 3)[None]
    held = [0, 2, 2, 3]
    expected = jaccard_score(target[held].ravel(), prediction[held].ravel(), average=None)
    ious = resampled_ious(confusions, np.array([[1.0, 0.0, 2.0, 1.0]]))
    np.testing.assert_allclose(ious[0, 0], expected, rtol=1e-14)


def test_a_worked_case_with_pixels_predicted_as_none():
    # Image 0: 2 pixels of class 0 found, 1 called class 1, 1 called none. Image 1: class 1, found.
    confusions = np.array([[[[2, 1, 1], [0, 0, 0]], [[0, 0, 0], [0, 3, 0]]]])
    ious = resampled_ious(confusions, np.array([[1.0, 1.0], [0.0, 2.0], [2.0, 0.0]]))
    np.testing.assert_array_equal(ious[:, 0], [[2 / 4, 3 / 4], [np.nan, 1.0], [2 / 4, np.nan]])
    # In the last resample class 1 is called once and is nowhere: no IoU, whoever calls it.


def test_a_class_that_a_resample_lost_is_nan_there_and_only_there():
    weights = np.ones((2, 7))
    weights[1, 0] = 0
    ious = resampled_ious(random_confusions(), weights)
    np.testing.assert_array_equal(np.isnan(ious).any(axis=1), [[False] * 4, [0, 0, 1, 0]])


def test_chunks_of_resamples_change_nothing(monkeypatch):
    confusions, weights = random_confusions(), resample_weights(np.arange(7), 50, seed=0)
    whole = resampled_ious(confusions, weights)
    monkeypatch.setattr("segexp.evaluation.statistics.bootstrap.CHUNK_BYTES", 8 * 24 * 7)
    np.testing.assert_array_equal(resampled_ious(confusions, weights), whole)


@pytest.mark.parametrize(("shape", "images"), [((2, 3, 4, 6), 3), ((2, 3, 4, 5), 4)])
def test_matrices_and_weights_that_do_not_fit_are_refused(shape, images):
    with pytest.raises(ValueError, match=r"a confusion matrix is|mismatch"):
        resampled_ious(np.zeros(shape, dtype=np.int64), np.ones((1, images)))


# estimate


def test_no_difference_anywhere_is_exactly_zero_and_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = estimate(np.zeros(3), np.zeros((100, 3)), np.arange(3), 20, seed=0)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert (found.variance_images, found.variance_runs) == (0, 0)


def test_one_constant_difference_everywhere_has_no_width():
    found = estimate(np.full(3, 0.25), np.full((99, 3), 0.25), np.arange(3), 20, seed=0)
    assert (found.value, found.low, found.high) == (0.25, 0.25, 0.25)
    assert found.p == 0.0  # as of a t test whose data do not vary


def test_the_variance_of_images_is_that_of_the_mean_over_images():
    table = crossed(np.random.default_rng(1), 1.0, 0.5, 0.7, (40, 5))
    found = of_means(table, resamples=20_000)
    expected = table.mean(axis=1).var(ddof=1) / 40  # the squared standard error of a mean
    assert found.variance_images == pytest.approx(expected, rel=0.03)


def test_the_variance_of_runs_is_the_anova_estimate():
    # Two-way random effects without replication: (mean square of runs - residual) / (N R).
    table = crossed(np.random.default_rng(2), 1.0, 0.8, 0.7, (40, 6))
    found = of_means(table, resamples=20_000)
    by_run, by_image = table.mean(axis=0), table.mean(axis=1, keepdims=True)
    residual = ((table - by_run - by_image + table.mean()) ** 2).sum() / (39 * 5)
    runs = by_run.var(ddof=1) * 40
    assert found.variance_runs == pytest.approx((runs - residual) / 240, rel=0.02)


def test_one_image_effect_and_no_runs_is_a_t_interval_over_images():
    table = np.repeat(np.random.default_rng(3).normal(size=(12, 1)), 4, axis=1)
    found = of_means(table, resamples=40_000)
    low, high = stats.ttest_1samp(table[:, 0], 0).confidence_interval(0.95)
    assert found.variance_runs == 0
    assert found.low == pytest.approx(low, abs=0.05 * (high - low))
    assert found.high == pytest.approx(high, abs=0.05 * (high - low))


def test_a_run_effect_alone_is_as_wide_as_a_t_interval_over_runs():
    # 10 runs: enough for resampled means to be nearly normal, few enough for t to matter.
    table = np.repeat(np.random.default_rng(4).normal(size=(1, 10)), 5, axis=0)
    found = of_means(table, resamples=40_000)
    test = stats.ttest_1samp(table[0], 0)
    low, high = test.confidence_interval(0.95)
    assert found.variance_images == pytest.approx(0, abs=1e-20)
    assert found.high - found.low == pytest.approx(high - low, rel=0.05)
    assert found.p == pytest.approx(test.pvalue, abs=0.03)


def test_two_runs_that_agree_are_not_narrower_than_students_t_over_them():
    """0.0881 and 0.0924: s / sqrt(2) = 0.00215, and t is 12.706 with one degree of freedom."""
    rng = np.random.default_rng(0)
    observed = np.array([0.0881, 0.0924])
    # What each image adds in each run is far more than the two differ by.
    resampled = observed + rng.normal(0, 0.01, (2_000, 2))
    found = estimate(observed, resampled, [0, 1], 50, seed=0)
    assert (found.high - found.low) / 2 == pytest.approx(12.706 * 0.00215, rel=1e-3)
    assert found.low < found.value < found.high


def test_with_many_images_and_no_runs_it_agrees_with_scipys_bootstrap():
    skewed = np.random.default_rng(5).lognormal(sigma=1.0, size=300)
    found = of_means(np.repeat(skewed[:, None], 2, axis=1), resamples=20_000)
    scipys = stats.bootstrap((skewed,), np.mean, method="percentile", rng=0).confidence_interval
    width = scipys.high - scipys.low
    assert found.low == pytest.approx(scipys.low, abs=0.03 * width)
    assert found.high == pytest.approx(scipys.high, abs=0.03 * width)
    assert found.high - found.value > found.value - found.low  # the skew is kept


def test_the_examples_in_the_docstrings_are_true():
    results = doctest.testmod(segexp.evaluation.statistics.bootstrap)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("level", [0.2, 0.0167, 0.005, 1.1e-6])
def test_an_interval_at_another_level_is_students_at_that_level(level):
    # 40 images, one run: the bootstrap of a mean is nearly normal, and t has 39 degrees of freedom.
    table = np.repeat(np.random.default_rng(8).normal(0.3, 1.0, size=(40, 1)), 3, axis=1)
    found = at_level(of_means(table, resamples=40_000), level)
    low, high = stats.ttest_1samp(table[:, 0], 0).confidence_interval(1 - level)
    assert found.level == level
    assert found.low == pytest.approx(low, abs=0.05 * (high - low))
    assert found.high == pytest.approx(high, abs=0.05 * (high - low))


def test_the_degrees_of_freedom_are_welchs_and_those_of_one_source_where_it_is_alone():
    by_images = of_means(np.repeat(np.random.default_rng(3).normal(size=(12, 1)), 4, axis=1))
    by_runs = of_means(np.repeat(np.random.default_rng(4).normal(size=(1, 10)), 5, axis=0))
    assert (by_images.df, by_runs.df) == (pytest.approx(11), pytest.approx(9))
    # Of both: V^2 / (V1^2 / 11 + V2^2 / 3), Welch 1947.
    both = of_means(crossed(np.random.default_rng(1), 1.0, 1.0, 0.1, (12, 4)))
    first, second = both.variance_images, both.variance_runs
    assert both.df == pytest.approx((first + second) ** 2 / (first**2 / 11 + second**2 / 3))


@given(st.integers(0, 2**32 - 1), st.floats(1e-9, 0.9), st.floats(-1.5, 1.5))
@settings(max_examples=60, deadline=None)
def test_p_is_under_a_level_exactly_where_the_interval_at_that_level_leaves_zero_out(
    seed, level, shift
):
    rng = np.random.default_rng(seed)
    found = of_means(shift + crossed(rng, 1.0, 0.5, 0.5, (15, 4)), resamples=200, seed=seed)
    interval = at_level(found, level)
    if abs(found.p - level) > 1e-9:
        assert (found.p < level) == (interval.low > 0 or interval.high < 0)
    assert at_level(interval, found.level).low == pytest.approx(found.low, abs=1e-9)


def test_equal_arms_differ_at_small_levels_as_rarely_as_stated():
    # Six runs whose spread is most of the noise. With Welch's degrees of freedom 1.1% were told
    # apart at a level of 0.5%: where six runs lie close together they were taken for certain.
    weights = [resample_weights(np.arange(20), 300, seed) for seed in range(10)]
    studies, told_apart = 1_500, 0
    for study in range(studies):
        rng = np.random.default_rng([study, 6])
        table = crossed(rng, 0.5, 0.4, 0.5, (20, 6))
        resampled = weights[study % 10] @ table / 20
        found = estimate(table.mean(axis=0), resampled, np.arange(6), 20, seed=study)
        told_apart += found.p < 0.005
    assert told_apart / studies <= 0.005 + 2 * (0.005 / studies) ** 0.5


def test_seeds_of_one_configuration_count_as_one_run():
    table = crossed(np.random.default_rng(6), 0.3, 1.0, 0.5, (30, 4))
    found = of_means(np.repeat(table, 3, axis=1), run_groups=np.repeat(np.arange(4), 3))
    assert figures(found) == pytest.approx(figures(of_means(table)), rel=1e-9)


def test_the_value_is_the_mean_over_runs_where_groups_differ_in_size():
    observed = np.array([1.0, 2.0, 6.0])
    resampled = observed + np.random.default_rng(7).normal(size=(500, 3))
    found = estimate(observed, resampled, np.array([0, 0, 1]), 30, seed=0)
    assert found.value == 3.0


def test_resamples_with_a_nan_are_left_out():
    table = crossed(np.random.default_rng(9), 1.0, 1.0, 1.0, (20, 3))
    resampled = resample_weights(np.arange(20), 1_000, 0) @ table / 20
    holed = np.insert(resampled, [0, 5, 500], np.array([np.nan, 0.0, 0.0]), axis=0)
    expected, found = (
        estimate(table.mean(axis=0), rows, np.arange(3), 20, seed=0) for rows in (resampled, holed)
    )
    assert found == expected


def test_as_many_sequences_as_seeds_are_drawn_apart_whatever_their_order():
    # A table of sequence effect + seed effect, 5 x 5. Drawn by the same numbers, the two effects
    # added up or cancelled out with the order of the sequences: the interval was anything from
    # [-0.095, 0.217], not enough evidence, to [0.010, 0.113], better.
    effect = 0.042 * np.arange(-2.0, 3.0)
    # Behrens-Fisher with 4 and 4 degrees of freedom: the 97.5% quantile of a sum of two Student's
    # t over the root of 2 is 2.787, from the integral over their densities.
    half = 2.787 * effect.std(ddof=1) * np.sqrt(2 / 5)
    ends = []
    for order in permutations(range(5)):
        found = of_means(0.0625 + effect[list(order), None] + effect, resamples=2_000)
        assert verdict(found.low, found.high, 0.01) == "not enough evidence"
        ends.append((found.low, found.high))
    np.testing.assert_allclose(ends, [[0.0625 - half, 0.0625 + half]] * 120, atol=0.02)


@given(st.permutations(range(5)), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_another_order_of_the_runs_and_of_the_arms_changes_rounding_at_most(order, seed):
    table = crossed(np.random.default_rng(seed), 1.0, 0.5, 0.5, (15, 5))
    groups = np.array([0, 0, 1, 2, 3])
    found = of_means(table, groups, resamples=200, seed=seed)
    elsewhere = of_means(table[:, order], groups[order], resamples=200, seed=seed)
    opposite = of_means(-table, groups, resamples=200, seed=seed)
    assert figures(elsewhere) == pytest.approx(figures(found), abs=1e-9)
    assert (opposite.low, opposite.high) == pytest.approx((-found.high, -found.low), abs=1e-12)
    assert (opposite.value, opposite.p) == pytest.approx((-found.value, found.p), abs=1e-12)


@pytest.mark.parametrize("lost", ["observed", "resampled"])
def test_where_nothing_was_seen_nothing_is_said(lost):
    observed, resampled = np.zeros(3), np.zeros((50, 3))
    if lost == "observed":
        observed[1] = np.nan
    else:
        resampled[:, 1] = np.nan
    found = estimate(observed, resampled, np.arange(3), 20, seed=0)
    assert np.isnan(figures(found)).all()


def test_one_run_is_answered_over_the_images_alone_where_that_is_asked_for():
    table = np.random.default_rng(3).normal(size=(12, 1))
    weights = resample_weights(np.arange(12), 40_000, seed=0)
    found = estimate(
        table.mean(axis=0), weights @ table / 12, np.arange(1), 12, seed=0, one_run=True
    )
    low, high = stats.ttest_1samp(table[:, 0], 0).confidence_interval(0.95)
    assert found.low == pytest.approx(low, abs=0.05 * (high - low))
    assert found.high == pytest.approx(high, abs=0.05 * (high - low))
    assert found.variance_images == pytest.approx(table.var(ddof=1) / 12, rel=0.03)
    assert found.variance_runs == 0


def test_asking_for_one_run_changes_nothing_where_there_are_several():
    table = crossed(np.random.default_rng(4), 1.0, 1.0, 1.0, (12, 3))
    resampled = resample_weights(np.arange(12), 500, seed=0) @ table / 12
    given = (table.mean(axis=0), resampled, np.arange(3), 12)
    assert estimate(*given, seed=0, one_run=True) == estimate(*given, seed=0)


@pytest.mark.parametrize(("groups", "clusters"), [([0, 0], 20), ([0, 1], 1)])
def test_one_group_of_runs_or_one_cluster_has_no_variance(groups, clusters):
    with pytest.raises(ValueError, match="two groups of runs and two clusters"):
        estimate(np.zeros(2), np.zeros((9, 2)), groups, clusters, seed=0)


@given(
    shift=st.floats(-2, 2),
    scale=st.floats(0.1, 10),
    runs=st.integers(2, 6),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_an_interval_moves_and_stretches_with_the_data(shift, scale, runs, seed):
    table = crossed(np.random.default_rng(seed), 1.0, 0.5, 0.5, (15, runs))
    before, after = (of_means(t, resamples=200) for t in (table, scale * table + shift))
    assert after.value == pytest.approx(scale * before.value + shift, abs=1e-9)
    assert after.low == pytest.approx(scale * before.low + shift, abs=1e-7)
    assert after.high == pytest.approx(scale * before.high + shift, abs=1e-7)
    assert 0 < after.p <= 1
    assert after.low <= after.high
