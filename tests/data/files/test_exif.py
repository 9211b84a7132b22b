import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from harness.trees import picture
from segexp.data.files.exif import UPRIGHT, orientation_of
from segexp.data.files.images import read_rgb
from segexp.data.source import SampleFault


def refused(path: Path) -> str:
    with pytest.raises(SampleFault) as caught:
        read_rgb(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


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


def test_xmp_alone_turns_nothing(tmp_path):
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>"
    Image.fromarray(picture(1)).save(tmp_path / "x.jpg", xmp=xmp)
    assert read_rgb(tmp_path / "x.jpg").shape == picture(1).shape


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


@pytest.mark.parametrize("count", [0, 1, 1 << 30])
def test_the_orientation_is_found_where_its_count_is_damaged(tmp_path, count):
    """Beside an entry of EXIF whose values lie beyond its end."""
    entries = [(0x010F, 2, 400, 60_000), (0x0112, 3, count, 6)]
    tiff = b"II*\0" + struct.pack("<IH", 8, len(entries))
    tiff += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    upright = picture(1, (16, 8))
    Image.fromarray(upright).save(tmp_path / "x.jpg", exif=b"Exif\0\0" + tiff, quality=95)
    assert read_rgb(tmp_path / "x.jpg").shape == (8, 16, 3)


def tiff(order: str, tag: int, kind: int, value: int, count: int = 1) -> bytes:
    """A TIFF structure with one entry (TIFF 6.0, section 2)."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}IHHHIHH", 8, 1, tag, kind, count, value, 0)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("before", [b"", b"Exif\0\0"])
def test_the_orientation_is_the_short_of_tag_0x0112_in_either_order(order, before):
    assert orientation_of(before + tiff(order, 0x0112, 3, 6)) == 6
    assert orientation_of(before + tiff(order, 0x0112, 3, 6, count=77)) == 6  # damaged


@pytest.mark.parametrize(
    "exif",
    [
        None,
        b"",
        b"no TIFF",
        tiff("<", 0x0112, 4, 6),  # not a short
        tiff("<", 0x0100, 3, 6),  # another tag
        tiff("<", 0x0112, 3, 9),  # no orientation
        tiff("<", 0x0112, 3, 6)[:-8],  # cut
    ],
)
def test_what_states_no_orientation_is_upright(exif):
    assert orientation_of(exif) == UPRIGHT == 1
