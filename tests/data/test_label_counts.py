"""Labels counted in the halves of an image, and what the cache keeps of it."""

from pathlib import Path

import numpy as np

from harness.trees import camvid_like, opened
from segexp.data.cache import open_dataset
from segexp.data.check import scan_source
from segexp.data.label_counts import half_counts
from segexp.data.stats import half_histograms, label_histograms


def test_the_middle_row_counts_as_lower():
    labels = np.array([[0, 0], [1, 255], [255, 1]], np.uint8)
    counts = half_counts(labels)
    assert counts.shape == (2, 256)
    assert {i: counts[:, i].tolist() for i in (0, 1, 255)} == {0: [2, 0], 1: [0, 2], 255: [0, 2]}
    assert counts.sum() == 6


def test_the_cache_keeps_the_counts_of_its_labels(tmp_path: Path):
    root = camvid_like(tmp_path / "data", train=3, val=2)
    dataset = open_dataset(opened(root), (32, 64), tmp_path / "cache")
    assert (len(dataset.val), len(dataset.heldout)) == (1, 1)
    for split in (dataset.train, dataset.val, dataset.heldout):
        expected = [np.bincount(label.ravel(), minlength=256) for label in split.labels]
        assert label_histograms(split).tolist() == np.array(expected).tolist()
        upper = [np.bincount(label[:16].ravel(), minlength=256) for label in split.labels]
        assert half_histograms(split)[:, 0].tolist() == np.array(upper).tolist()


def test_the_scan_counts_the_masks_in_their_own_size(tmp_path: Path):
    root = camvid_like(tmp_path / "data", train=3, val=2)
    report, counts = scan_source(opened(root))
    assert report.faults == ()
    assert {split: int(of_split.sum()) for split, of_split in counts.items()} == {
        "train": 3 * 6 * 8,
        "val": 2 * 6 * 8,
    }
    assert int(counts["train"][:, 255].sum()) == 3  # the void corner of each
