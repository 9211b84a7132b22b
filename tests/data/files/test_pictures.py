"""Images of every kind that is accepted, and of every kind that is refused."""

import os
import resource
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.trees import picture, save, truncate
from segexp.data.files.file_kind import file_kind
from segexp.data.files.images import read_rgb
from segexp.data.files.npy import read_npy_image
from segexp.data.files.pictures import MAX_PIXELS
from segexp.data.source import SampleFault


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


@pytest.mark.parametrize("suffix", [".bmp", ".tif", ".webp"])
def test_what_pillow_alone_reads_comes_back_as_it_was_saved(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    Image.fromarray(picture(1)).save(path, lossless=True)
    assert np.array_equal(read_rgb(path), picture(1))
    grey = picture(1)[..., 0]
    Image.fromarray(grey).save(path, lossless=True)
    assert np.array_equal(read_rgb(path), np.dstack([grey] * 3))
    assert file_kind(path) == {".bmp": "BMP", ".tif": "TIFF", ".webp": "WebP"}[suffix]
    truncate(path)
    assert "damaged or truncated" in refused(path)


def test_a_palette_bmp_is_looked_up(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "x.bmp")
    assert read_rgb(tmp_path / "x.bmp").tolist() == [[[10, 20, 30], [40, 50, 60], [40, 50, 60]]]


def test_what_is_more_than_one_picture_is_refused(tmp_path):
    frames = [Image.fromarray(picture(n)) for n in range(2)]
    for kind in ("tif", "webp"):
        path = tmp_path / f"x.{kind}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        assert "of 2 pictures" in refused(path)


def test_the_orientation_of_a_webp_is_applied_and_of_a_tiff_refused(tmp_path):
    turned = Image.Exif()
    turned[274] = 6
    image = Image.fromarray(picture(0))
    image.save(tmp_path / "turned.tif", exif=turned)
    assert "a TIFF with orientation 6" in refused(tmp_path / "turned.tif")
    image.save(tmp_path / "turned.webp", exif=turned, lossless=True)
    # 6: it is upright when it is turned by 90 degrees clockwise.
    assert np.array_equal(read_rgb(tmp_path / "turned.webp"), np.rot90(picture(0), -1))


def test_a_huge_picture_of_another_kind_is_refused_by_its_header(tmp_path):
    path = tmp_path / "x.bmp"
    Image.new("RGB", (4, 4)).save(path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<ii", data, 18, 16_000, 16_000)
    path.write_bytes(data)
    assert "16000x16000 pixels; expected 1 to" in refused(path)


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


def test_cmyk_is_refused(tmp_path):
    Image.fromarray(picture(1)).convert("CMYK").save(tmp_path / "x.jpg")
    assert "CMYK" in refused(tmp_path / "x.jpg")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_truncated_file_is_named(tmp_path, suffix):
    path = truncate(save(tmp_path / f"x{suffix}", picture(1, (64, 64))))
    assert "damaged or truncated" in refused(path)


def test_a_picture_of_64_megapixels_is_read_in_bounded_memory(tmp_path):
    Image.new("RGB", (8000, 8000), (7, 8, 9)).save(tmp_path / "x.png", compress_level=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    image = read_rgb(tmp_path / "x.png")
    assert image.shape == (8000, 8000, 3)
    assert (image == (7, 8, 9)).all()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700 << 10


def test_a_file_of_gigabytes_is_refused_unread(tmp_path):
    with (tmp_path / "x.png").open("wb") as file:
        file.truncate(3 << 30)
    assert "3221225472 bytes; at most 268435456 are read" in refused(tmp_path / "x.png")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    assert "is not a file" in refused(tmp_path / "x.png")
    assert file_kind(tmp_path / "x.png") == "unreadable"


def test_a_jpeg_with_scans_without_end_is_refused_undecoded(tmp_path):
    path = save_progressive(tmp_path / "x.jpg")
    data = path.read_bytes()
    scan = data[data.rindex(b"\xff\xda") : -2]
    path.write_bytes(data[:-2] + 100 * scan + b"\xff\xd9")
    assert "over 50 scans" in refused(path)


def test_a_jpeg_whose_metadata_look_like_scans_is_read(tmp_path):
    path = tmp_path / "x.jpg"
    Image.fromarray(picture(1)).save(path, comment=b"\xff\xda" * 99, icc_profile=b"\xff\xd9" * 99)
    path.write_bytes(path.read_bytes() + b"\xff\xda" * 99)  # a film, behind the picture's end
    assert read_rgb(path).shape == picture(1).shape


def test_a_jpeg_with_two_frames_is_refused(tmp_path):
    path = save(tmp_path / "x.jpg", picture(1))
    data = path.read_bytes()
    begin = data.index(b"\xff\xc0")
    frame = data[begin : begin + 2 + int.from_bytes(data[begin + 2 : begin + 4])]
    path.write_bytes(data[:begin] + frame + data[begin:])
    assert "damaged or truncated" in refused(path)


def save_progressive(path: Path) -> Path:
    Image.fromarray(picture(1)).save(path, progressive=True)
    return path


def test_a_jpeg_without_its_end_is_named(tmp_path):
    path = save(tmp_path / "x.jpg", picture(1))
    path.write_bytes(path.read_bytes()[:-2])
    assert "image file is truncated" in refused(path)


def test_a_png_that_exif_says_to_turn_is_refused(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(1)).save(tmp_path / "x.png", exif=exif)
    assert "EXIF orientation 6" in refused(tmp_path / "x.png")
    exif[0x0112] = 1
    Image.fromarray(picture(1)).save(tmp_path / "x.png", exif=exif)
    assert np.array_equal(read_rgb(tmp_path / "x.png"), picture(1))


@pytest.mark.parametrize(
    ("mode", "pixels", "key"),
    [("L", [[9, 7, 7]], 7), ("RGB", [[[9, 9, 9], [1, 2, 3], [1, 2, 3]]], (1, 2, 3))],
)
def test_a_transparent_grey_or_colour_is_refused_where_it_is_used(tmp_path, mode, pixels, key):
    image = Image.fromarray(np.array(pixels, np.uint8), mode)
    image.save(tmp_path / "x.png", transparency=key)
    assert "2 pixels are transparent" in refused(tmp_path / "x.png")
    image.save(tmp_path / "x.png", transparency=200 if mode == "L" else (200, 0, 0))
    assert read_rgb(tmp_path / "x.png").shape == (1, 3, 3)


def test_grey_with_opaque_alpha_is_read(tmp_path):
    image = Image.fromarray(picture(1)[..., 0])
    image.putalpha(255)
    image.save(tmp_path / "x.png")
    assert np.array_equal(read_rgb(tmp_path / "x.png"), np.dstack([picture(1)[..., 0]] * 3))


def test_one_bit_is_black_and_white(tmp_path):
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "x.png")
    assert read_rgb(tmp_path / "x.png").tolist() == [[[0, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_nothing_but_0_and_1_in_8_bits_is_refused_and_black_is_allowed(tmp_path, suffix):
    read = read_rgb if suffix == ".png" else read_npy_image
    black = np.zeros((4, 5, 3), np.uint8)
    assert not read(save(tmp_path / f"black{suffix}", black)).any()
    black[0, 0, 0] = 1
    with pytest.raises(SampleFault, match="no value above 1 of 255"):
        read(save(tmp_path / f"x{suffix}", black))


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
    [
        (b"", "is empty"),
        (b"GIF89a..", "it is a GIF"),
        (b"no image", "it begins with the bytes 6e 6f 20 69 6d 61 67 65"),
        (b"\xff\xd8\xff", "damaged"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "it is a HEIC: convert it to PNG or JPEG"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "it is a Git LFS pointer, not the file itself: `git lfs pull` fetches it",
        ),
        (b"\n<!DOCTYPE html><html>", "it is an HTML page, which a failed download leaves"),
        (b"\xef\xbb\xbf<html lang='en'>", "it is an HTML page"),
    ],
)
def test_other_content_is_refused(tmp_path, content, what):
    (tmp_path / "x.png").write_bytes(content)
    assert what in refused(tmp_path / "x.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif"])
def test_a_file_that_ends_inside_its_header_says_so(tmp_path, suffix):
    data = save(tmp_path / f"x{suffix}", picture(1, (8, 8))).read_bytes()
    length = {".png": 16, ".jpg": 3, ".webp": 12, ".bmp": 14, ".tif": 4}[suffix]
    (tmp_path / "x.png").write_bytes(data[:length])
    said = refused(tmp_path / "x.png")
    assert f"damaged or truncated: it ends at byte {length}, inside its header; download" in said


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".jpg"])
@pytest.mark.filterwarnings("ignore:::PIL")
def test_no_cut_of_a_file_is_told_in_words_of_a_decoder_s_buffers(tmp_path, suffix):
    data = save(tmp_path / f"x{suffix}", picture(1, (2, 2))).read_bytes()
    for length in range(len(data) - 2):
        (tmp_path / "x.png").write_bytes(data[:length])
        with suppress(pytest.fail.Exception):  # whole but for its end
            assert "unpack" not in refused(tmp_path / "x.png")


def test_a_missing_file_is_named(tmp_path):
    assert "No such file" in refused(tmp_path / "x.png")
