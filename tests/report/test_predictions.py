"""The three pictures of a prediction."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.project import ROOT
from segexp.core.errors import InputError
from segexp.data.files.masks import read_labels
from segexp.data.source import SampleFault
from segexp.evaluation.image_files import find_images
from segexp.labels.files import load_mapping
from segexp.report.predictions import write_prediction

MAPPINGS = ROOT / "mappings"


def test_a_predicted_mask_is_refused_as_a_mask_of_raw_ids(tmp_path: Path):
    mapping = load_mapping(MAPPINGS / "camvid_merged6.yaml")
    image, mask = np.full((6, 8, 3), 90, np.uint8), np.full((6, 8), 3, np.uint8)
    path, _, _ = write_prediction(tmp_path, Path("a"), image, mask, mapping)
    assert np.array_equal(np.array(Image.open(path)), mask)
    with pytest.raises(SampleFault, match=r"the classes of the mapping 'camvid_merged6'.*second"):
        read_labels(path, mapping.taxonomy, "default")


def test_a_prediction_in_classes_that_are_the_raw_ids_is_a_mask_like_any_other(tmp_path: Path):
    mapping = load_mapping(MAPPINGS / "camvid11.yaml")
    image, mask = np.full((6, 8, 3), 90, np.uint8), np.full((6, 8), 3, np.uint8)
    path, _, _ = write_prediction(tmp_path, Path("a"), image, mask, mapping)
    assert np.array_equal(read_labels(path, mapping.taxonomy, "default"), mask)


def test_a_prediction_becomes_three_pictures_of_the_images_size(tmp_path: Path):
    mapping = load_mapping(MAPPINGS / "camvid11.yaml")
    image = np.full((120, 160, 3), 90, np.uint8)
    mask = np.zeros((120, 160), np.uint8)
    mask[60:] = 3
    paths = write_prediction(tmp_path / "out", Path("day/img.1"), image, mask, mapping)
    assert [str(p.relative_to(tmp_path)) for p in paths] == [
        "out/day/img.1_mask.png",
        "out/day/img.1_color.png",
        "out/day/img.1_overlay.png",
    ]
    assert sorted(tmp_path.rglob("*.png")) == sorted(paths)
    indices, color, overlay = (Image.open(path) for path in paths)
    assert (indices.mode, color.mode, overlay.mode) == ("P", "RGB", "RGB")
    assert np.array_equal(np.array(indices), mask)
    assert np.array_equal(np.array(indices.convert("RGB")), np.array(color))
    assert color.getpixel((0, 0)) == (128, 128, 128)  # sky
    assert color.getpixel((0, 119)) == (128, 64, 128)  # road
    assert overlay.size == (160, 120)


def test_the_longest_name_that_is_taken_can_be_written(tmp_path):
    mapping = load_mapping(MAPPINGS / "merged10.yaml")
    (tmp_path / "in").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "in" / f"{'x' * 243}.png")
    (file,) = find_images([tmp_path / "in"])
    write_prediction(
        tmp_path / "out",
        file.stem,
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((4, 4), np.uint8),
        mapping,
    )
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_link_in_the_output_does_not_lead_predictions_out_of_it(tmp_path):
    mapping = load_mapping(MAPPINGS / "merged10.yaml")
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    out.mkdir()
    (out / "city").symlink_to(outside)
    (out / "a_mask.png").symlink_to(outside / "a")
    image, mask = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)
    with pytest.raises(InputError, match="leads out of it"):
        write_prediction(out, Path("city/a"), image, mask, mapping)
    write_prediction(out, Path("a"), image, mask, mapping)
    assert not (out / "a_mask.png").is_symlink()
    assert list(outside.iterdir()) == []
