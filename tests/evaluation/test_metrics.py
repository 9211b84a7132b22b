import doctest

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

import segexp.evaluation.counting
import segexp.evaluation.metrics
from segexp.evaluation.counting import confusion_matrices, counted_on_void
from segexp.evaluation.metrics import score

CLASSES = 6


def make_batch(seed: int = 0, images: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Targets with void and without class 5, and predictions that are right half of the time."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, CLASSES - 1, (images, 16, 24), dtype=np.uint8)
    prediction = rng.integers(0, CLASSES, target.shape)
    prediction = np.where(rng.random(target.shape) < 0.5, target, prediction)
    target[rng.random(target.shape) < 0.1] = 255
    return target, prediction


def test_the_examples_in_the_docstrings_are_true():
    for module in (segexp.evaluation.metrics, segexp.evaluation.counting):
        assert doctest.testmod(module).attempted > 0
        assert doctest.testmod(module).failed == 0


def test_matrices_equal_those_of_scikit_learn_image_by_image():
    target, prediction = make_batch()
    matrices = confusion_matrices(target, prediction, CLASSES)
    assert matrices.dtype == np.int64
    for truth, guess, matrix in zip(target, prediction, matrices, strict=True):
        valid = truth != 255
        expected = sk.confusion_matrix(truth[valid], guess[valid], labels=range(CLASSES))
        np.testing.assert_array_equal(matrix, expected)


def test_rows_are_ground_truth_and_columns_are_prediction():
    target, prediction = np.array([[[0, 0, 0]]]), np.array([[[1, 1, 0]]])
    matrix = confusion_matrices(target, prediction, num_classes=2)[0]
    np.testing.assert_array_equal(matrix, [[1, 2], [0, 0]])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_tensors_of_any_integer_type_count_as_arrays_do(dtype):
    target, prediction = make_batch()
    expected = confusion_matrices(target, prediction, CLASSES)
    from_tensors = confusion_matrices(
        torch.from_numpy(target).to(dtype), torch.from_numpy(prediction).to(dtype), CLASSES
    )
    np.testing.assert_array_equal(from_tensors, expected)


def test_a_read_only_array_is_counted_and_left_alone():
    target, prediction = make_batch()
    before = target.copy()
    target.flags.writeable = False
    assert confusion_matrices(target, prediction, CLASSES).sum() == (before != 255).sum()
    np.testing.assert_array_equal(target, before)


def test_a_prediction_in_no_class_is_counted_in_the_last_column():
    target, prediction = np.array([[[0, 1, 1, 255]]]), np.array([[[0, 2, 1, 2]]])
    matrix = confusion_matrices(target, prediction, num_classes=2, num_predicted=3)[0]
    np.testing.assert_array_equal(matrix, [[1, 0, 0], [0, 1, 1]])


@pytest.mark.parametrize(
    ("target", "prediction", "message"),
    [
        ([[[0, 2]]], [[[0, 0]]], r"target \[2\], expected 0\.\.1 or 255"),
        ([[[0, -1]]], [[[0, 0]]], r"target \[-1\]"),
        ([[[0, 1]]], [[[0, 2]]], r"prediction \[2\], expected 0\.\.1"),
        ([[[0, 1]]], [[[0, -1]]], r"prediction \[-1\]"),
        ([[[0, 1]]], [[[0, 255]]], r"1 pixels .* prediction \[255\]"),
    ],
)
def test_an_index_out_of_range_is_refused_with_its_value(target, prediction, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrices(np.array(target), np.array(prediction), num_classes=2)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 2, 2\) and \(1, 2, 3\)"):
        confusion_matrices(np.zeros((1, 2, 2), int), np.zeros((1, 2, 3), int), num_classes=2)


def test_void_pixels_do_not_count_whatever_is_predicted_there():
    target, prediction = make_batch()
    other = np.where(target == 255, 77, prediction)
    np.testing.assert_array_equal(
        confusion_matrices(target, other, CLASSES), confusion_matrices(target, prediction, CLASSES)
    )


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


def test_a_stray_pixel_of_a_class_that_is_nowhere_changes_no_mean_but_that_of_its_own_class():
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


@given(st.integers(0, 100), st.permutations(range(5)), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_neither_order_nor_batching_of_images_changes_the_sum(seed, order, cut):
    target, prediction = make_batch(seed, images=5)
    whole = confusion_matrices(target, prediction, CLASSES)
    shuffled = (target[list(order)], prediction[list(order)])
    parts = [
        confusion_matrices(shuffled[0][:cut], shuffled[1][:cut], CLASSES),
        confusion_matrices(shuffled[0][cut:], shuffled[1][cut:], CLASSES),
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole[list(order)])
    np.testing.assert_array_equal(sum(p.sum(axis=0) for p in parts), whole.sum(axis=0))


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


@pytest.mark.parametrize("strange", [-3, 7, 200, 255, 300])
def test_what_is_predicted_under_void_does_not_matter(strange):
    target, prediction = make_batch()
    expected = confusion_matrices(target, prediction, CLASSES)
    prediction = np.where(target == 255, strange, prediction)
    np.testing.assert_array_equal(confusion_matrices(target, prediction, CLASSES), expected)


def test_a_batch_of_no_image_has_no_matrix():
    empty = np.zeros((0, 4, 4), np.uint8)
    assert confusion_matrices(empty, empty, CLASSES).shape == (0, CLASSES, CLASSES)


def test_what_is_predicted_on_void_is_counted_apart():
    target = np.array([[[0, 255, 255]], [[255, 1, 1]]])
    prediction = np.array([[[0, 1, 2]], [[1, 1, 0]]])
    matrices, on_void = counted_on_void(target, prediction, 2, 3)
    assert matrices.tolist() == confusion_matrices(target, prediction, 2, 3).tolist()
    assert on_void.tolist() == [[0, 1, 1], [0, 1, 0]]


def test_a_prediction_out_of_range_on_void_is_counted_nowhere():
    target = np.array([[[0, 255, 255]]])
    prediction = np.array([[[0, 7, -1]]])
    matrices, on_void = counted_on_void(target, prediction, 2)
    assert matrices.tolist() == [[[1, 0], [0, 0]]]
    assert on_void.tolist() == [[0, 0]]
