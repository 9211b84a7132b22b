from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from segexp.compare.statistics.arms import ArmRuns, common_scores
from segexp.compare.statistics.scores import score_arm, within
from segexp.evaluation.metrics import score
from segexp.evaluation.statistics.bootstrap import Estimate, mean_iou
from tests.compare.statistics.drawn_arms import (
    SEEDS,
    compare,
    count,
    make_arm,
    make_clusters,
    make_pixels,
)


def test_the_scores_equal_those_of_scikit_learn_on_the_pixels():
    truth, sums = make_pixels(seed=3)
    _, argmaxes = make_pixels(seed=4)
    labels = list(range(3))

    def ious(predictions):
        return np.array(
            [
                jaccard_score(truth.ravel(), p.ravel(), labels=labels, average=None)
                for p in predictions
            ]
        )

    a = ArmRuns("a", count(truth, argmaxes), count(truth, sums), count(truth, argmaxes))
    b = make_arm("b", seed=5)
    pair = compare(a, b).to_dict()
    assert pair["common"]["a"] == pytest.approx(ious(sums).mean(), abs=1e-12)
    assert pair["native"]["a"] == pytest.approx(ious(argmaxes).mean(), abs=1e-12)
    by_class = [row["a"] for row in pair["per_class"]]
    np.testing.assert_allclose(by_class, ious(sums).mean(axis=0), atol=1e-12)
    argmax = compare(a, b).rules["argmax"]
    assert argmax.ruler_a.value == pytest.approx(0.0, abs=1e-12)  # own is the argmax rule here
    assert argmax.training.value == pytest.approx(argmax.native_gap.value - argmax.ruler_b.value)


def test_arms_that_were_not_scored_on_the_same_images_are_refused():
    a, b = make_arm("a", 0), make_arm("b", 5)
    shifted = replace(b, common=np.roll(b.common, 1, axis=1))
    with pytest.raises(ValueError, match="b: scored against other ground truth"):
        compare(a, shifted)
    with pytest.raises(ValueError, match=r"b: shapes=.*\(2, 12\).* expected \(3, 12\)"):
        compare(a, ArmRuns("b", b.own[:2], b.common[:2], b.common_argmax[:2]))


def test_an_arms_own_interval_holds_its_score_and_stays_a_score():
    arms = [make_arm("a", 0), make_arm("b", 5, right=0.7)]
    found = common_scores(arms, SEEDS, make_clusters(12), resamples=500)
    for arm, own in zip(arms, found, strict=True):
        mious = [score(run.sum(axis=0)).miou for run in arm.common]
        assert own.value == pytest.approx(np.mean(mious), abs=1e-12)
        assert 0 <= own.low < own.value < own.high <= 1
    # Two runs far apart, by a t quantile of 12.7: without the cut it would leave 0..1.
    far = [make_arm("a", 0, runs=2)]
    far[0].common[0] = far[0].common[0][:, ::-1]
    (wide,) = common_scores(far, np.arange(2), make_clusters(12), resamples=500)
    assert (wide.low, wide.high) == (0.0, 1.0)


def test_the_mean_leaves_out_the_ious_that_are_not_defined():
    ious = np.array([[0.5, np.nan, 1.0], [np.nan, np.nan, np.nan], [0.2, 0.4, 0.6]])
    np.testing.assert_allclose(mean_iou(ious), [0.75, np.nan, 0.4])


def test_an_arm_is_scored_on_the_images_of_each_row_of_weights():
    # Two images of one class and none: 3 of 4 pixels right, then 1 of 4. IoUs 3/4 and 1/4.
    matrices = np.array([[[[3, 1]], [[1, 3]]]])
    found = score_arm(
        ArmRuns("a", matrices, matrices, matrices), np.array([[1, 1], [2, 0], [0, 2]])
    )
    assert found.common["sum"][:, 0].tolist() == [0.5, 0.75, 0.25]
    assert found.own_ious.tolist() == [0.5]


def test_an_interval_is_cut_to_what_can_be():
    found = within(
        Estimate(0.5, -0.2, 1.3, p=0.1, variance_images=0.0, variance_runs=0.0), 0.0, 1.0
    )
    assert (found.low, found.high) == (0.0, 1.0)
