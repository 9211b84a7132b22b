"""Images of every kind that is accepted, and of every kind that is refused."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segexp.dataset.image_file import MAX_PIXELS
from segexp.dataset.images import read_rgb
from segexp.dataset.png_file import PNG_MAGIC, check_png
from segexp.dataset.source import SampleFault

from .layouts import picture, save, truncate


def refused(path: Path) -> str:
    with pytest.raises(SampleFault) as caught:
        read_rgb(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def test_a_png_comes_back_as_it_was_saved(tmp_path):
    path = save(tmp_path / "x.png", picture(1))
    assert np.array_equal(read_rgb(path), picture(1))


def test_the_content_decides_not_the_suffix(tmp_path):
    path = save(tmp_path / "x.png", picture(1)).rename(tmp_path / "x.jpg")
    assert np.array_equal(read_rgb(path), picture(1))


def test_grey_is_replicated(tmp_path):
    grey = picture(1)[..., 0]
    assert np.array_equal(read_rgb(save(tmp_path / "x.png", grey)), np.dstack([grey] * 3))


def test_a_palette_is_looked_up(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "x.png")
    assert read_rgb(tmp_path / "x.png").tolist() == [[[10, 20, 30], [40, 50, 60]]]


def test_opaque_alpha_is_dropped_and_transparency_refused(tmp_path):
    rgba = np.dstack([picture(1), np.full(picture(1).shape[:2], 255, np.uint8)])
    assert np.array_equal(read_rgb(save(tmp_path / "opaque.png", rgba)), picture(1))
    rgba[0, :2, 3] = 7
    assert "2 pixels are transparent" in refused(save(tmp_path / "glass.png", rgba))


def test_a_transparent_palette_colour_is_refused_where_it_is_used(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "x.png", transparency=1)
    assert "2 pixels are transparent" in refused(tmp_path / "x.png")


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3)])
def test_sixteen_bits_are_refused(tmp_path, shape):
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), np.full(shape, 40000, np.uint16))
    assert "16 bits" in refused(path)


def test_cmyk_is_refused(tmp_path):
    Image.fromarray(picture(1)).convert("CMYK").save(tmp_path / "x.jpg")
    assert "CMYK" in refused(tmp_path / "x.jpg")


def test_the_exif_orientation_of_a_jpeg_is_applied(tmp_path):
    # Orientation 6: the camera was turned, the stored rows are to be shown as columns.
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :16] = (200, 10, 10)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "x.jpg", exif=exif, quality=95)
    shown = read_rgb(tmp_path / "x.jpg")
    assert shown.shape == (32, 16, 3)
    assert shown[4, 8, 0] > 150
    assert shown[28, 8, 0] < 50


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_truncated_file_is_named(tmp_path, suffix):
    path = truncate(save(tmp_path / f"x{suffix}", picture(1, (64, 64))))
    assert "damaged or truncated" in refused(path)


def test_a_png_that_lost_its_last_byte_is_named(tmp_path):
    path = save(tmp_path / "x.png", picture(1))
    path.write_bytes(path.read_bytes()[:-1])
    assert "before its last chunk (IEND)" in refused(path)


def test_one_flipped_bit_in_a_png_is_found_by_its_checksum(tmp_path):
    path = save(tmp_path / "x.png", picture(1))
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 40] ^= 1
    path.write_bytes(data)
    assert "wrong checksum of the chunk IDAT" in refused(path)


def test_a_png_whose_pixels_stop_early_is_named(tmp_path):
    (tmp_path / "x.png").write_bytes(png(100, 100, bytes(101 * 50)))
    # Pillow opens this and fills the lower half with zeros.
    assert "the pixel data end early: 5050 of 10100 bytes" in refused(tmp_path / "x.png")


@pytest.mark.parametrize("side", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_layout_of_pixels_counts_as_whole(side, mode):
    stored = io.BytesIO()
    Image.new(mode, (side, side + 1)).save(stored, "PNG")
    assert check_png(stored.getvalue()) == {"1": 1, "I;16": 16, "P": 1}.get(mode, 8)


@pytest.mark.parametrize("side", [1, 2, 3, 5, 8, 13])
def test_interlaced_pngs_count_as_whole(tmp_path, side):
    # Written by hand: neither Pillow nor OpenCV writes Adam7.
    rows = []
    for x, y, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                         (1, 0, 2, 2), (0, 1, 1, 2)]:  # fmt: skip
        columns = len(range(x, side, dx))
        rows += [bytes([0]) + bytes([7]) * columns for _ in range(y, side, dy) if columns]
    path = tmp_path / "x.png"
    path.write_bytes(png(side, side, b"".join(rows), interlace=1))
    assert np.array_equal(read_rgb(path), np.full((side, side, 3), 7, np.uint8))
    path.write_bytes(png(side, side, b"".join(rows)[:-1], interlace=1))
    assert "end early" in refused(path)


def png(width: int, height: int, rows: bytes, interlace: int = 0) -> bytes:
    """An 8-bit grey PNG file around filtered rows."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlace)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return PNG_MAGIC + body


def test_a_decompression_bomb_is_refused_unread_and_without_a_warning(tmp_path, recwarn):
    # 12,000 x 12,000 grey pixels of zeros: 144 megapixels in 140 kB.
    Image.new("L", (12_000, 12_000)).save(tmp_path / "x.png")
    assert f"12000x12000 pixels; expected 1 to {MAX_PIXELS}" in refused(tmp_path / "x.png")
    assert not recwarn.list


def test_an_animated_png_is_refused(tmp_path):
    frames = [Image.fromarray(picture(n)) for n in range(2)]
    frames[0].save(tmp_path / "x.png", save_all=True, append_images=frames[1:])
    assert "animated" in refused(tmp_path / "x.png")


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "is empty"), (b"GIF89a..", "47 49 46"), (b"\xff\xd8\xff", "damaged")],
)
def test_other_content_is_refused(tmp_path, content, what):
    (tmp_path / "x.png").write_bytes(content)
    assert what in refused(tmp_path / "x.png")


def test_a_missing_file_is_named(tmp_path):
    assert "No such file" in refused(tmp_path / "x.png")
