"""The IoU of each class, against scikit-learn, and what is made of it elsewhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import jaccard_score

from segexp.evaluation.metrics import score
from segexp.evaluation.statistics.bootstrap import resampled_ious
from segexp.labels.iou import iou_counts, iou_of, ious

SMALL = arrays(np.int64, (4, 5), elements=st.integers(0, 6)).filter(lambda m: m.sum() > 0)
SEVERAL = arrays(np.int64, (3, 4, 5), elements=st.integers(0, 6))


@given(SMALL)
@settings(max_examples=60, deadline=None)
def test_they_are_scikit_learns_for_the_classes_that_the_truth_has(confusion):
    truth, prediction = np.indices(confusion.shape)
    truth, prediction = (np.repeat(a, confusion.ravel()) for a in (truth, prediction))
    there = np.unique(truth)
    expected = np.full(4, np.nan)
    expected[there] = jaccard_score(truth, prediction, labels=there, average=None)
    np.testing.assert_allclose(ious(confusion), expected, rtol=1e-14)


@given(SEVERAL)
@settings(max_examples=60, deadline=None)
def test_of_many_matrices_each_has_its_own_and_counts_may_be_added(confusions):
    each = ious(confusions)
    for confusion, found in zip(confusions, each, strict=True):
        np.testing.assert_array_equal(found, ious(confusion))
    np.testing.assert_array_equal(
        iou_of(iou_counts(confusions).sum(axis=1)), ious(confusions.sum(axis=0))
    )


@given(SEVERAL)
@settings(max_examples=60, deadline=None)
def test_scores_and_resampled_scores_have_one_iou(confusions):
    scores = score(confusions.sum(axis=0))
    expected = np.where(scores.pixels > 0, scores.iou, np.nan)
    np.testing.assert_array_equal(ious(confusions.sum(axis=0)), expected)
    resampled = resampled_ious(confusions[None], np.ones((1, 3)))
    np.testing.assert_array_equal(resampled[0, 0], expected)


@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 3), (4,)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="a confusion matrix is"):
        ious(np.zeros(shape, np.int64))
