"""Rendered scenes as a data set."""

import numpy as np
import pytest

from harness.trees import CAMVID, CITYSCAPES
from segexp.core.errors import InputError
from segexp.data.layouts.registry import SyntheticCounts, open_source
from segexp.data.layouts.synthetic import scene_seed
from segexp.scenes import render_scene

COUNTS = SyntheticCounts(train=4, val=3, test=2, seed=5, size=(32, 48))


def test_the_splits_have_the_counts_asked_for_and_share_no_scene():
    source = open_source("synthetic", None, CITYSCAPES, COUNTS)
    assert {name: len(s) for name, s in source.splits.items()} == {"train": 4, "val": 3, "test": 2}
    seeds = [sample.seed for samples in source.splits.values() for sample in samples]
    assert len(set(seeds)) == 9
    assert (source.name, source.root, source.faults) == ("synthetic", None, ())


def test_image_and_labels_are_the_generators_own():
    source = open_source("synthetic", None, CITYSCAPES, COUNTS)
    sample = source.splits["val"][1]
    scene = render_scene(sample.seed, 32, 48)
    assert np.array_equal(source.read_image(sample), scene.image)
    assert np.array_equal(source.read_labels(sample), scene.labels)


def test_more_scenes_leave_the_earlier_ones_as_they_are():
    few = open_source("synthetic", None, CITYSCAPES, COUNTS).splits["train"]
    more = SyntheticCounts(train=9, val=1, test=0, seed=5, size=(32, 48))
    assert open_source("synthetic", None, CITYSCAPES, more).splits["train"][:4] == few


def test_the_seed_of_a_scene_is_stable():
    # Recorded once: another value would silently change every synthetic data set.
    assert scene_seed(0, "train", 0) == 7896617691693857887
    assert scene_seed(0, "val", 0) == 2918264622725855778
    assert scene_seed(3, "test", 7) == 1735961936752399922
    assert len({scene_seed(s, p, n) for s in (0, 1) for p in ("train", "val") for n in (0, 1)}) == 8


def test_no_test_scenes_means_no_test_split():
    counts = SyntheticCounts(train=1, val=2, test=0)
    assert list(open_source("synthetic", None, CITYSCAPES, counts).splits) == ["train", "val"]


def test_everything_wrong_is_said_at_once():
    counts = SyntheticCounts(train=0, val=1, test=-1, size=(8, 8))
    with pytest.raises(InputError) as caught:
        open_source("synthetic", None, CAMVID, counts)
    assert len(caught.value.faults) == 3
    assert "camvid11" in caught.value.faults[0]
