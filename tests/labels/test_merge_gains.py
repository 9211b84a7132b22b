"""What merging two classes gains and costs, against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy
from sklearn.metrics import jaccard_score, mutual_info_score

from segexp.labels.merge_gains import merge_gains

SMALL = arrays(np.int64, (4, 5), elements=st.integers(0, 6)).filter(lambda m: m.sum() > 0)


def pixels_of(confusion):
    """Truth and prediction of each pixel; the last column is the prediction 4, none."""
    truth, prediction = np.indices(confusion.shape)
    return np.repeat(truth, confusion.ravel()), np.repeat(prediction, confusion.ravel())


def merged(pixels, i, j):
    return np.where(pixels == j, i, pixels)


def mean_iou(truth, prediction, classes):
    seen = [c for c in classes if c in truth]
    if not seen:
        return 0.0
    return float(jaccard_score(truth, prediction, labels=seen, average=None).mean())


def test_two_classes_that_are_guessed_between_hold_nothing_of_what_is_told():
    # Half of either is called the other. Class 2 is always right.
    gains = merge_gains(np.array([[4, 4, 0, 0], [4, 4, 0, 0], [0, 0, 16, 0]]))
    assert gains.told_bits_lost[0, 1] == 0
    assert gains.worth[0, 1] == np.inf
    assert gains.bits_lost[0, 1] == pytest.approx(0.5)  # one bit for half of the pixels
    # IoU 4/12, 4/12 and 1 become 1 and 1.
    assert gains.gain[0, 1] == pytest.approx(1 - (1 / 3 + 1 / 3 + 1) / 3)
    assert gains.resolved[0, 1] == pytest.approx(8 / 16)


def test_what_is_resolved_is_the_iou_that_the_confusions_between_the_two_are_worth():
    confusion = np.array([[10, 3, 2, 0], [1, 5, 0, 0], [4, 0, 30, 0]])
    # Of the 25 pixels that are or are called 0 or 1, 19 are right when merged, 15 before.
    assert merge_gains(confusion).resolved[0, 1] == pytest.approx(19 / 25 - 15 / 25)


def test_classes_that_are_never_confused_are_worth_nothing_whatever_mean_iou_gains():
    # 0 is hardly ever found, so that any merge that takes it out of the mean raises mIoU.
    gains = merge_gains(np.array([[1, 0, 9, 0], [0, 10, 0, 0], [0, 0, 100, 0]]))
    assert gains.gain[0, 1] > 0.05
    assert gains.worth[0, 1] == 0
    assert gains.worth[0, 2] > 0


def test_a_class_in_neither_truth_nor_prediction_is_merged_without_gain_or_cost():
    gains = merge_gains(np.array([[3, 1, 0, 0], [1, 3, 0, 0], [0, 0, 0, 0]]))
    assert gains.gain[0, 2] == pytest.approx(0)
    assert gains.bits_lost[0, 2] == gains.told_bits_lost[0, 2] == gains.worth[0, 2] == 0


@given(SMALL)
@settings(max_examples=20, deadline=None)
def test_every_pair_is_as_scikit_learn_and_scipy_have_it(confusion):
    gains = merge_gains(confusion)
    truth, prediction = pixels_of(confusion)
    miou = mean_iou(truth, prediction, range(4))
    told = mutual_info_score(truth, prediction) / np.log(2)
    bits = entropy(confusion.sum(axis=1), base=2)
    for i in range(4):
        for j in range(i + 1, 4):
            left = [c for c in range(4) if c != j]
            of_truth, of_prediction = merged(truth, i, j), merged(prediction, i, j)
            after = mean_iou(of_truth, of_prediction, left)
            assert gains.gain[i, j] == pytest.approx(after - miou, abs=1e-12)
            after = mutual_info_score(of_truth, of_prediction) / np.log(2)
            assert gains.told_bits_lost[i, j] == pytest.approx(told - after, abs=1e-9)
            after = entropy(np.bincount(of_truth, minlength=4), base=2)
            assert gains.bits_lost[i, j] == pytest.approx(bits - after, abs=1e-9)


@given(SMALL)
@settings(max_examples=60, deadline=None)
def test_a_pair_is_worth_the_same_in_either_order(confusion):
    gains = merge_gains(confusion)
    for values in (gains.gain, gains.resolved, gains.bits_lost, gains.told_bits_lost):
        np.testing.assert_allclose(values, values.T, atol=1e-12)
