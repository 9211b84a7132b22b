"""Images of every kind that is accepted, and of every kind that is refused."""

import os
import resource
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from harness.trees import picture, png_chunk, save, truncate
from segexp.data.files.file_kind import file_kind
from segexp.data.files.images import read_rgb
from segexp.data.files.npy import read_npy_image
from segexp.data.files.pictures import MAX_PIXELS, read_picture
from segexp.data.files.png import PNG_MAGIC
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
    assert "bad header checksum in b'IDAT'" in refused(path)


def test_a_png_whose_pixels_stop_early_is_named(tmp_path):
    (tmp_path / "x.png").write_bytes(png(100, 100, bytes(101 * 50)))
    # Pillow opens this and fills the lower half with zeros.
    assert "the pixel data end early: 5050 of 10100 bytes" in refused(tmp_path / "x.png")


@pytest.mark.parametrize("missing", [1, 101, 5050])
def test_a_bright_png_whose_pixels_stop_early_is_named(tmp_path, missing):
    rows = b"".join(b"\0" + bytes([200]) * 100 for _ in range(100))
    (tmp_path / "x.png").write_bytes(png(100, 100, rows))
    assert (read_rgb(tmp_path / "x.png") == 200).all()
    (tmp_path / "x.png").write_bytes(png(100, 100, rows[:-missing]))
    assert "damaged or truncated" in refused(tmp_path / "x.png")


@pytest.mark.parametrize("side", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_layout_of_pixels_counts_as_whole(tmp_path, side, mode):
    path = tmp_path / "x.png"
    Image.new(mode, (side, side + 1)).save(path)
    assert read_picture(path).bits == {"1": 1, "I;16": 16, "P": 1}.get(mode, 8)


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
    path.write_bytes(png(side, side, b"".join(rows[:-1]), interlace=1))
    assert ("end early" if side > 1 else "truncated") in refused(path)


def png(width: int, height: int, rows: bytes, interlace: int = 0) -> bytes:
    """An 8-bit grey PNG file around filtered rows."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlace)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows))
    return PNG_MAGIC + body + png_chunk(b"IEND", b"")


def rewritten(path: Path, *extra: tuple[bytes, bytes], at: int = 1) -> Path:
    """Save a picture with more chunks, put before the chunk number ``at``."""
    data = save(path, picture(1)).read_bytes()
    chunks, place = [], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        chunks.append(data[place : place + 12 + length])
        place += 12 + length
    chunks[at:at] = [png_chunk(*chunk) for chunk in extra]
    path.write_bytes(PNG_MAGIC + b"".join(chunks))
    return path


BOMB = zlib.compress(bytes(1 << 30), 9)
"""A gibibyte of zeros in a mebibyte."""


@pytest.mark.parametrize(
    "chunk",
    [
        (b"zTXt", b"Comment\0\0" + BOMB),
        (b"iTXt", b"Comment\0\1\0\0\0" + BOMB),
        (b"iCCP", b"profile\0\0" + BOMB),
    ],
)
def test_texts_and_profiles_are_not_unpacked(tmp_path, chunk):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert np.array_equal(read_rgb(rewritten(tmp_path / "x.png", chunk)), picture(1))
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 1 << 17


@pytest.mark.parametrize(
    "chunk", [(b"gAMA", struct.pack(">I", 1)), (b"eXIf", b"damaged"), (b"tEXt", b"a\0b")]
)
def test_gamma_texts_and_damaged_exif_change_nothing(tmp_path, chunk):
    assert np.array_equal(read_rgb(rewritten(tmp_path / "x.png", chunk)), picture(1))


def test_pixel_data_that_inflate_to_more_than_the_picture_are_not_inflated(tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    row = b"\0" + bytes(4)
    data = png(4, 1, row)
    begin = data.index(b"IDAT") - 4
    data = data[:begin] + png_chunk(b"IDAT", BOMB) + png_chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(data)
    assert read_rgb(tmp_path / "x.png").tolist() == [[[0, 0, 0]] * 4]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 17


def test_a_png_of_too_many_chunks_is_refused(tmp_path):
    path = rewritten(tmp_path / "x.png", *[(b"tEXt", b"")] * 100_000)
    assert "over 100000 chunks" in refused(path)


def test_pixel_data_in_two_pieces_are_refused(tmp_path):
    path = save(tmp_path / "x.png", picture(1))
    data = path.read_bytes()
    begin = data.index(b"IDAT") + 4
    body = data[begin : begin + int.from_bytes(data[begin - 8 : begin - 4])]
    pieces = [
        png_chunk(b"IDAT", body[:9]),
        png_chunk(b"tEXt", b"a\0b"),
        png_chunk(b"IDAT", body[9:]),
    ]
    path.write_bytes(data[: begin - 8] + b"".join(pieces) + png_chunk(b"IEND", b""))
    assert "truncated" in refused(path)


@pytest.mark.parametrize(("place", "value"), [(8, 3), (9, 1), (9, 7), (11, 1)], ids=str)
def test_a_header_that_png_does_not_know_is_refused(tmp_path, place, value):
    header = bytearray(struct.pack(">IIBBBBB", 4, 1, 8, 0, 0, 0, 0))
    header[place] = value
    body = png_chunk(b"IHDR", bytes(header)) + png_chunk(b"IDAT", zlib.compress(bytes(100)))
    (tmp_path / "x.png").write_bytes(PNG_MAGIC + body + png_chunk(b"IEND", b""))
    assert "damaged or truncated" in refused(tmp_path / "x.png")


@pytest.mark.parametrize(("height", "width"), [(0, 8), (8, 0), (1, 65_536), (8001, 8000)])
def test_sizes_beyond_the_limits_are_refused_from_the_header(tmp_path, height, width):
    (tmp_path / "x.png").write_bytes(png(width, height, b""))
    assert f"{height}x{width} pixels; expected 1 to 64000000" in refused(tmp_path / "x.png")
    data = bytearray(save(tmp_path / "x.jpg", picture(1)).read_bytes())
    struct.pack_into(
        ">HH", data, data.index(b"\xff\xc0") + 5, *(n % 65_536 for n in (height, width))
    )
    (tmp_path / "x.jpg").write_bytes(data)
    assert refused(tmp_path / "x.jpg")


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


def test_xmp_alone_turns_nothing(tmp_path):
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>"
    Image.fromarray(picture(1)).save(tmp_path / "x.jpg", xmp=xmp)
    assert read_rgb(tmp_path / "x.jpg").shape == picture(1).shape


def save_progressive(path: Path) -> Path:
    Image.fromarray(picture(1)).save(path, progressive=True)
    return path


def test_a_jpeg_without_its_end_is_named(tmp_path):
    path = save(tmp_path / "x.jpg", picture(1))
    path.write_bytes(path.read_bytes()[:-2])
    assert "image file is truncated" in refused(path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_exif_orientation_is_applied_as_opencv_does(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :8] = (200, 10, 10)
    pixels[8:, 24:] = (10, 200, 10)
    Image.fromarray(pixels).save(tmp_path / "x.jpg", exif=exif, quality=95)
    expected = cv2.cvtColor(cv2.imread(str(tmp_path / "x.jpg")), cv2.COLOR_BGR2RGB)
    shown = read_rgb(tmp_path / "x.jpg")
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).max() <= 8


@pytest.mark.parametrize(
    "damage", [b"", b"MM", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff"]
)
def test_damaged_exif_turns_nothing(tmp_path, damage):
    Image.fromarray(picture(1)).save(tmp_path / "x.jpg", exif=b"Exif\0\0" + damage)
    assert read_rgb(tmp_path / "x.jpg").shape == picture(1).shape


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


def test_a_transparent_grey_of_few_bits_is_compared_unstretched(tmp_path):
    # Two bits: 0, 1, 2, 3. Pillow makes 0, 85, 170, 255 of them, but leaves the key at 2.
    header = struct.pack(">IIBBBBB", 4, 1, 2, 0, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"tRNS", struct.pack(">H", 2))
    body += png_chunk(b"IDAT", zlib.compress(b"\0\x1b")) + png_chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(PNG_MAGIC + body)
    assert "1 pixels are transparent" in refused(tmp_path / "x.png")


def test_a_palette_index_without_a_colour_is_refused(tmp_path):
    header = struct.pack(">IIBBBBB", 4, 1, 8, 3, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60]))
    body += png_chunk(b"IDAT", zlib.compress(bytes([0, 0, 1, 2, 2])))
    (tmp_path / "x.png").write_bytes(PNG_MAGIC + body + png_chunk(b"IEND", b""))
    assert "2 pixels have a palette index of 2 or more" in refused(tmp_path / "x.png")


HEADER = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, 8, 3, 0, 0, 0))
HUGE = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 3, 0, 0, 0))
COLORS = png_chunk(b"PLTE", bytes(6))
ROW = png_chunk(b"IDAT", zlib.compress(bytes([0, 0, 1, 1, 1])))
END = png_chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("chunks", "fault"),
    [
        ((HEADER, ROW, END), "a palette of 0 bytes"),
        ((HEADER, png_chunk(b"PLTE", bytes(4)), ROW, END), "a palette of 4 bytes"),
        ((HEADER, ROW, COLORS, END), "a palette (PLTE, tRNS) behind the pixel data"),
        ((HEADER, COLORS, COLORS, ROW, END), "2 chunks PLTE; one is allowed"),
        ((HEADER, COLORS, png_chunk(b"tRNS", bytes(9)), ROW, END), "9 of them transparent"),
        ((HEADER, HUGE, COLORS, ROW, END), "2 chunks IHDR; one is allowed"),
        ((png_chunk(b"tEXt", HEADER[8:]), HUGE, COLORS, ROW, END), "the first chunk is not IHDR"),
        ((HEADER, COLORS, png_chunk(b"ABcD", b""), ROW, END), "unknown chunk b'ABcD'"),
        ((HEADER, COLORS, png_chunk(b"acTL", bytes(8)), ROW, END), "an animated PNG"),
        ((HEADER, COLORS, END), "no pixel data (IDAT)"),
        ((HEADER, COLORS, ROW, END[:-1] + b"?"), "its last chunk (IEND) is damaged"),
    ],
)
def test_chunks_that_pillow_takes_and_png_does_not_allow_are_damage(tmp_path, chunks, fault):
    """Of several headers Pillow takes the last, whose size nobody has checked."""
    (tmp_path / "x.png").write_bytes(PNG_MAGIC + b"".join(chunks))
    assert fault in refused(tmp_path / "x.png")


@pytest.mark.parametrize("count", [0, 1, 1 << 30])
def test_the_orientation_is_found_where_its_count_is_damaged(tmp_path, count):
    """Beside an entry of EXIF whose values lie beyond its end."""
    entries = [(0x010F, 2, 400, 60_000), (0x0112, 3, count, 6)]
    tiff = b"II*\0" + struct.pack("<IH", 8, len(entries))
    tiff += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    upright = picture(1, (16, 8))
    Image.fromarray(upright).save(tmp_path / "x.jpg", exif=b"Exif\0\0" + tiff, quality=95)
    assert read_rgb(tmp_path / "x.jpg").shape == (8, 16, 3)


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


def test_a_missing_file_is_named(tmp_path):
    assert "No such file" in refused(tmp_path / "x.png")
