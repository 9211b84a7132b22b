import numpy as np

from segexp.labels.taxonomy import VOID
from segexp.report.differences import NONE_NAME, rights, with_none


def test_each_pixel_has_one_answer_and_void_none():
    truth = np.array([[0, 1, 1, 2], [VOID, 2, 0, 1]], np.uint8)
    first = np.array([[0, 1, 0, 0], [0, 2, 1, 0]], np.uint8)
    last = np.array([[0, 0, 1, 0], [0, 2, 0, 2]], np.uint8)
    found = rights(truth, first, last)
    assert np.argwhere(found.only_first).tolist() == [[0, 1]]
    assert np.argwhere(found.only_last).tolist() == [[0, 2], [1, 2]]
    assert np.argwhere(found.neither).tolist() == [[0, 3], [1, 3]]


def test_none_has_a_name_and_a_colour_far_from_the_classes():
    colors, names = with_none(np.array([[250, 10, 240], [0, 0, 0]], np.uint8), ["a", "b"])
    assert names == ["a", "b", NONE_NAME]
    assert colors[2].tolist() == [0, 255, 255]  # magenta is near the first class
