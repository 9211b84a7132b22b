import base64

import cv2
import numpy as np

from segexp.report.differences import BOTH_WRONG, FIRST_RIGHT, LAST_RIGHT, on_grey
from segexp.report.gallery_pictures import MAX_WIDTH, Scene, scene_panes
from tests.report.gallery_example import COLORS, TRUTH, A, B


def pixels(pane):
    coded = np.frombuffer(base64.b64decode(pane.address.partition(",")[2]), np.uint8)
    return cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def panes(image=None, size=30):
    large = [mask.repeat(size, axis=0).repeat(size, axis=1) for mask in (TRUTH, A[2], B[2])]
    return {
        (p.kind, p.model): p for p in scene_panes(Scene(image, large[0], large[1:]), "ab", COLORS)
    }


def test_masks_keep_every_pixel_in_the_colours_of_their_classes():
    shown = panes()
    assert (pixels(shown["model", 0])[15::30, 15::30] == COLORS[A[2]]).all()
    truth = pixels(shown["truth", -1])[15::30, 15::30]
    assert (truth[:3] == COLORS[TRUTH[:3]]).all()
    assert set(np.unique(pixels(shown["truth", -1])[90:, :60])) == {160, 205}  # void is hatched


def test_differences_show_who_is_right_pixel_by_pixel():
    """Of the third image both are wrong at 1 0, and only B is right at 1 1 and 2 0."""
    shown = pixels(panes()["difference", 1])[15::30, 15::30].astype(int)
    marked = {(1, 0): BOTH_WRONG, (1, 1): LAST_RIGHT, (2, 0): LAST_RIGHT}
    for place in np.ndindex(4, 4):
        if place in marked:
            assert np.abs(shown[place] - on_grey(marked[place])).max() < 25, place
        elif TRUTH[place] != 255:
            assert np.ptp(shown[place]) == 0, place  # grey: both are right


def test_the_colour_of_a_single_pixel_does_not_run_into_its_neighbours():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (4, 4, 3), np.uint8)
    shown = pixels(panes(image, size=1)["difference", 1])
    is_grey = np.ptp(shown.astype(int), axis=2) == 0
    assert sorted(map(tuple, np.argwhere(~is_grey))) == [(1, 1), (2, 0)]
    assert shown[1, 0].max() < 70  # black over grey


def test_only_the_first_is_right_in_its_own_colour():
    truth, first = np.zeros((2, 32, 32), np.uint8)
    (pane,) = [
        p
        for p in scene_panes(Scene(None, truth, [first, first + 1]), "ab", COLORS)
        if p.kind == "difference"
    ]
    assert np.abs(pixels(pane)[16, 16].astype(int) - on_grey(FIRST_RIGHT)).max() < 25


def test_a_wide_picture_is_subsampled_and_a_photo_of_another_size_fits():
    shown = panes(np.full((7, 9, 3), 90, np.uint8), size=400)
    assert {pixels(pane).shape for pane in shown.values()} == {(534, 534, 3)}  # 1600 by 3
    assert all(pixels(pane).shape[1] <= MAX_WIDTH for pane in shown.values())
