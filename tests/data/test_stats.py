"""Counts against masks that can be counted by hand."""

import json

import numpy as np
import pytest

from harness.trees import SIZE, camvid_like, mapping, opened
from segexp.data.cache import open_dataset
from segexp.data.cache_build import color_counts, mean_and_std
from segexp.data.split import Split
from segexp.data.stats import count_labels, dataset_stats

LABELS = np.array(
    [
        [[0, 0, 1], [255, 255, 1]],
        [[2, 2, 2], [2, 2, 2]],
        [[0, 255, 255], [255, 255, 255]],
    ],
    np.uint8,
)
SPLIT = Split("train", ("a", "b", "c"), np.zeros((3, 2, 3, 3), np.uint8), LABELS)


def test_pixels_images_and_void_are_counted():
    counts = count_labels(SPLIT, 4)
    assert counts.pixels.tolist() == [3, 2, 6, 0]
    assert counts.images.tolist() == [2, 1, 1, 0]
    assert counts.pixels_where_present.tolist() == [4 + 1, 4, 6, 0]
    assert counts.void_pixels == 7


def test_classes_are_counted_through_the_lookup():
    lookup = np.full(256, 255, np.uint8)
    lookup[[0, 1]] = 1
    counts = count_labels(SPLIT, 2, lookup)
    assert counts.pixels.tolist() == [0, 5]
    assert counts.images.tolist() == [0, 2]
    assert counts.pixels_where_present.tolist() == [0, 5]
    assert counts.void_pixels == 13


def test_a_class_that_lists_void_counts_its_pixels():
    lookup = np.full(256, 1, np.uint8)
    lookup[2] = 0
    counts = count_labels(SPLIT, 2, lookup)
    assert counts.pixels.tolist() == [6, 12]
    assert counts.void_pixels == 0


def test_mean_and_standard_deviation_agree_with_numpy():
    images = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), np.uint8)
    mean, std = mean_and_std(sum(map(color_counts, images)))
    pixels = images.reshape(-1, 3) / 255
    assert np.allclose(mean, pixels.mean(axis=0), rtol=0, atol=1e-14)
    assert np.allclose(std, pixels.std(axis=0), rtol=0, atol=1e-14)
    mean, std = mean_and_std(color_counts(np.full((2, 2, 3), 51, np.uint8)))
    assert mean == pytest.approx([0.2] * 3)
    assert std.tolist() == [0, 0, 0]


def test_the_statistics_of_a_data_set_hold_every_split_and_mapping(tmp_path):
    source = opened(camvid_like(tmp_path / "data", train=2, val=2, test=1))
    dataset = open_dataset(source, SIZE, tmp_path / "cache")
    merged = mapping("camvid_merged6")
    stats = json.loads(json.dumps(dataset_stats(dataset, [mapping("camvid11"), merged])))
    assert stats["own_sizes"] == [[6, 8, 5]]
    assert {name: s["images"] for name, s in stats["splits"].items()} == {
        "train": 2,
        "val": 2,
        "heldout": 1,
    }
    # Mask n has the raw ids n..n+5, a row of 8 pixels each, and a void corner in row 0.
    train = stats["splits"]["train"]
    assert train["pixels"] == 96
    assert train["void_pixels"] == 2
    pixels = {row["name"]: row["pixels"] for row in train["labels"] if row["pixels"]}
    assert pixels == {
        "sky": 7,
        "building": 15,
        "pole": 16,
        "road": 16,
        "pavement": 16,
        "tree": 16,
        "sign_symbol": 8,
    }
    assert train["labels"][1]["share"] == pytest.approx(15 / 94)
    assert train["labels"][1]["images"] == 2
    same = stats["mappings"]["camvid11"]["train"]
    assert [row["pixels"] for row in same["classes"]] == [r["pixels"] for r in train["labels"]]
    for split, entry in stats["mappings"]["camvid_merged6"].items():
        total = sum(row["pixels"] for row in entry["classes"]) + entry["void_pixels"]
        assert total == stats["splits"][split]["pixels"]
        assert [row["name"] for row in entry["classes"]] == list(merged.names)
