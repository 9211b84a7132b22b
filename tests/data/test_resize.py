"""Images by area or bilinear, masks by nearest neighbour."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segexp.core.data_config import Factor, Resize, ShortSide
from segexp.data.resize import resize_image, resize_labels, resized_size

SIDE = st.integers(1, 40)


@given(SIDE, SIDE, SIDE, SIDE)
def test_masks_are_resized_as_torchs_nearest_exact_does(height, width, new_height, new_width):
    labels = np.arange(height * width).astype(np.uint8).reshape(height, width)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(labels)[None, None], size=(new_height, new_width), mode="nearest-exact"
    )[0, 0].numpy()
    found = resize_labels(labels, (new_height, new_width))
    # Where a centre falls on the edge between two pixels, torch's float32 may pick either.
    clear_rows = [(2 * i + 1) * height % (2 * new_height) != 0 for i in range(new_height)]
    clear_columns = [(2 * i + 1) * width % (2 * new_width) != 0 for i in range(new_width)]
    clear = np.outer(clear_rows, clear_columns)
    assert np.array_equal(found[clear], expected[clear])
    assert found.shape == expected.shape


@given(SIDE, SIDE, st.integers(1, 4))
def test_enlarging_and_shrinking_a_mask_by_a_whole_factor_gives_it_back(height, width, factor):
    labels = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
    larger = resize_labels(labels, (height * factor, width * factor))
    assert np.array_equal(larger, labels.repeat(factor, 0).repeat(factor, 1))
    assert np.array_equal(resize_labels(larger, (height, width)), labels)


@pytest.mark.parametrize("thick", [2, 3])
def test_at_half_the_size_a_thin_line_is_as_thick_in_every_row_and_column(thick):
    # What takes the earlier column at even places and the later at odd ones loses lines of two.
    for place in range(8, 24):
        labels = np.zeros((40, 40), np.uint8)
        labels[:, place : place + thick] = 1
        widths = resize_labels(labels, (20, 20)).sum(axis=1)
        assert set(widths) <= {thick // 2, (thick + 1) // 2}
        assert widths.mean() == thick / 2
        assert (resize_labels(labels.T, (20, 20)).sum(axis=0) == widths).all()


def test_no_label_appears_that_was_not_there():
    labels = np.where(np.arange(64).reshape(8, 8) % 2, 18, 0).astype(np.uint8)
    for size in [(3, 5), (16, 16), (5, 20)]:
        assert set(np.unique(resize_labels(labels, size))) <= {0, 18}


def test_shrinking_an_image_averages_its_area():
    image = np.zeros((4, 4, 3), np.uint8)
    image[::2, ::2] = 200
    assert resize_image(image, (2, 2)).tolist() == [[[50] * 3] * 2] * 2


def test_enlarging_an_image_is_bilinear():
    image = np.array([[[0, 0, 0], [100, 100, 100]]], np.uint8)
    assert resize_image(image, (1, 4))[0, :, 0].tolist() == [0, 25, 75, 100]
    assert np.array_equal(
        resize_image(image, (3, 4)), cv2.resize(image, (4, 3), interpolation=cv2.INTER_LINEAR)
    )


def test_an_image_of_the_right_size_is_untouched():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert resize_image(image, (5, 7)) is image


@pytest.mark.parametrize(
    ("rule", "own", "size"),
    [
        ("stretch", (1024, 2048), (512, 512)),
        ("none", (7, 2048), (7, 2048)),
        ("fit", (1024, 2048), (256, 512)),
        ("fit", (720, 480), (512, 341)),  # 480 * 512 / 720 = 341.3
        ("fit", (90, 100), (461, 512)),  # 460.8: enlarged
        ("fit", (1, 4096), (1, 512)),
        (ShortSide(short_side=360), (720, 960), (360, 480)),
        (ShortSide(short_side=100), (375, 150), (250, 100)),
        (Factor(factor=0.5), (1024, 2049), (512, 1025)),  # 1024.5: halves up
        (Factor(factor=0.001), (300, 800), (1, 1)),
    ],
)
def test_the_size_that_a_rule_gives(rule: Resize, own: tuple[int, int], size: tuple[int, int]):
    assert resized_size(rule, own, (512, 512)) == size


@given(st.integers(1, 5000), st.integers(1, 5000), SIDE, SIDE)
def test_what_fits_touches_two_borders_and_keeps_its_shape_to_half_a_pixel(height, width, h, w):
    size = resized_size("fit", (height, width), (h, w))
    assert size[0] <= h and size[1] <= w
    assert size[0] == h or size[1] == w
    scale = min(h / height, w / width)
    assert abs(size[0] - max(1, height * scale)) <= 0.5 + 1e-9
    assert abs(size[1] - max(1, width * scale)) <= 0.5 + 1e-9
