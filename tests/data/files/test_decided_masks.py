"""Masks that other tools predicted: indices or colours, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from harness.project import ROOT
from segexp.data.files.decided_masks import NONE, read_decided
from segexp.data.files.pictures import CLASS_INDICES
from segexp.data.source import SampleFault
from segexp.labels.files import find_mapping
from segexp.report.mask_png import encode_mask

MAPPING = find_mapping(ROOT, "merged10")
COLORS = MAPPING.colors
CLASSES = np.array([[0, 3, 9], [9, 1, NONE]], np.uint8)


def write(
    path: Path, pixels: NDArray[np.integer], palette: NDArray[np.uint8] | None = None
) -> Path:
    image = Image.fromarray(pixels)
    if palette is not None:
        image = Image.fromarray(pixels, "P")
        image.putpalette(palette.ravel().tolist())
    image.save(path)
    return path


def colored(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    table = np.tile(np.array(MAPPING.taxonomy.void_color, np.uint8), (256, 1))
    table[: len(COLORS)] = COLORS
    return table[classes]


def refused(path: Path) -> str:
    with pytest.raises(SampleFault) as caught:
        read_decided(path, MAPPING)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def test_one_mask_in_every_way_that_it_is_written_is_the_same_mask(tmp_path: Path) -> None:
    grey = write(tmp_path / "8 bits.png", CLASSES)
    wide = write(tmp_path / "16 bits.png", CLASSES.astype(np.uint16))
    rgb = write(tmp_path / "rgb.png", colored(CLASSES))
    opaque = np.dstack([colored(CLASSES), np.full(CLASSES.shape, 255, np.uint8)])
    rgba = write(tmp_path / "rgba.png", opaque)
    own_palette = np.zeros((256, 3), np.uint8)
    own_palette[: len(COLORS)] = COLORS
    drawn = write(tmp_path / "palette.png", CLASSES, own_palette)
    np.save(tmp_path / "indices.npy", CLASSES.astype(np.int64))
    for path in (grey, wide, rgb, rgba, drawn, tmp_path / "indices.npy"):
        found = read_decided(path, MAPPING)
        assert found.dtype == np.uint8
        assert found.tolist() == CLASSES.tolist(), path.name


def test_a_palette_that_means_nothing_is_decoration(tmp_path: Path) -> None:
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    assert read_decided(write(tmp_path / "m.png", CLASSES, greys), MAPPING).tolist() == (
        CLASSES.tolist()
    )


def test_a_palette_is_read_where_its_numbers_are_no_classes(tmp_path: Path) -> None:
    shifted = np.zeros((256, 3), np.uint8)
    shifted[50 : 50 + len(COLORS)] = COLORS
    classes = np.array([[0, 3, 9]], np.uint8)
    assert read_decided(write(tmp_path / "m.png", classes + 50, shifted), MAPPING).tolist() == (
        classes.tolist()
    )


def test_a_palette_that_contradicts_its_numbers_is_refused(tmp_path: Path) -> None:
    turned = np.zeros((256, 3), np.uint8)
    turned[: len(COLORS)] = COLORS[::-1]
    said = refused(write(tmp_path / "m.png", np.array([[0, 9]], np.uint8), turned))
    assert "index 0 is class 'road' of merged10" in said
    assert "in the colour of 'motorcycle'" in said


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([[0, 10, 10]], "10 (2 px) is not a class index of merged10, which has 0 to 9"),
        ([[1, 10, 255]], "subtract 1, class indices begin at 0"),
        ([[7, 11, 33]], "all are raw ids of the taxonomy cityscapes19 (labelIds)"),
        ([[0, 18, 11]], "all are raw ids of the taxonomy cityscapes19:"),
    ],
)
def test_what_is_no_class_is_listed_with_a_guess_at_what_it_is(
    tmp_path: Path, classes: list[list[int]], expected: str
) -> None:
    assert expected in refused(write(tmp_path / "m.png", np.array(classes, np.uint8)))


def test_colours_that_no_class_has_are_listed(tmp_path: Path) -> None:
    pixels = colored(np.array([[0, 1]], np.uint8))
    pixels[0, 0] = (1, 2, 3)
    said = refused(write(tmp_path / "m.png", pixels))
    assert said.endswith("colour (1, 2, 3) (1 px) not in the mapping merged10")


def test_grey_in_three_channels_is_called_that(tmp_path: Path) -> None:
    said = refused(write(tmp_path / "m.png", np.dstack([CLASSES] * 3)))
    assert "it is grey in three channels: save class indices as one channel" in said


def test_a_mask_that_says_that_it_is_of_another_mapping_is_refused(tmp_path: Path) -> None:
    path, says = tmp_path / "m.png", PngInfo()
    says.add_text(CLASS_INDICES, "categories7")
    Image.fromarray(CLASSES).save(path, pnginfo=says)
    assert "--mapping-of NAME=categories7" in refused(path)
    says = PngInfo()
    says.add_text(CLASS_INDICES, "merged10")
    Image.fromarray(CLASSES).save(path, pnginfo=says)
    assert read_decided(path, MAPPING).tolist() == CLASSES.tolist()


@pytest.mark.parametrize("grey", [False, True])
def test_a_mask_of_segexps_own_is_read_by_its_indices_whatever_its_colours(
    tmp_path: Path, grey: bool
) -> None:
    """The model's mapping may have other colours than the project's of the same name."""
    classes = np.array([[0, 9, 3]], np.uint8)
    data = encode_mask(classes, None if grey else COLORS[::-1], {CLASS_INDICES: "merged10"})
    (tmp_path / "m.png").write_bytes(data)
    assert read_decided(tmp_path / "m.png", MAPPING).tolist() == classes.tolist()


def test_lossy_and_damaged_masks_are_refused(tmp_path: Path) -> None:
    Image.fromarray(CLASSES).save(tmp_path / "m.jpg")
    (tmp_path / "m.jpg").rename(tmp_path / "lossy.png")
    assert "a JPEG file" in refused(tmp_path / "lossy.png")
    whole = write(tmp_path / "cut.png", CLASSES).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:50])
    assert "damaged or truncated" in refused(tmp_path / "cut.png")
