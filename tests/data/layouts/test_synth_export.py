"""Synthetic scenes written as files come back through the real loader."""

import numpy as np
import pytest

from harness.trees import CITYSCAPES, opened, tree_digest
from segexp.core.errors import InputError
from segexp.data.layouts.registry import SyntheticCounts, open_source, recognise_format
from segexp.data.layouts.synth_export import write_npy_layout

COUNTS = SyntheticCounts(train=3, val=2, test=1, seed=1, size=(32, 48))


def test_the_files_give_the_scenes_back(tmp_path):
    write_npy_layout(tmp_path / "out", COUNTS, CITYSCAPES)
    assert recognise_format(tmp_path / "out") == "cityscapes-npy"
    written = opened(tmp_path / "out", CITYSCAPES)
    scenes = open_source("synthetic", None, CITYSCAPES, COUNTS)
    assert written.faults == ()
    for split, samples in scenes.splits.items():
        assert len(written.splits[split]) == len(samples)
        for file, scene in zip(written.splits[split], samples, strict=True):
            assert np.array_equal(written.read_labels(file), scenes.read_labels(scene))
            assert np.array_equal(written.read_image(file), scenes.read_image(scene))


def test_the_files_look_like_kaggles(tmp_path):
    write_npy_layout(tmp_path, COUNTS, CITYSCAPES)
    image = np.load(tmp_path / "train" / "image" / "0.npy")
    label = np.load(tmp_path / "train" / "label" / "0.npy")
    assert (image.dtype, image.shape) == (np.float32, (32, 48, 3))
    assert (label.shape, label.dtype.kind) == ((32, 48), "i")
    assert 0 <= image.min() < image.max() <= 1
    assert -1 <= label.min() <= label.max() <= 18


def test_a_folder_that_is_not_empty_is_refused_untouched(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    before = tree_digest(tmp_path)
    with pytest.raises(InputError, match="is not empty"):
        write_npy_layout(tmp_path, COUNTS, CITYSCAPES)
    with pytest.raises(InputError, match="is not a folder"):
        write_npy_layout(tmp_path / "mine.txt", COUNTS, CITYSCAPES)
    assert tree_digest(tmp_path) == before


def test_an_interrupted_export_leaves_nothing(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_npy_layout(tmp_path / "out", COUNTS, CITYSCAPES, stop)
    assert not list(tmp_path.iterdir())
