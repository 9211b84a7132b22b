"""Kaggle's photos beside their masks, in one JPEG."""

import numpy as np
import pytest
from PIL import Image

from harness.trees import CITYSCAPES, opened, save
from segexp.core.errors import InputError
from segexp.data.layout import layout_of
from segexp.data.layouts.cityscapes_pairs import read_right
from segexp.data.source import MaskRules, SampleFault

ROAD, SKY, CAR = 0, 10, 13
COLORS = dict(enumerate(CITYSCAPES.colors)) | {255: (230, 150, 140)}  # a rail track


def labels(number):
    """Sky over road, a car on it and rails beside it; its width is the number's."""
    mask = np.full((256, 256), SKY, np.uint8)
    mask[120:] = ROAD
    mask[180:220, 40 : 100 + 10 * number] = CAR
    mask[230:, 200:] = 255
    return mask


def save_pair(path, number, colors=COLORS):
    photo = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
    photo = np.asarray(Image.fromarray(photo).resize((256, 256)))
    mask = np.zeros((256, 256, 3), np.uint8)
    for label, color in colors.items():
        mask[labels(number) == label] = color
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([photo, mask], axis=1)).save(path, quality=90)
    return photo


@pytest.fixture
def pairs(tmp_path):
    for number in range(4):
        save_pair(
            tmp_path / "cityscapes_data" / ("val" if number > 1 else "train") / f"{number}.jpg",
            number,
        )
    return tmp_path


def test_the_left_half_is_the_image_and_the_right_half_its_mask(pairs):
    source = opened(pairs, CITYSCAPES)
    assert source.format == "cityscapes-pairs"
    assert source.faults == ()
    assert {split: [s.id for s in of] for split, of in source.splits.items()} == {
        "train": ["0", "1"],
        "val": ["2", "3"],
    }
    sample = source.splits["val"][1]
    photo = save_pair(pairs / "again.jpg", 3)
    image = source.read_image(sample)
    assert image.shape == (256, 256, 3)
    assert np.abs(image.astype(int) - photo).mean() < 8
    read = source.read_labels(sample)
    wrong = read != labels(3)
    assert wrong.mean() < 0.01
    inside = np.s_[184:216, 44:126]
    assert np.array_equal(read[inside], labels(3)[inside])
    assert layout_of("cityscapes-pairs").taxonomy(pairs) == "cityscapes19"


def test_the_share_of_pixels_that_are_not_exact_is_said(pairs):
    notes = opened(pairs, CITYSCAPES).notes
    assert any(
        "% of the pixels of the first masks have no label's colour exactly" in note
        and "% are farther than 48 and void" in note
        for note in notes
    )


def test_a_smaller_distance_makes_more_void_and_far_colours_are_refused(pairs, tmp_path):
    path = pairs / "cityscapes_data" / "val" / "3.jpg"
    strict = read_right(path, CITYSCAPES, "color", MaskRules(nearest_color=4))
    usual = read_right(path, CITYSCAPES, "color")
    assert (strict == 255).sum() > (usual == 255).sum()
    other = tmp_path / "x.jpg"
    save_pair(other, 0, COLORS | {SKY: (0, 255, 0)})
    with pytest.raises(SampleFault, match=r"x.jpg: .*% of the pixels are more than 48 away"):
        read_right(other, CITYSCAPES, "color")


def test_pairs_of_another_size_are_a_fault(pairs):
    save(pairs / "cityscapes_data" / "val" / "9.jpg", np.zeros((8, 16, 3), np.uint8))
    source = opened(pairs, CITYSCAPES)
    with pytest.raises(
        SampleFault, match=r"9\.jpg: 16x8 pixels; a photo beside its mask has 512x256"
    ):
        source.read_image(source.splits["val"][-1])


def test_other_pairs_of_pix2pix_are_not_taken_for_streets(tmp_path):
    for split in ("train", "val"):
        save_pair(tmp_path / split / "1.jpg", 1, dict.fromkeys(COLORS, (0, 0, 170)))
    with pytest.raises(InputError, match="no known layout"):
        opened(tmp_path, CITYSCAPES)
