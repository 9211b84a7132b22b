"""The walk through a JPEG's markers, against Pillow's own."""

import io

import numpy as np
import pytest
from PIL import Image

from segexp.data.files.jpeg import check_jpeg


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (21, 34, 4), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels[..., :3]).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("restart", [0, 1])
def test_sizes_are_pillows_and_what_is_left_out_decides_no_pixel(mode, progressive, restart):
    data = jpeg(
        mode,
        progressive=progressive,
        restart_marker_rows=restart,
        exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0",
        comment=b"\xff\xda\xff\xc0\xff\xd9",
        icc_profile=b"\xff\xd9" * 1000,
    )
    found = check_jpeg(data)
    assert found.size == (21, 34)
    assert found.exif == b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"
    assert len(found.critical) < len(data) - 2000
    assert np.array_equal(decoded(found.critical), decoded(data))


def test_what_follows_the_end_is_not_looked_at():
    data = jpeg() + b"\xff\xc0\xff\xda" * 100
    assert check_jpeg(data).size == (21, 34)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\xff\xd8\xff\xd9", "0 frames and 0 scans"),
        (b"\xff\xd8\xff", "before its last marker"),
        (b"\xff\xd8\xff\xc0\0\x02", "a frame header of 2 bytes"),
        (b"\xff\xd8\xff\xe0\0", "before its last marker"),
        (jpeg()[:-2], "before its last marker"),
        (jpeg()[:100], "before its last marker"),
    ],
)
def test_files_without_their_parts_are_refused(data, what):
    with pytest.raises(ValueError, match=what):
        check_jpeg(data)


def test_two_frames_are_refused():
    data = jpeg()
    begin = data.index(b"\xff\xc0")
    frame = data[begin : begin + 2 + int.from_bytes(data[begin + 2 : begin + 4])]
    with pytest.raises(ValueError, match="2 frames and 1 scans"):
        check_jpeg(data[:begin] + frame + data[begin:])
