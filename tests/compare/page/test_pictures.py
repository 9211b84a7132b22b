import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segexp.compare.page.pictures import MAX_PANE_WIDTH, arm_comparison, choose_scenes
from segexp.report.legend import hatching
from segexp.report.pictures import colorize

COLORS = np.array([[200, 100, 50], [0, 0, 255], [10, 20, 30]], np.uint8)
NAMES = ("road", "sky", "traffic light")
ARMS = ("fine", "coarse")
NONE = 3
MAGENTA = [255, 0, 255]
# On an image of grey 128: a quarter of 128 // 2 + 96, and three quarters of Okabe and Ito's
# vermilion (213, 94, 0), blue (0, 114, 178) and of black.
GREY, FIRST, LAST, BOTH = [160] * 3, [199, 109, 40], [40, 124, 172], [40] * 3


def draw(truth, *predictions, arms=ARMS, colors=COLORS, title=""):
    image = np.full((*truth.shape, 3), 128, np.uint8)
    return arm_comparison(image, truth, predictions, arms, colors, NAMES, title)


def panes_of(picture, truth, factor, columns, count, colors=COLORS):
    """Cut the panes of the first row out and undo their enlargement; the second is the truth."""
    pane = colorize(truth, colors, (0, 0, 0)).repeat(factor, 0).repeat(factor, 1)
    height, width = pane.shape[:2]
    void = (truth == 255).repeat(factor, 0).repeat(factor, 1)
    pane[void] = hatching(height, width)[void]
    gap = (picture.shape[1] - columns * width) // (columns + 1)
    left = 2 * gap + width
    (top,) = (
        t
        for t in range(picture.shape[0] - height + 1)
        if np.array_equal(picture[t : t + height, left : left + width], pane)
    )
    lefts = [gap + i * (width + gap) for i in range(count)]
    return [picture[top : top + height, x : x + width][::factor, ::factor] for x in lefts]


def masks(height=32, width=64):
    return [np.zeros((height, width), np.uint8) for _ in range(3)]


def test_half_of_the_scenes_are_the_largest_gains_and_half_the_largest_losses():
    differences = np.array([0.1, -0.3, 0.0, 0.5, -0.1, 0.2, np.nan, -0.2])
    assert choose_scenes(differences, 4) == [3, 5, 7, 1]
    assert choose_scenes(differences, 3) == [3, 5, 1]
    assert choose_scenes(differences, 1) == [3]
    assert choose_scenes(differences, 0) == []


def test_all_scenes_are_chosen_where_there_are_few_but_none_without_a_difference():
    assert choose_scenes(np.array([-0.1, np.nan, 0.3])) == [2, 0]
    assert choose_scenes(np.array([np.nan])) == []


def test_of_equal_differences_the_first_scenes_come_first():
    assert choose_scenes(np.zeros(5), 3) == [0, 1, 4]


@given(st.lists(st.floats(-1, 1) | st.just(float("nan")), max_size=40), st.integers(0, 20))
def test_chosen_scenes_are_different_and_sorted(values, count):
    differences = np.array(values, float)
    chosen = choose_scenes(differences, count)
    assert len(set(chosen)) == len(chosen) == min(count, int(np.isfinite(differences).sum()))
    assert sorted(differences[chosen], reverse=True) == list(differences[chosen])


def test_the_panes_are_image_truth_each_arm_and_the_difference():
    truth, first, last = masks()
    truth[:, :20] = 1
    first[5:] = 2
    last[:, 30:] = 1
    panes = panes_of(draw(truth, first, last), truth, 4, 5, 5)
    assert np.array_equal(panes[0], np.full((32, 64, 3), 128))
    for pane, mask in zip(panes[1:4], (truth, first, last), strict=True):
        assert np.array_equal(pane, colorize(mask, COLORS, (0, 0, 0)))


def test_the_difference_tells_who_alone_is_right():
    truth, first, last = masks()
    last[0, 0] = 1  # only the first is right
    first[0, 1] = 1  # only the last is right
    first[0, 2], last[0, 2] = 1, 2  # both wrong, in different ways
    first[0, 3] = last[0, 3] = 2  # the same mistake
    first[0, 4], last[0, 4] = NONE, 1
    first[0, 5] = NONE
    pane = panes_of(draw(truth, first, last), truth, 4, 5, 5)[4]
    assert pane[0, :7].tolist() == [FIRST, LAST, BOTH, GREY, BOTH, LAST, GREY]
    assert (pane[1:] == 160).all()


def test_void_is_hatched_and_never_a_difference():
    truth, first, last = masks()
    truth[:10] = 255
    last[:10] = 1
    panes = panes_of(draw(truth, first, last), truth, 4, 5, 5)
    stripes = hatching(128, 256)[::4, ::4]
    assert np.array_equal(panes[4][:10], stripes[:10])
    assert (panes[4][10:] == 160).all()


def test_a_prediction_of_no_common_class_is_magenta():
    truth, first, last = masks()
    first[3, 3] = NONE
    pane = panes_of(draw(truth, first, last), truth, 4, 5, 5)[2]
    assert pane[3, 3].tolist() == MAGENTA
    assert (pane == MAGENTA).all(-1).sum() == 1


def test_none_takes_another_colour_where_a_class_is_nearly_magenta():
    colors = COLORS.copy()
    colors[2] = (244, 35, 232)  # the sidewalk of Cityscapes
    truth, first, last = masks()
    first[3, 3] = NONE
    pane = panes_of(draw(truth, first, last, colors=colors), truth, 4, 5, 5, colors)[2]
    assert pane[3, 3].tolist() == [0, 255, 255]


def test_of_three_arms_the_first_and_the_last_are_compared():
    truth, first, last = masks()
    last[0, 0] = 1
    middle = np.full_like(truth, 2)
    arms = ("a", "b", "c")
    pictures = [draw(truth, first, m, last, arms=arms) for m in (truth, middle)]
    # Two rows of three: the difference is the last of the second.
    assert all(picture.shape[1] < 4 * 256 for picture in pictures)
    marked = [(picture == FIRST).all(-1).sum() for picture in pictures]
    assert marked[0] == marked[1]
    without = draw(truth, first, middle, first, arms=arms)
    assert marked[0] - (without == FIRST).all(-1).sum() == 4 * 4


def test_a_title_adds_a_line_and_none_takes_no_room():
    truth, first, last = masks()
    bare, titled = draw(truth, first, last), draw(truth, first, last, title="frankfurt_000")
    assert titled.shape[0] > bare.shape[0]
    assert titled.shape[1] == bare.shape[1]


def test_large_images_are_thinned():
    truth, first, last = masks(400, 1200)
    truth[:3] = 1
    last[4, 4] = 1  # the middle of the nine that become one
    picture = draw(truth, first, last)
    assert picture.shape[1] < 5.5 * MAX_PANE_WIDTH
    difference = panes_of(picture, truth[1::3, 1::3], 1, 5, 5)[4]
    assert difference[1, 1].tolist() == FIRST
    assert (difference == FIRST).all(-1).sum() == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(2, 5))
def test_a_picture_of_every_size_and_number_of_arms_is_drawn(height, width, count):
    rng = np.random.default_rng(height * 100 + width)
    truth = rng.choice(np.array([0, 1, 2, 255], np.uint8), (height, width))
    predictions = rng.integers(0, 4, (count, height, width)).astype(np.uint8)
    picture = draw(truth, *predictions, arms=[f"arm {i}" for i in range(count)])
    assert picture.dtype == np.uint8
    assert picture.shape[1] >= 3 * width


def test_an_image_of_void_alone_is_drawn():
    void = np.full((32, 64), 255, np.uint8)
    assert draw(void, *masks()[:2]).shape[2] == 3


def test_an_index_without_a_class_is_refused():
    truth, first, last = masks()
    last[0, 0] = NONE + 1
    with pytest.raises(ValueError, match=r"mask holds \[4\]; classes are 0..3, void is 255"):
        draw(truth, first, last)
    truth[0, 0] = NONE
    with pytest.raises(ValueError, match=r"mask holds \[3\]; classes are 0..2, void is 255"):
        draw(truth, first, first)


def test_without_an_image_its_pane_is_left_out_and_differences_are_on_grey():
    truth, first, last = masks()
    last[:, :8] = 1
    picture = arm_comparison(None, truth, (first, last), ARMS, COLORS, NAMES, "")
    with_image = draw(truth, first, last)
    assert picture.shape[1] < with_image.shape[1]
    assert [200 // 2 + 96] * 3 in picture.reshape(-1, 3).tolist()  # as `mark_pixels` shows grey
