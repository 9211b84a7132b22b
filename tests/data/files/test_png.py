import resource
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.trees import picture, png_chunk, save
from segexp.data.files.images import read_rgb
from segexp.data.files.pictures import read_picture
from segexp.data.files.png import PNG_MAGIC
from segexp.data.source import SampleFault

BOMB = zlib.compress(bytes(1 << 30), 9)
"""A gibibyte of zeros in a mebibyte."""
HEADER = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, 8, 3, 0, 0, 0))
HUGE = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 3, 0, 0, 0))
COLORS = png_chunk(b"PLTE", bytes(6))
ROW = png_chunk(b"IDAT", zlib.compress(bytes([0, 0, 1, 1, 1])))
END = png_chunk(b"IEND", b"")


def refused(path: Path) -> str:
    with pytest.raises(SampleFault) as caught:
        read_rgb(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


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
