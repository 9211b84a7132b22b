"""Scores and metrics of a confusion matrix, against scikit-learn and by hand."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

import segexp.evaluation.counting
import segexp.evaluation.metrics
from segexp.evaluation.counting import confusion_matrices
from segexp.evaluation.metrics import flat, measure, metric_of, objectives, score
from tests.evaluation.test_counting import CLASSES, make_batch


def test_the_examples_in_the_docstrings_are_true():
    found = doctest.testmod(segexp.evaluation.metrics)
    assert found.attempted > 0 and found.failed == 0


def test_scores_equal_those_of_scikit_learn():
    target, prediction = make_batch()
    valid = target != 255
    truth, guess = target[valid], prediction[valid]
    scores = score(confusion_matrices(target, prediction, CLASSES).sum(axis=0))
    labels = range(CLASSES)
    # Class 5 is predicted but never true: its recall has no denominator.
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        truth, guess, labels=labels, zero_division=np.nan
    )
    jaccard = sk.jaccard_score(truth, guess, labels=labels, average=None)
    np.testing.assert_allclose(scores.iou, jaccard, rtol=0, atol=1e-9)
    np.testing.assert_allclose(scores.precision, precision, rtol=0, atol=1e-9)
    np.testing.assert_allclose(scores.recall, recall, rtol=0, atol=1e-9)
    np.testing.assert_allclose(scores.f1, f1, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(scores.pixels, support)
    assert scores.miou == pytest.approx(jaccard[:5].mean(), abs=1e-9)
    assert (scores.classes_in_mean, scores.classes_predicted_only) == (5, 1)
    assert scores.pixel_accuracy == pytest.approx(sk.accuracy_score(truth, guess), abs=1e-9)
    assert np.isnan(scores.recall[5])
    assert scores.iou[5] == 0


def test_scores_of_a_hand_worked_matrix():
    # Class 0: TP 3, FN 1, FP 2. Class 1: TP 4, FN 2, FP 1.
    scores = score(np.array([[3, 1], [2, 4]]))
    np.testing.assert_allclose(scores.iou, [3 / 6, 4 / 7])
    np.testing.assert_allclose(scores.precision, [3 / 5, 4 / 5])
    np.testing.assert_allclose(scores.recall, [3 / 4, 4 / 6])
    np.testing.assert_allclose(scores.f1, [6 / 9, 8 / 11])
    np.testing.assert_array_equal(scores.pixels, [4, 6])
    assert scores.miou == pytest.approx((3 / 6 + 4 / 7) / 2)
    assert scores.pixel_accuracy == pytest.approx(0.7)
    assert scores.classes_in_mean == 2


def test_a_class_absent_from_both_has_iou_nan_and_is_not_in_the_mean():
    scores = score(np.array([[4, 0, 0], [0, 0, 0], [2, 0, 2]]))
    for values in (scores.iou, scores.precision, scores.recall, scores.f1):
        assert np.isnan(values[1])
    assert scores.miou == pytest.approx((4 / 6 + 2 / 4) / 2)
    assert scores.classes_in_mean == 2


def test_a_class_that_is_never_predicted_has_iou_0_and_no_precision():
    scores = score(np.array([[3, 0], [1, 0]]))
    assert scores.iou[1] == scores.recall[1] == scores.f1[1] == 0
    assert np.isnan(scores.precision[1])
    assert scores.classes_in_mean == 2


def test_a_stray_pixel_of_an_absent_class_changes_no_mean_of_the_others():
    # 100 pixels of either class, all found; then one of class 1 is called class 2.
    right = score(np.array([[100, 0, 0], [0, 100, 0], [0, 0, 0]]))
    stray = score(np.array([[100, 0, 0], [0, 99, 1], [0, 0, 0]]))
    assert right.miou == 1
    assert stray.miou == pytest.approx((1 + 0.99) / 2)  # not (1 + 0.99 + 0) / 3
    assert stray.iou[2] == 0
    counts = [(s.classes_in_mean, s.classes_predicted_only) for s in (right, stray)]
    assert counts == [(2, 0), (2, 1)]


def test_a_wholly_wrong_prediction_scores_0_however_many_classes_are_absent():
    confusion = np.zeros((20, 20), dtype=np.int64)
    confusion[0, 1] = confusion[1, 0] = 50
    assert score(confusion).miou == 0
    assert score(confusion).classes_in_mean == 2


def test_a_prediction_in_no_class_lowers_recall_but_no_precision():
    scores = score(np.array([[3, 0, 1], [0, 2, 2]]))
    np.testing.assert_allclose(scores.iou, [3 / 4, 2 / 4])
    np.testing.assert_allclose(scores.precision, [1, 1])
    np.testing.assert_allclose(scores.recall, [3 / 4, 2 / 4])
    np.testing.assert_array_equal(scores.pixels, [4, 4])
    assert scores.pixel_accuracy == pytest.approx(5 / 8)


def test_an_empty_matrix_has_no_score():
    scores = score(np.zeros((3, 3), dtype=np.int64))
    assert np.isnan(scores.miou)
    assert np.isnan(scores.pixel_accuracy)
    assert scores.classes_in_mean == 0


@pytest.mark.parametrize("shape", [(3, 2), (2, 4), (3,)])
def test_a_matrix_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"\(C, C\) or \(C, C \+ 1\)"):
        score(np.zeros(shape, dtype=np.int64))


matrices = st.integers(2, 6).flatmap(
    lambda c: st.lists(st.integers(0, 10**9), min_size=c * c, max_size=c * c).map(
        lambda counts: np.array(counts, dtype=np.int64).reshape(c, c)
    )
)


@given(matrices, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_renumbering_the_classes_renumbers_the_scores(confusion, random):
    order = random.sample(range(len(confusion)), len(confusion))
    scores, renumbered = score(confusion), score(confusion[np.ix_(order, order)])
    for name in ("iou", "precision", "recall", "f1", "pixels"):
        np.testing.assert_array_equal(getattr(renumbered, name), getattr(scores, name)[order])
    assert renumbered.miou == pytest.approx(scores.miou, nan_ok=True)
    assert renumbered.pixel_accuracy == pytest.approx(scores.pixel_accuracy, nan_ok=True)


@given(matrices)
@settings(max_examples=50, deadline=None)
def test_iou_is_at_most_f1_and_both_are_in_0_to_1(confusion):
    scores = score(confusion)
    scored = ~np.isnan(scores.iou)
    assert (scores.iou[scored] >= 0).all()
    assert (scores.iou[scored] <= scores.f1[scored]).all()
    assert (scores.f1[scored] <= 1).all()


@given(
    hnp.arrays(np.int64, (5, 6), elements=st.integers(0, 50)),
    st.permutations(range(5)),
)
def test_permuting_the_classes_permutes_the_scores_and_leaves_the_means(confusion, order):
    scores = score(confusion)
    permuted = score(confusion[np.ix_(order, [*order, 5])])
    for name in ("iou", "precision", "recall", "f1", "pixels"):
        np.testing.assert_array_equal(getattr(permuted, name), getattr(scores, name)[order])
    np.testing.assert_allclose(permuted.miou, scores.miou, rtol=1e-12, equal_nan=True)
    assert permuted.classes_in_mean == scores.classes_in_mean
    np.testing.assert_equal(permuted.pixel_accuracy, scores.pixel_accuracy)


def test_every_metric_is_an_objective_in_the_common_and_in_the_own_space():
    assert objectives()[:2] == ("val/miou_common", "val/miou")
    assert {"val/pixel_accuracy_common", "val/pixel_accuracy"} <= set(objectives())
    assert metric_of("val/pixel_accuracy_common") == ("pixel_accuracy", "common")
    assert metric_of("val/miou") == ("miou", "own")


def test_what_is_measured_is_named_by_metric_and_ruler():
    # Class 0: 3 of 4 pixels found, one called class 1, which is nowhere.
    found = measure(np.array([[3, 1], [0, 0]]))
    assert found.items() >= {"miou": 0.75, "pixel_accuracy": 0.75}.items()
    assert found.items() >= {"classes_in_mean": 1, "classes_predicted_only": 1}.items()
    by_ruler = {"own": {"miou": 0.75, "pixel_accuracy": 0.5}, "common_argmax": {"miou": 0.25}}
    assert flat(by_ruler, ("own", "common", "common_argmax")) == {
        "miou": 0.75,
        "miou_common_argmax": 0.25,
        "pixel_accuracy": 0.5,
    }
