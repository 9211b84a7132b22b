"""Confusion matrices of images, against scikit-learn and by hand."""

import doctest

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

import segexp.evaluation.counting
import segexp.evaluation.metrics
from segexp.evaluation.counting import confusion_matrices, counted_on_void

CLASSES = 6


def make_batch(seed: int = 0, images: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Targets with void and without class 5, and predictions that are right half of the time."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, CLASSES - 1, (images, 16, 24), dtype=np.uint8)
    prediction = rng.integers(0, CLASSES, target.shape)
    prediction = np.where(rng.random(target.shape) < 0.5, target, prediction)
    target[rng.random(target.shape) < 0.1] = 255
    return target, prediction


def test_the_example_in_the_docstring_is_true():
    found = doctest.testmod(segexp.evaluation.counting)
    assert found.attempted > 0 and found.failed == 0


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
