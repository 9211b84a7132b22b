import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, jaccard_score, precision_recall_fscore_support

from segexp.evaluation.tables import class_table

NAMES = ["road", "traffic light", "sky"]


def test_the_table_is_scikit_learns_over_all_images():
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 4, (2, 3, 50))
    names = ["a", "b", "c", "d"]
    confusions = np.stack(
        [confusion_matrix(t, p, labels=range(4)) for t, p in zip(truth, prediction, strict=True)]
    )
    table = class_table(confusions, names)
    t, p = truth.ravel(), prediction.ravel()
    precision, recall, f1, pixels = precision_recall_fscore_support(t, p)
    assert table["class"] == names
    np.testing.assert_allclose(table["iou"], jaccard_score(t, p, average=None), rtol=0, atol=1e-9)
    np.testing.assert_allclose(table["precision"], precision, rtol=0, atol=1e-9)
    np.testing.assert_allclose(table["recall"], recall, rtol=0, atol=1e-9)
    np.testing.assert_allclose(table["f1"], f1, rtol=0, atol=1e-9)
    assert table["pixels"] == pixels.tolist()


def test_images_are_those_whose_ground_truth_holds_the_class():
    confusions = np.zeros((3, 3, 4), np.int64)
    confusions[0, 0, 0] = 5
    confusions[1, 0, 3] = 2  # road is there, and called none of the classes
    confusions[1, 1, 0] = 1
    confusions[2, 1, 2] = 4  # sky is predicted, not there
    table = class_table(confusions, NAMES)
    assert table["images"] == [2, 2, 0]
    assert table["pixels"] == [7, 5, 0]
    assert table["predicted"] == [6, 0, 4]  # two pixels are called none of the classes


def test_a_score_without_a_denominator_is_none_and_all_values_are_plain():
    confusions = np.zeros((1, 3, 3), np.int64)
    confusions[0, 0] = [3, 1, 0]
    table = class_table(confusions, NAMES)
    assert table["iou"] == [0.75, 0.0, None]
    assert table["precision"] == [1.0, 0.0, None]
    assert table["recall"] == [0.75, None, None]
    assert table["f1"] == [pytest.approx(6 / 7), 0.0, None]
    values = [value for column in table.values() for value in column]
    assert {type(value) for value in values} == {str, float, int, type(None)}
