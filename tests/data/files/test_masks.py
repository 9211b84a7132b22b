"""Masks of every kind to label indices."""

import resource
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.trees import CAMVID, CITYSCAPES, picture, png_chunk, save
from segexp.data.files.masks import read_labels
from segexp.data.files.png import PNG_MAGIC
from segexp.data.source import SampleFault
from segexp.labels.taxonomy import VOID, Label, Taxonomy


def labels_of(path: Path, taxonomy: Taxonomy = CAMVID, encoding: str = "default") -> list:
    labels = read_labels(path, taxonomy, encoding)
    assert labels.dtype == np.uint8
    return labels.tolist()


def refused(path: Path, taxonomy: Taxonomy = CAMVID, encoding: str = "default") -> str:
    with pytest.raises(SampleFault) as caught:
        labels_of(path, taxonomy, encoding)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def test_grey_masks_hold_raw_ids(tmp_path):
    path = save(tmp_path / "m.png", np.array([[0, 10, 11]], np.uint8))
    assert labels_of(path) == [[0, 10, 255]]


def test_sixteen_bit_masks_hold_raw_ids(tmp_path):
    path = save(tmp_path / "m.png", np.array([[0, 10, 11]], np.uint16))
    assert Image.open(path).mode == "I;16"
    assert labels_of(path) == [[0, 10, 255]]


def test_palette_masks_are_read_by_index_not_by_colour(tmp_path):
    # `convert("L")` would give the luminance of the colours, 76 and 29.
    image = Image.fromarray(np.array([[0, 1, 11]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 255] + [0] * 30)
    image.save(tmp_path / "m.png")
    assert labels_of(tmp_path / "m.png") == [[0, 1, 255]]


@pytest.mark.parametrize(("bits", "raw"), [(1, [0, 1, 1]), (2, [0, 3, 2]), (4, [0, 10, 11])])
@pytest.mark.parametrize("mode", ["L", "P"])
def test_masks_of_few_bits_are_not_stretched(tmp_path, bits, raw, mode):
    # Pillow reads 4-bit grey 10 as 170; written by hand, since it writes 8 bits of grey only.
    if mode == "P":
        image = Image.fromarray(np.array([raw], np.uint8), "P")
        image.putpalette([v for n in range(16) for v in (n, 0, 0)])
        image.save(tmp_path / "m.png", bits=bits)
    else:
        (tmp_path / "m.png").write_bytes(grey_png(raw, bits))
    assert labels_of(tmp_path / "m.png") == [[255 if v == 11 else v for v in raw]]


def grey_png(row: list[int], bits: int) -> bytes:
    text = "".join(f"{v:0{bits}b}" for v in row).ljust(16, "0")
    header = struct.pack(">IIBBBBB", len(row), 1, bits, 0, 0, 0, 0)
    needed = (len(row) * bits + 7) // 8
    pixels = zlib.compress(b"\0" + int(text, 2).to_bytes(2, "big")[:needed])
    content = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    return PNG_MAGIC + content


def test_colours_go_through_the_taxonomy(tmp_path):
    colors = np.array([[(128, 128, 128), (0, 128, 192), (0, 0, 0)]], np.uint8)
    assert labels_of(save(tmp_path / "m.png", colors)) == [[0, 10, 255]]
    rgba = np.dstack([colors, np.full((1, 3), 255, np.uint8)])
    assert labels_of(save(tmp_path / "rgba.png", rgba)) == [[0, 10, 255]]


def test_unknown_colours_are_listed_with_their_counts(tmp_path):
    colors = np.array([[(128, 128, 128), (1, 2, 3), (1, 2, 3), (255, 255, 255)]], np.uint8)
    message = refused(save(tmp_path / "m.png", colors))
    assert "(1, 2, 3) (2 px), (255, 255, 255) (1 px)" in message
    many = refused(save(tmp_path / "many.png", picture(1, (6, 6))))
    assert "and 24 more" in many


def test_a_colour_that_two_labels_share_is_refused(tmp_path):
    labels = (Label("a", (9, 9, 9)), Label("b", (9, 9, 9)))
    twice = Taxonomy("twice", labels, {"default": {0: 0, 1: 1}})
    message = refused(save(tmp_path / "m.png", np.full((1, 1, 3), 9, np.uint8)), twice)
    assert "gives the colour (9, 9, 9) to 'a' and to 'b'" in message


def test_black_is_the_label_that_has_it_though_void_is_black_too(tmp_path):
    # As a METAINFO of background and house became a taxonomy: void_color was never said.
    labels = (Label("background", (0, 0, 0)), Label("house", (250, 50, 83)))
    taxonomy = Taxonomy("houses", labels, {"default": {0: 0, 1: 1, 255: VOID}})
    assert taxonomy.void_color == (0, 0, 0)
    path = save(tmp_path / "m.png", np.array([[(0, 0, 0), (250, 50, 83)]], np.uint8))
    assert read_labels(path, taxonomy, "default").tolist() == [[0, 1]]


def test_unknown_raw_ids_are_listed_with_file_counts_and_what_is_known(tmp_path):
    path = save(tmp_path / "m.png", np.array([[0, 12, 12, 200]], np.uint8))
    assert refused(path) == (
        f"{path}: raw id 12 (2 px), 200 (1 px) not in the taxonomy camvid11, which knows 0..11; "
        "if void: `data.masks: {void: [12, 200]}`"
    )


def test_label_ids_and_train_ids_are_different_numberings(tmp_path):
    path = save(tmp_path / "m.png", np.array([[7, 26, 0]], np.uint8))
    assert labels_of(path, CITYSCAPES, "labelIds") == [[0, 13, 255]]
    path = save(tmp_path / "t.png", np.array([[0, 13, 255]], np.uint8))
    assert labels_of(path, CITYSCAPES) == [[0, 13, 255]]
    assert "(labelIds), which knows -1..33" in refused(
        save(tmp_path / "u.png", np.array([[34]], np.uint8)), CITYSCAPES, "labelIds"
    )


def test_jpeg_masks_are_refused(tmp_path):
    path = save(tmp_path / "m.jpg", np.zeros((8, 8), np.uint8))
    assert "lossy" in refused(path)


def test_grey_with_alpha_is_refused(tmp_path):
    Image.new("LA", (2, 2)).save(tmp_path / "m.png")
    assert "mode LA" in refused(tmp_path / "m.png")


def test_transparency_of_ids_is_decoration_and_of_colours_refused(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 11]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 255] + [0] * 30)
    image.save(tmp_path / "p.png", transparency=1)
    assert labels_of(tmp_path / "p.png") == [[0, 1, 255]]
    Image.fromarray(np.array([[0, 1, 11]], np.uint8)).save(tmp_path / "l.png", transparency=1)
    assert labels_of(tmp_path / "l.png") == [[0, 1, 255]]
    colors = Image.fromarray(np.array([[(128, 128, 128), (0, 128, 192)]], np.uint8))
    colors.save(tmp_path / "rgb.png", transparency=(0, 128, 192))
    assert "transparent somewhere" in refused(tmp_path / "rgb.png")


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
def test_masks_of_16_bits_a_channel_are_refused(tmp_path, mode):
    color_type, samples = {"LA": (4, 2), "RGB": (2, 3), "RGBA": (6, 4)}[mode]
    (tmp_path / "m.png").write_bytes(sixteen_bit_png(color_type, samples))
    assert "expected" in refused(tmp_path / "m.png")


def sixteen_bit_png(color_type: int, samples: int) -> bytes:
    header = struct.pack(">IIBBBBB", 1, 1, 16, color_type, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(1 + 2 * samples)))
    return PNG_MAGIC + body + png_chunk(b"IEND", b"")


def test_a_mask_that_exif_says_to_turn_is_refused(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "m.png", exif=exif)
    assert "EXIF orientation 3" in refused(tmp_path / "m.png")


def test_a_photograph_as_a_mask_is_refused_in_bounded_memory(tmp_path):
    noise = np.random.default_rng(0).integers(0, 2**24, (1500, 1500))
    colors = np.stack([noise >> 16, noise >> 8 & 255, noise & 255], axis=2).astype(np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = refused(save(tmp_path / "m.png", colors))
    assert "and over 9988 more, all not in the taxonomy" in message
    assert "and over 9988 more" in refused(save(tmp_path / "m.npy", noise.astype(np.int32)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.float32, np.float64])
def test_npy_masks_hold_minus_one_for_void_and_zero_for_road(tmp_path, dtype):
    path = save(tmp_path / "m.npy", np.array([[-1, 0, 18]], dtype))
    assert labels_of(path, CITYSCAPES) == [[255, 0, 18]]


def test_npy_masks_in_fortran_order_are_read_right(tmp_path):
    raw = np.array([[0, 1, 2], [3, 4, 5]], np.int16, order="F")
    assert labels_of(save(tmp_path / "m.npy", raw), CITYSCAPES) == raw.tolist()


def test_fractions_are_no_ids(tmp_path):
    message = refused(save(tmp_path / "m.npy", np.array([[1.0, 2.5, 2.5]])))
    assert "2 pixels are not whole numbers, such as 2.5" in message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_labels_are_refused(tmp_path, value):
    message = refused(save(tmp_path / "m.npy", np.array([[1.0, value]])))
    assert "1 values are not finite" in message


@pytest.mark.parametrize("raw", [np.array([[2**63]], np.uint64), np.array([[1e300]])])
def test_absurd_ids_are_refused(tmp_path, raw):
    assert "32 bits at most" in refused(save(tmp_path / "m.npy", raw))


@pytest.mark.parametrize(
    "raw",
    [np.zeros((2, 2, 1), int), np.zeros(3, int), np.zeros((0, 4), int), np.zeros((2, 2), "?")],
)
def test_other_shapes_and_types_are_refused(tmp_path, raw):
    assert "expected" in refused(save(tmp_path / "m.npy", raw))
