"""Rendered scenes as a data set; written as files they come back through the real loader."""

import numpy as np
import pytest
from PIL import Image

from harness.trees import CAMVID, CITYSCAPES, opened, tree_digest
from segexp.core.errors import InputError
from segexp.data.layout import SyntheticCounts, open_source, recognise_format
from segexp.data.layouts.synthetic import scene_seed, write_npy_layout, write_png_layout
from segexp.scenes import render_scene

COUNTS = SyntheticCounts(train=4, val=3, test=2, seed=5, size=(32, 48))
FEW = SyntheticCounts(train=3, val=2, test=1, seed=1, size=(32, 48))


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


@pytest.mark.parametrize(
    ("write", "layout"), [(write_npy_layout, "cityscapes-npy"), (write_png_layout, "folder")]
)
def test_the_files_give_the_scenes_back(tmp_path, write, layout):
    write(tmp_path / "out", FEW, CITYSCAPES)
    assert recognise_format(tmp_path / "out") == layout
    written = opened(tmp_path / "out", CITYSCAPES)
    scenes = open_source("synthetic", None, CITYSCAPES, FEW)
    assert written.faults == ()
    for split, samples in scenes.splits.items():
        assert len(written.splits[split]) == len(samples)
        for file, scene in zip(written.splits[split], samples, strict=True):
            assert np.array_equal(written.read_labels(file), scenes.read_labels(scene))
            assert np.array_equal(written.read_image(file), scenes.read_image(scene))


def test_the_files_look_like_kaggles(tmp_path):
    write_npy_layout(tmp_path, FEW, CITYSCAPES)
    image = np.load(tmp_path / "train" / "image" / "0.npy")
    label = np.load(tmp_path / "train" / "label" / "0.npy")
    assert (image.dtype, image.shape) == (np.float32, (32, 48, 3))
    assert (label.shape, label.dtype.kind) == ((32, 48), "i")
    assert 0 <= image.min() < image.max() <= 1
    assert -1 <= label.min() <= label.max() <= 18


def test_the_pictures_are_what_any_program_opens(tmp_path):
    write_png_layout(tmp_path, FEW, CITYSCAPES)
    image = np.asarray(Image.open(tmp_path / "images" / "train" / "0000.png"))
    mask = Image.open(tmp_path / "masks" / "train" / "0000.png")
    assert (image.dtype, image.shape) == (np.uint8, (32, 48, 3))
    assert (mask.mode, mask.size) == ("L", (48, 32))
    assert set(np.unique(np.asarray(mask))) <= {*range(19), 255}


def test_a_folder_that_is_not_empty_is_refused_untouched(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    before = tree_digest(tmp_path)
    with pytest.raises(InputError, match="is not empty"):
        write_npy_layout(tmp_path, FEW, CITYSCAPES)
    with pytest.raises(InputError, match="is not a folder"):
        write_npy_layout(tmp_path / "mine.txt", FEW, CITYSCAPES)
    assert tree_digest(tmp_path) == before


def test_an_interrupted_export_leaves_nothing(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_npy_layout(tmp_path / "out", FEW, CITYSCAPES, stop)
    assert not list(tmp_path.iterdir())
