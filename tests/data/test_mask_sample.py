"""A few masks looked at without a taxonomy, and palettes against one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.trees import (
    CAMVID,
    CITYSCAPES,
    camvid_like,
    npy_like,
    opened,
    save,
    truncate,
)
from segexp.data.mask_sample import (
    LOOKED_AT,
    fitting_taxonomies,
    palette_warnings,
    sample_masks,
)

# The palette that Pascal VOC's tools write: by the bits of the index.
VOC = [
    [(i & 1) * 128 + (i >> 3 & 1) * 64, (i >> 1 & 1) * 128 + (i >> 4 & 1) * 64, (i >> 2 & 1) * 128]
    for i in range(16)
]


def palette_mask(path: Path, ids: list[int], palette: list[list[int]]) -> None:
    pixels = np.resize(np.array(ids, np.uint8), (6, 8))
    mask = Image.fromarray(pixels).convert("P")
    mask.putdata(pixels.ravel().tolist())
    mask.putpalette([value for color in palette for value in color])
    mask.save(path)


def with_palette(root: Path, palette: list[list[int]], ids: list[int] | None = None) -> list[str]:
    camvid_like(root, train=2, val=1)
    for n in range(2):
        path = root / "trainannot" / f"train_{n}.png"
        palette_mask(path, [*range(11)] if ids is None else ids, palette)
    return [warning.message for warning in palette_warnings(opened(root))]


def test_ids_are_counted_over_the_splits(tmp_path: Path):
    root = camvid_like(tmp_path / "data", train=1, val=1)
    sample = sample_masks(opened(root))
    assert sample.masks == 2
    # Rows of 8 pixels with the ids 0 to 5 and 1 to 6; the corner of both is 11.
    assert sample.ids == {0: 7, 1: 15, 2: 16, 3: 16, 4: 16, 5: 16, 6: 8, 11: 2}
    assert sample.colors == {}


def test_a_split_is_looked_at_from_its_first_to_its_last_quarter(tmp_path: Path):
    root = camvid_like(tmp_path / "data", train=4 * LOOKED_AT, val=1)
    assert sample_masks(opened(root)).masks == LOOKED_AT + 1


def test_colours_are_counted_and_broken_masks_left_out(tmp_path: Path):
    root = npy_like(tmp_path / "npy", train=2, val=1)
    truncate(root / "train" / "label" / "0.npy")
    assert sample_masks(opened(root, CITYSCAPES)).masks == 2
    root = camvid_like(tmp_path / "data", train=1, val=1)
    colors = np.zeros((6, 8, 3), np.uint8)
    colors[0] = (128, 64, 128)
    save(root / "trainannot" / "train_0.png", colors)
    sample = sample_masks(opened(root))
    assert sample.colors == {(0, 0, 0): 40, (128, 64, 128): 8}


def test_a_taxonomy_fits_when_it_knows_every_id_and_colour(tmp_path: Path):
    root = camvid_like(tmp_path / "data", train=1, val=1)
    assert fitting_taxonomies(sample_masks(opened(root)), [CAMVID, CITYSCAPES]) == [
        CAMVID,
        CITYSCAPES,
    ]
    save(root / "trainannot" / "train_0.png", np.full((6, 8), 255, np.uint8))  # no id of CamVid
    assert fitting_taxonomies(sample_masks(opened(root)), [CAMVID, CITYSCAPES]) == [CITYSCAPES]


def test_palettes_that_agree_or_are_of_somebody_else_say_nothing(tmp_path: Path):
    own = [list(color) for color in CAMVID.colors]
    assert with_palette(tmp_path / "own", [*own, [0, 0, 0]]) == []
    assert with_palette(tmp_path / "grey", [[i, i, i] for i in range(12)]) == []
    # A few of VOC's colours are those of other labels by chance.
    assert with_palette(tmp_path / "voc", VOC) == []


@pytest.mark.parametrize("by", [1, 2])
def test_palettes_that_name_other_labels_than_the_ids_are_said(tmp_path: Path, by: int):
    own = [list(color) for color in CAMVID.colors]
    (message,) = with_palette(tmp_path / "data", [[255, 255, 255]] * by + own, [*range(11)])
    drawn_as = CAMVID.names[3 - by]
    assert f"3 is road and drawn as {drawn_as}" in message
    assert "The ids count, not the colours" in message


def test_a_palette_whose_black_is_a_label_is_void_to_its_owner(tmp_path: Path):
    # Index 0 is drawn black, as void, and sky one further.
    own = [list(color) for color in CAMVID.colors]
    (message,) = with_palette(tmp_path / "data", [[0, 0, 0], *own], [0, 1, 3])
    assert "0 is sky and drawn as void, 1 is building and drawn as sky" in message


def test_palettes_of_other_files_than_png_are_looked_at_with_the_way_out(tmp_path: Path):
    root = camvid_like(tmp_path, train=2, val=1)
    own = [value for color in CAMVID.colors for value in color]
    for path in sorted((root / "trainannot").iterdir()):
        image = Image.fromarray(np.asarray(Image.open(path)), "P")
        image.putpalette([255, 255, 255, *own])
        image.save(path.with_suffix(".tif"))
        path.unlink()
    (warning,) = palette_warnings(opened(root))
    assert "3 is road and drawn as pole" in warning.message
    assert warning.message.endswith("`data.masks: {channels: rgb}` takes the colours")
