"""Images of 16 bits; what holds for all of them is in `test_pictures`."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from harness.trees import picture, save
from segexp.data.files.images import read_rgb
from segexp.data.source import SampleFault

GREY = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
COLORS = np.dstack([GREY, GREY[::-1], GREY.T])


def refused(path: Path) -> str:
    with pytest.raises(SampleFault) as caught:
        read_rgb(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def write(path: Path, pixels: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_of_16_bits_the_upper_8_are_kept(tmp_path, suffix):
    assert np.array_equal(read_rgb(write(tmp_path / f"c{suffix}", COLORS)), COLORS >> 8)
    grey = read_rgb(write(tmp_path / f"g{suffix}", GREY))
    assert np.array_equal(grey, np.dstack([GREY >> 8] * 3))


def test_16_bits_of_png_are_read_as_opencv_reads_them(tmp_path):
    path = write(tmp_path / "x.png", COLORS)
    assert np.array_equal(read_rgb(path), cv2.imread(str(path))[..., ::-1])


@pytest.mark.parametrize("factor", [256, 257])
def test_an_image_of_8_bits_comes_back_from_16_however_it_was_widened(tmp_path, factor):
    wide = picture(1).astype(np.uint16) * factor
    assert np.array_equal(read_rgb(write(tmp_path / "x.png", wide)), picture(1))


def test_16_bits_with_the_highest_byte_first_are_read_alike(tmp_path):
    Image.frombytes("I;16B", (256, 256), GREY.astype(">u2").tobytes()).save(tmp_path / "x.tif")
    assert (tmp_path / "x.tif").read_bytes()[:2] == b"MM"
    assert np.array_equal(read_rgb(tmp_path / "x.tif")[..., 0], GREY >> 8)


@pytest.mark.parametrize("pixels", [GREY >> 4, COLORS >> 4, COLORS >> 8, (GREY >> 5) + 7_000])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_fewer_bits_in_16_are_refused_with_what_to_do(tmp_path, pixels, suffix):
    message = refused(write(tmp_path / f"x{suffix}", pixels))
    assert message.endswith("scale the images to 8 bits, all by one factor")


def test_black_and_opaque_16_bits_are_read(tmp_path):
    assert not read_rgb(write(tmp_path / "g.png", GREY * 0)).any()
    opaque = np.dstack([COLORS[..., ::-1], np.full_like(GREY, 65_535)])
    cv2.imwrite(str(tmp_path / "a.png"), opaque)
    assert np.array_equal(read_rgb(tmp_path / "a.png"), COLORS >> 8)
    opaque[0, 0, 3] = 0
    cv2.imwrite(str(tmp_path / "a.png"), opaque)
    assert "1 pixels are transparent" in refused(tmp_path / "a.png")


def test_a_transparent_colour_of_16_bits_is_refused(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "x.png", transparency=7)
    assert "16 bits with a transparent colour" in refused(tmp_path / "x.png")


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32"])
def test_other_numbers_than_8_and_16_bits_are_refused(tmp_path, dtype):
    message = refused(write(tmp_path / "x.tif", GREY.astype(dtype)))
    assert message.endswith("save the image with 8")


def test_a_gif_is_no_image(tmp_path):
    assert "it is a GIF: convert it to PNG or JPEG" in refused(
        save(tmp_path / "x.gif", picture(1)[..., 0])
    )
