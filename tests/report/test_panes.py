import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segexp.labels.taxonomy import VOID
from segexp.report.panes import cut_panes
from segexp.report.pictures import colorize, comparison, encode_png

COLORS = np.array([[200, 100, 50], [255, 255, 255], [10, 20, 30]], np.uint8)
NAMES = ("road", "a class with a name that is rather long", "sky")
TITLE = "frankfurt_000000_000294   mIoU 0.512   merged10"


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 300), st.integers(8, 600), st.integers(0, 2**32 - 1))
def test_what_was_laid_out_is_cut_out_pixel_for_pixel(height: int, width: int, seed: int):
    """Also of white classes, white images and images too large or small to be enlarged evenly."""
    random = np.random.default_rng(seed)
    image = random.integers(250, 256, (height, width, 3)).astype(np.uint8)
    truth, prediction = random.integers(0, 3, (2, height, width)).astype(np.uint8)
    found = cut_panes(encode_png(comparison(image, truth, prediction, COLORS, NAMES, TITLE)))
    assert found is not None
    assert np.array_equal(found.image, image)
    assert np.array_equal(found.truth, colorize(truth, COLORS, (0, 0, 0)))
    assert np.array_equal(found.prediction, colorize(prediction, COLORS, (0, 0, 0)))


def test_void_stays_hatched_and_the_masks_have_the_images_size():
    image = np.random.default_rng(0).integers(0, 256, (32, 64, 3)).astype(np.uint8)
    truth = np.zeros((32, 64), np.uint8)
    truth[:, 20:] = VOID
    found = cut_panes(encode_png(comparison(image, truth, truth * 0, COLORS, NAMES, TITLE)))
    assert found is not None
    assert found.truth.shape == found.prediction.shape == (32, 64, 3)
    assert (found.truth[:, :20] == COLORS[0]).all()
    assert set(np.unique(found.truth[:, 20:])) == {160, 205}


@pytest.mark.parametrize("shape", [(300, 1000, 3), (4, 4, 3), (1, 1, 3)])
def test_another_picture_is_not_taken_for_a_comparison(shape: tuple[int, ...]):
    assert cut_panes(encode_png(np.full(shape, 255, np.uint8))) is None
    assert cut_panes(b"no picture") is None
    assert cut_panes(b"") is None
