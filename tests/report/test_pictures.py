import io
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segexp.report.pictures import at_most_wide, colorize, comparison, encode_png, overlay

COLORS = np.array([[200, 100, 50], [0, 0, 255], [10, 20, 30]], np.uint8)
NAMES = ("road", "sky", "traffic light")


def find(picture: np.ndarray, pane: np.ndarray) -> tuple[int, int] | None:
    """Return where a pane stands in a picture, pixel for pixel."""
    height, width = pane.shape[:2]
    rows, columns = picture.shape[0] - height + 1, picture.shape[1] - width + 1
    corners = (picture[:rows, :columns] == pane[0, 0]).all(axis=-1)
    for top, left in np.argwhere(corners):
        if np.array_equal(picture[top : top + height, left : left + width], pane):
            return int(top), int(left)
    return None


def gradient(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows % 256, columns % 256, (rows + columns) % 256], -1).astype(np.uint8)


def test_a_mask_is_painted_in_the_colours_of_its_classes():
    mask = np.array([[0, 1], [255, 2]], np.uint8)
    assert colorize(mask, COLORS, (7, 8, 9)).tolist() == [
        [[200, 100, 50], [0, 0, 255]],
        [[7, 8, 9], [10, 20, 30]],
    ]


def test_an_index_without_a_class_is_refused():
    mask = np.array([[0, 3]], np.uint8)
    for paint in (
        lambda: colorize(mask, COLORS, (0, 0, 0)),
        lambda: overlay(np.zeros((1, 2, 3), np.uint8), mask, COLORS, NAMES),
    ):
        with pytest.raises(ValueError, match=r"mask holds \[3\]; classes are 0..2, void is 255"):
            paint()


def test_an_overlay_is_half_image_and_half_class_with_white_borders_and_bare_void():
    image = np.full((240, 320, 3), (100, 200, 40), np.uint8)
    mask = np.zeros((240, 320), np.uint8)
    mask[200:] = 1
    mask[:, 300:] = 255
    picture = overlay(image, mask, COLORS, NAMES)
    assert picture[190, 250].tolist() == [150, 150, 45]
    assert picture[230, 250].tolist() == [50, 100, 147]
    assert picture[190, 310].tolist() == [100, 200, 40]
    assert picture[199, 250].min() > 190
    assert picture[200, 250].tolist() == [50, 100, 147]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_an_overlay_has_the_images_own_size(height: int, width: int, seed: int):
    mask = np.random.default_rng(seed).integers(0, 4, (height, width)).astype(np.uint8)
    mask[mask == 3] = 255
    picture = overlay(gradient(height, width), mask, COLORS, NAMES)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8


def test_the_legend_names_the_largest_areas_where_not_all_fit():
    mask = np.zeros((64, 128), np.uint8)
    mask[40:] = 2
    mask[60:, 120:] = 1
    names = ("b" * 8, "s" * 8, "t" * 8)
    picture = overlay(np.zeros((64, 128, 3), np.uint8), mask, COLORS, names)
    top = {tuple(pixel) for pixel in picture[:38].reshape(-1, 3).tolist()}
    assert (200, 100, 50) in top  # only a swatch shows a colour in full
    assert (0, 0, 255) not in top


@pytest.mark.parametrize(("height", "width", "factor"), [(32, 64, 4), (180, 240, 1), (60, 100, 3)])
def test_a_comparison_shows_image_and_masks_enlarged_and_uncovered(
    height: int, width: int, factor: int
):
    image = gradient(height, width)
    truth = (image[..., 0] % 3).astype(np.uint8)
    prediction = (image[..., 1] // 4 % 3).astype(np.uint8)
    picture = comparison(image, truth, prediction, COLORS, NAMES, "frankfurt_000  mIoU 0.5")
    panes = [image, colorize(truth, COLORS, (0, 0, 0)), colorize(prediction, COLORS, (0, 0, 0))]
    places = [find(picture, pane.repeat(factor, 0).repeat(factor, 1)) for pane in panes]
    assert None not in places
    assert len({top for top, _ in places}) == 1
    lefts = [left for _, left in places]
    assert lefts == sorted(lefts)
    assert all(b - a >= width * factor for a, b in pairwise(lefts))


def reds(picture: np.ndarray) -> int:
    """Count clearly red pixels; neither greys nor the colours below are."""
    pixels = picture.astype(int)
    return int(((pixels[..., 0] > 150) & (pixels[..., 1] < 90) & (pixels[..., 2] < 90)).sum())


def test_wrong_pixels_are_red_and_void_is_never_wrong():
    image = np.full((32, 64, 3), 128, np.uint8)
    colors = np.array([[0, 0, 255], [0, 255, 0]], np.uint8)
    truth = np.zeros((32, 64), np.uint8)
    truth[:, :10] = 255
    right = np.zeros((32, 64), np.uint8)
    assert reds(comparison(image, truth, right, colors, ("a", "b"), "")) == 0
    wrong = right.copy()
    wrong[:, :10] = 1  # void
    wrong[5, 20:23] = 1
    assert reds(comparison(image, truth, wrong, colors, ("a", "b"), "")) == 3 * 4 * 4


def test_a_comparison_of_void_alone_is_drawn():
    void = np.full((32, 64), 255, np.uint8)
    picture = comparison(
        gradient(32, 64), void, np.zeros_like(void), COLORS, NAMES, "a very long title " * 40
    )
    assert reds(picture) == 0


def test_many_classes_wrap_into_several_rows_below_the_panes():
    colors = np.arange(60, dtype=np.uint8)[:, None].repeat(3, 1)
    names = [f"a class with a long name {i}" for i in range(60)]
    mask = np.arange(32 * 64, dtype=np.int64).reshape(32, 64) % 60
    truth = mask.astype(np.uint8)
    one = comparison(gradient(32, 64), truth * 0, truth * 0, colors, names, "x")
    many = comparison(gradient(32, 64), truth, truth, colors, names, "x")
    assert many.shape[1] == one.shape[1]
    assert many.shape[0] > one.shape[0] + 100


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_encoded_pixels_come_back(shape: tuple[int, ...]):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert np.array_equal(np.array(Image.open(io.BytesIO(encode_png(pixels)))), pixels)


def test_a_wide_picture_is_shrunk_in_proportion_and_another_is_left_alone():
    wide = np.zeros((30, 400, 3), np.uint8)
    wide[:, 200:] = 200
    shrunk = at_most_wide(wide, 100)
    assert shrunk.shape == (8, 100, 3)  # 7.5 rows
    assert (shrunk[0, 0, 0], shrunk[-1, -1, 0]) == (0, 200)
    assert at_most_wide(wide, 400) is wide
