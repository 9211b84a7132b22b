"""What a refused mask is told to write; what is written then reads it."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from harness.trees import CAMVID, CITYSCAPES, save
from segexp.core.data_config import MasksConfig
from segexp.data.files.masks import read_labels
from segexp.data.mask_rules import with_rules
from segexp.data.source import SampleFault, Source
from segexp.labels.taxonomy import VOID, Color, Label, Taxonomy


def named(*colors: Color) -> Taxonomy:
    """Labels a, b, ... with the raw ids 0, 1, ..., and no void id."""
    labels = tuple(Label(chr(97 + i), color) for i, color in enumerate(colors))
    return Taxonomy("letters", labels, {"default": {i: i for i in range(len(labels))}}, (1, 1, 1))


TWO = named((0, 0, 0), (255, 0, 0))
SIX = named(*((40 * i, 0, 0) for i in range(6)))


SPREAD = (
    "{ids: {23: 1, 46: 2, 69: 3, 92: 4, 115: 5, 138: 6, 161: 7, 184: 8, 207: 9, 230: 10, 253: 11, "
    "255: void}}"
)
"""CamVid's ids times 255 // 11; 11 is void."""


def line_for(path: Path, taxonomy: Taxonomy, place: int = 0) -> str:
    """Return a line of YAML that the refusal of a mask ends with."""
    with pytest.raises(SampleFault) as caught:
        read_labels(path, taxonomy, "default")
    return re.findall(r"`data\.masks: (.*?)`", str(caught.value))[place]


def read_by(line: str, path: Path, taxonomy: Taxonomy) -> list:
    masks = MasksConfig.model_validate(yaml.safe_load(line))
    unread = Source("d", path.parent, taxonomy, {}, (), lambda s: s, read, reading="default")
    rules = with_rules(unread, masks).rules
    return read_labels(path, taxonomy, "default", rules).tolist()


def read(path: Path, **options: object) -> np.ndarray:
    raise AssertionError


@pytest.mark.parametrize(
    ("taxonomy", "ids", "line", "labels"),
    [
        (TWO, [0, 255], "{ids: {255: 1}}", [0, 1]),
        (SIX, [0, 5, 255], "{void: [255]}", [0, 5, VOID]),
        (SIX, [0, 51, 102, 255], "{ids: {51: 1, 102: 2, 153: 3, 204: 4, 255: 5}}", [0, 1, 2, 5]),
        (SIX, [0, 42, 210], "{ids: {42: 1, 84: 2, 126: 3, 168: 4, 210: 5, 255: void}}", [0, 1, 5]),
        (CAMVID, [0, 23, 230, 253], SPREAD, [0, 1, 10, VOID]),
        (SIX, [256, 1281, 3], "{divide: 256}", [1, 5, 0]),
        (SIX, [2, 9, -1], "{void: [-1, 9]}", [2, VOID, VOID]),
    ],
)
def test_ids_that_are_not_known_are_read_by_the_line_of_their_refusal(
    tmp_path, taxonomy, ids, line, labels
):
    path = save(tmp_path / "m.npy", np.array([ids]))
    assert line_for(path, taxonomy) == line
    assert read_by(line, path, taxonomy) == [labels]


def test_ids_that_begin_at_1_are_told_apart_from_a_new_void_id_by_the_reader(tmp_path):
    path = save(tmp_path / "m.png", np.array([[0, 1, 6]], np.uint8))
    assert line_for(path, SIX) == "{void: [6]}"
    line = line_for(path, SIX, 1)
    assert line == "{ids: {0: void, 1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5}}"
    assert read_by(line, path, SIX) == [[VOID, 0, 5]]


def test_void_counts_where_ids_begin_at_1(tmp_path):
    path = save(tmp_path / "m.png", np.array([[1, 11, 12]], np.uint8))
    assert read_by(line_for(path, CAMVID, 1), path, CAMVID) == [[0, 10, VOID]]


def test_a_mask_whose_ids_are_all_unknown_is_not_called_void(tmp_path):
    path = save(tmp_path / "m.npy", np.array([[50, 60, 70]]))
    with pytest.raises(SampleFault) as caught:
        read_labels(path, CAMVID, "default")
    assert str(caught.value).endswith("which knows 0..11")


def test_cityscapes_instance_ids_are_not_divided(tmp_path):
    path = save(tmp_path / "m.npy", np.array([[7, 26_001, 33_005]]))
    with pytest.raises(SampleFault, match=r"take the masks \*_labelIds\.png"):
        read_labels(path, CITYSCAPES, "labelIds")


SKY, CAR, ROAD = (128, 128, 128), (64, 0, 128), (128, 64, 128)


def test_exchanged_channels_are_told(tmp_path):
    path = save(tmp_path / "m.png", np.array([[SKY[::-1], CAR[::-1], ROAD]], np.uint8))
    assert line_for(path, CAMVID) == "{channels: bgr}"
    names = [CAMVID.names[i] for i in read_by("{channels: bgr}", path, CAMVID)[0]]
    assert names == ["sky", "car", "road"]


def test_ids_in_three_channels_are_told(tmp_path):
    path = save(tmp_path / "m.png", np.array([[[n] * 3 for n in (0, 3, 10, 11)]], np.uint8))
    assert line_for(path, CAMVID) == "{channels: grey}"
    assert read_by("{channels: grey}", path, CAMVID) == [[0, 3, 10, VOID]]


def test_smoothed_edges_are_told_with_their_share_and_distance(tmp_path):
    mask = np.full((10, 10, 3), SKY, np.uint8)
    mask[:5] = CAR
    mask[4, :7] = (67, 4, 128)  # 5 away from the car's colour
    path = save(tmp_path / "m.png", mask)
    with pytest.raises(SampleFault) as caught:
        read_labels(path, CAMVID, "default")
    assert "7.0% of the pixels have colours between those of labels (up to 5 away)" in str(
        caught.value
    )
    assert line_for(path, CAMVID) == "{nearest_color: 8}"
    labels = read_by("{nearest_color: 8}", path, CAMVID)
    assert [[CAMVID.names[i] for i in row] for row in (labels[4], labels[5])] == [
        ["car"] * 10,
        ["sky"] * 10,
    ]


def test_masks_that_were_shrunk_with_interpolation_are_told(tmp_path):
    mask = np.full((64, 64, 3), SKY, np.uint8)
    mask[20:44, 17:47] = (128, 128, 0)  # tree
    Image.fromarray(mask).resize((31, 31), Image.Resampling.BILINEAR).save(tmp_path / "m.png")
    assert line_for(tmp_path / "m.png", CAMVID) == "{nearest_color: 48}"
    labels = read_by("{nearest_color: 48}", tmp_path / "m.png", CAMVID)
    assert {CAMVID.names[i] for row in labels for i in row if i != VOID} == {"sky", "tree"}


def test_a_new_colour_may_be_void(tmp_path):
    path = save(tmp_path / "m.png", np.array([[SKY, CAR, (255, 255, 255)]], np.uint8))
    with pytest.raises(SampleFault) as caught:
        read_labels(path, CAMVID, "default")
    assert str(caught.value).endswith(
        "if it is void: `void_color: [255, 255, 255]` in mappings/taxonomies/camvid11.yaml"
    )


def test_jpeg_masks_are_read_by_the_nearest_colour(tmp_path):
    mask = np.full((32, 32, 3), SKY, np.uint8)
    mask[:, 16:] = CAR
    Image.fromarray(mask).save(tmp_path / "m.jpg", quality=75)
    assert line_for(tmp_path / "m.jpg", CAMVID) == "{nearest_color: 48}"
    labels = read_by("{nearest_color: 48}", tmp_path / "m.jpg", CAMVID)
    assert [[CAMVID.names[i] for i in row] for row in labels] == [["sky"] * 16 + ["car"] * 16] * 32


def test_colours_far_from_all_are_void_up_to_a_share(tmp_path):
    mask = np.full((10, 10, 3), SKY, np.uint8)
    mask[:2] = (255, 255, 0)
    path = save(tmp_path / "m.png", mask)
    assert read_by("{nearest_color: 8}", path, CAMVID)[0] == [VOID] * 10
    mask[2, 0] = (255, 255, 0)
    with pytest.raises(SampleFault, match=r"21\.0% of the pixels are more than 8 away"):
        read_by("{nearest_color: 8}", save(path, mask), CAMVID)


def test_palette_masks_are_read_by_their_colours_where_the_rules_say_so(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([*CAR, *SKY])
    image.save(tmp_path / "m.png")
    assert read_labels(tmp_path / "m.png", CAMVID, "default").tolist() == [[0, 1]]
    labels = read_by("{channels: rgb}", tmp_path / "m.png", CAMVID)
    assert [CAMVID.names[i] for i in labels[0]] == ["car", "sky"]
