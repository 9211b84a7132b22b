"""Masks whose indices have colours."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from segexp.report.mask_png import encode_mask

COLORS = np.array([[128, 64, 128], [70, 70, 70], [0, 0, 142]], np.uint8)
MASK = np.array([[0, 1, 2, 2], [2, 0, 0, 1]], np.uint8)


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.verify()  # every checksum
    return Image.open(io.BytesIO(data))


def test_pillow_reads_the_indices_and_shows_the_colours() -> None:
    picture = opened(encode_mask(MASK, COLORS, {"a key": "straße → 道"}))
    assert (picture.mode, picture.size) == ("P", (4, 2))
    assert np.array_equal(np.asarray(picture), MASK)
    assert np.array_equal(np.asarray(picture.convert("RGB")), COLORS[MASK])
    assert picture.info["a key"] == "straße \\u2192 \\u9053"


def test_opencv_reads_the_colours_and_of_a_grey_mask_the_indices() -> None:
    """What docs/predictions.md says of it, also of the numbers that come out as grey."""
    data = np.frombuffer(encode_mask(MASK, COLORS), np.uint8)
    assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), COLORS[MASK][..., ::-1])
    assert not np.array_equal(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), MASK)
    grey = np.frombuffer(encode_mask(MASK, None, {"key": "text"}), np.uint8)
    assert np.array_equal(cv2.imdecode(grey, cv2.IMREAD_UNCHANGED), MASK)
    assert opened(grey.tobytes()).mode == "L"


def test_an_index_without_a_colour_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mask holds 3; classes are 0\.\.2"):
        encode_mask(MASK + np.uint8(1), COLORS)
