"""Masks of every kind of file, written by OpenCV, Pillow, NumPy and by hand."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from harness.trees import save
from segexp.data.files import pictures
from segexp.data.files.mask_file import read_mask
from segexp.data.source import AS_STORED, MaskRules, SampleFault

IDS = (np.arange(12 * 9).reshape(9, 12) % 11).astype(np.uint8)


def ids_of(path: Path, rules: MaskRules = AS_STORED) -> np.ndarray:
    ids = read_mask(path, rules).ids
    assert ids is not None
    return ids


def refused(path: Path, rules: MaskRules = AS_STORED) -> str:
    with pytest.raises(SampleFault) as caught:
        read_mask(path, rules)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "int32", "uint32", "float32"]
)
def test_tiff_masks_of_every_number_type_hold_raw_ids(tmp_path, dtype):
    cv2.imwrite(str(tmp_path / "m.tif"), IDS.astype(dtype))
    assert np.array_equal(ids_of(tmp_path / "m.tif"), IDS)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_lossless_compressions_of_tiff_are_read(tmp_path, compression):
    Image.fromarray(IDS.astype(np.int32)).save(tmp_path / "m.tif", compression=compression)
    assert np.array_equal(ids_of(tmp_path / "m.tif"), IDS)


def tiff(
    numbers: bytes,
    bits: int,
    *,
    is_signed: bool = False,
    black_is_zero: bool = True,
    is_big: bool = False,
) -> bytes:
    """A TIFF of one row of four or fewer pixels, tag by tag (TIFF 6.0, section 2)."""
    order, mark = (">", b"MM") if is_big else ("<", b"II")
    width = len(numbers) * 8 // bits
    place = 8 + 2 + 12 * 10 + 4
    tags = [(256, 3, width), (257, 3, 1), (258, 3, bits), (259, 3, 1), (262, 3, int(black_is_zero))]
    tags += [(273, 4, place), (277, 3, 1), (278, 3, 1), (279, 4, len(numbers))]
    tags += [(339, 3, 1 + is_signed)]
    body = struct.pack(f"{order}2sHIH", mark, 42, 8, len(tags))
    for tag, kind, value in tags:
        field = struct.pack(f"{order}{'H' if kind == 3 else 'I'}", value).ljust(4, b"\0")
        body += struct.pack(f"{order}HHI", tag, kind, 1) + field
    return body + bytes(4) + numbers


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (tiff(bytes([0b01010000]), 1), [0, 1, 0, 1, 0, 0, 0, 0]),
        (tiff(bytes([0b00011011]), 2), [0, 1, 2, 3]),
        (tiff(bytes([0x12, 0x3F]), 4), [1, 2, 3, 15]),
        (tiff(bytes([1, 255]), 8, is_signed=True), [1, -1]),
        (tiff(struct.pack("<hh", 1, -1), 16, is_signed=True), [1, -1]),
        (tiff(struct.pack(">HH", 1, 65_535), 16, is_big=True), [1, 65_535]),
        (tiff(struct.pack("<ii", 1, -1), 32, is_signed=True), [1, -1]),
        (tiff(struct.pack("<II", 1, 2**31 - 1), 32), [1, 2**31 - 1]),
    ],
)
def test_the_numbers_of_a_tiff_are_neither_stretched_nor_turned(tmp_path, content, ids):
    (tmp_path / "m.tif").write_bytes(content)
    assert ids_of(tmp_path / "m.tif").tolist() == [ids]


def test_a_large_unsigned_id_is_not_taken_for_minus_one(tmp_path):
    # Pillow has signed numbers only, and -1 is Cityscapes' licence plate.
    (tmp_path / "m.tif").write_bytes(tiff(struct.pack("<II", 1, 2**32 - 1), 32))
    assert "raw id of magnitude 4294967295" in refused(tmp_path / "m.tif")


@pytest.mark.parametrize("bits", [1, 8])
def test_a_tiff_whose_zero_is_white_is_refused(tmp_path, bits):
    (tmp_path / "m.tif").write_bytes(tiff(bytes([1]), bits, black_is_zero=False))
    assert "whose zero is white" in refused(tmp_path / "m.tif")


@pytest.mark.parametrize("suffix", [".tif", ".bmp"])
def test_palette_masks_hold_indices_whatever_the_kind(tmp_path, suffix):
    image = Image.fromarray(IDS, "P")
    image.putpalette([n * factor % 256 for n in range(256) for factor in (53, 91, 17)])
    image.save(tmp_path / f"m{suffix}")
    held = read_mask(tmp_path / f"m{suffix}")
    assert held.ids is not None
    assert np.array_equal(held.ids, IDS)
    assert held.palette[2] == (106, 182, 34)


@pytest.mark.parametrize("suffix", [".bmp", ".gif"])
def test_grey_masks_hold_raw_ids_whatever_the_kind(tmp_path, suffix):
    few = np.where(IDS < 5, 3, 7).astype(np.uint8)
    for ids in (IDS, few):
        assert np.array_equal(ids_of(save(tmp_path / f"m{suffix}", ids)), ids)


def test_a_gif_is_read_as_it_is_shown_since_its_palette_is_renumbered(tmp_path):
    image = Image.fromarray(np.array([[3, 7, 7]], np.uint8))
    image.save(tmp_path / "m.gif")
    assert np.asarray(Image.open(tmp_path / "m.gif")).tolist() == [[0, 1, 1]]  # Pillow, 13.0
    assert ids_of(tmp_path / "m.gif").tolist() == [[3, 7, 7]]
    image = Image.fromarray(np.array([[0, 1, 1]], np.uint8), "P")
    image.putpalette([128, 0, 0, 0, 128, 0])
    image.save(tmp_path / "m.gif")
    held = read_mask(tmp_path / "m.gif")
    assert held.ids is None
    assert held.picture is not None
    assert held.picture.pixels.getpixel((2, 0)) == (0, 128, 0)


def bmp(bits: int, palette: bytes, row: bytes) -> bytes:
    """A BMP of one row of four pixels."""
    place, colors = 54 + len(palette), len(palette) // 4
    head = struct.pack("<IiiHHIIiiII", 40, 4, 1, 1, bits, 0, len(row), 0, 0, colors, 0)
    return b"BM" + struct.pack("<IHHI", place + len(row), 0, 0, place) + head + palette + row


def test_bmp_masks_that_pillow_takes_for_another_number_of_bits_are_refused(tmp_path):
    grey = b"".join(bytes([i, i, i, 0]) for i in range(16))
    (tmp_path / "m.bmp").write_bytes(bmp(4, grey, bytes([0x12, 0x34, 0, 0])))
    assert "a BMP of 4 bits with a grey palette; save it as PNG" in refused(tmp_path / "m.bmp")
    black_and_white = bytes([0, 0, 0, 0, 255, 255, 255, 0])
    (tmp_path / "m.bmp").write_bytes(bmp(8, black_and_white, bytes([0, 1, 1, 0])))
    assert "a BMP of 8 bits with a grey palette" in refused(tmp_path / "m.bmp")
    (tmp_path / "m.bmp").write_bytes(bmp(8, bytes([0, 0, 0, 0, 255, 0, 0, 0]), bytes([0, 1, 1, 0])))
    assert ids_of(tmp_path / "m.bmp").tolist() == [[0, 1, 1, 0]]
    (tmp_path / "m.bmp").write_bytes(bmp(1, black_and_white, bytes([0b01010000, 0, 0, 0])))
    assert ids_of(tmp_path / "m.bmp").tolist() == [[0, 1, 0, 1]]


def test_a_webp_mask_is_read_where_it_lost_nothing(tmp_path):
    colors = np.dstack([IDS, IDS * 2, IDS * 3])
    plain, extended = tmp_path / "m.webp", tmp_path / "x.webp"
    Image.fromarray(colors).save(plain, lossless=True)
    Image.fromarray(colors).save(extended, lossless=True, icc_profile=b"profile", xmp=b"<x/>")
    assert extended.read_bytes()[12:16] == b"VP8X"
    for path in (plain, extended):
        held = read_mask(path)
        assert held.ids is None
        assert held.picture is not None
        assert np.array_equal(np.asarray(held.picture.pixels), colors)


@pytest.mark.parametrize("suffix", [".webp", ".jpg", ".tif"])
def test_masks_with_lossy_compression_are_refused_with_the_way_out(tmp_path, suffix):
    options = {"compression": "jpeg"} if suffix == ".tif" else {}
    colors = np.dstack([IDS, IDS * 2, IDS * 3])
    Image.fromarray(colors).save(tmp_path / f"m{suffix}", **options)
    message = refused(tmp_path / f"m{suffix}")
    assert "lossy compression" in message
    assert message.endswith("`data.masks: {nearest_color: 48}`")
    assert read_mask(tmp_path / f"m{suffix}", MaskRules(nearest_color=48)).ids is None


def test_of_several_arrays_the_named_one_is_read(tmp_path):
    np.savez(tmp_path / "one.npz", IDS)
    assert np.array_equal(ids_of(tmp_path / "one.npz"), IDS)
    np.savez_compressed(tmp_path / "two.npz", mask=IDS, image=np.zeros((9, 12, 3)))
    message = refused(tmp_path / "two.npz")
    assert message.endswith("`data.masks: {array: mask}`")
    assert np.array_equal(ids_of(tmp_path / "two.npz", MaskRules(array="mask")), IDS)
    assert "no array 'masc' (did you mean 'mask'?)" in refused(
        tmp_path / "two.npz", MaskRules(array="masc")
    )


def test_damaged_archives_and_archives_without_arrays_are_named(tmp_path):
    np.savez(tmp_path / "m.npz", IDS)
    (tmp_path / "m.npz").write_bytes((tmp_path / "m.npz").read_bytes()[:-5])
    assert "not a readable npz file" in refused(tmp_path / "m.npz")
    np.savez(tmp_path / "empty.npz")
    assert "PK" not in refused(tmp_path / "empty.npz")


@pytest.mark.parametrize(("suffix", "kind"), [(".gif", "GIF"), (".tif", "TIFF")])
def test_a_mask_of_several_pictures_is_refused(tmp_path, suffix, kind):
    pages = [Image.fromarray(IDS), Image.fromarray(IDS + 1)]
    pages[0].save(tmp_path / f"m{suffix}", save_all=True, append_images=pages[1:])
    assert f"a {kind} of " in refused(tmp_path / f"m{suffix}")


@pytest.mark.parametrize("suffix", [".gif", ".bmp", ".webp"])
def test_a_mask_that_ends_early_is_named(tmp_path, suffix):
    colors = np.dstack([IDS] * 3) if suffix == ".webp" else IDS
    Image.fromarray(colors).save(tmp_path / f"m{suffix}", lossless=True)
    data = (tmp_path / f"m{suffix}").read_bytes()
    (tmp_path / f"m{suffix}").write_bytes(data[: len(data) - 12])
    assert "damaged or truncated" in refused(tmp_path / f"m{suffix}")


def test_a_picture_has_its_own_limit_beside_arrays(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PICTURE_BYTES", 70)
    assert "bytes; at most 70 are read" in refused(save(tmp_path / "m.png", IDS))
    assert np.array_equal(ids_of(save(tmp_path / "m.npy", IDS)), IDS)


def test_three_equal_channels_hold_ids_where_the_rules_say_so(tmp_path):
    path = save(tmp_path / "m.png", np.dstack([IDS] * 3))
    assert read_mask(path).ids is None
    assert np.array_equal(ids_of(path, MaskRules(channels="grey")), IDS)
    colored = np.dstack([IDS] * 3)
    colored[0, 0] = (1, 2, 3)
    path = save(tmp_path / "c.png", colored)
    assert "1 pixels are not grey" in refused(path, MaskRules(channels="grey"))


def test_an_array_that_inflates_beyond_the_limit_is_refused_unread(tmp_path):
    np.savez(tmp_path / "m.npz", IDS)
    data = bytearray((tmp_path / "m.npz").read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 600 << 20)
    (tmp_path / "m.npz").write_bytes(data)
    assert "arr_0.npy: 629145600 bytes; at most 536870912" in refused(tmp_path / "m.npz")


def test_an_archive_whose_directory_points_before_its_beginning_is_named(tmp_path):
    np.savez(tmp_path / "m.npz", IDS)
    data = (tmp_path / "m.npz").read_bytes()
    (tmp_path / "m.npz").write_bytes(data[:4] + data[40:])
    assert "not a readable npz file" in refused(tmp_path / "m.npz")
