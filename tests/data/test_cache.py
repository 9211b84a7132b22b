"""The cache: right arrays, built once, shared, never half."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.project import ROOT
from harness.trees import (
    CAMVID,
    CITYSCAPES,
    SIZE,
    camvid_like,
    npy_like,
    opened,
    picture,
    raw_mask,
    save,
    tree_digest,
)
from segexp.core.errors import InputError, WorkError
from segexp.data import content_hash
from segexp.data.cache import open_dataset
from segexp.data.layout import SyntheticCounts, open_source
from segexp.labels.taxonomy import Taxonomy


@pytest.fixture
def root(tmp_path):
    return camvid_like(tmp_path / "data", train=3, val=5)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / ".segexp" / "cache"


def decoded(root, cache, size=SIZE):
    """Open, and say how many samples were decoded for it."""
    done = []
    dataset = open_dataset(opened(root), size, cache, lambda n, total: done.append(n))
    return dataset, len(done)


def label_indices(number: int) -> np.ndarray:
    labels = raw_mask(number)
    labels[labels == 11] = 255
    return labels


def test_the_arrays_are_the_files(root, cache):
    dataset, _ = decoded(root, cache)
    assert dataset.train.ids == ("train_0", "train_1", "train_2")
    for n in range(3):
        assert np.array_equal(dataset.train.image(n), picture(n))
        assert np.array_equal(dataset.train.label(n), label_indices(n))
    for split in (dataset.val, dataset.heldout):
        for i, id_ in enumerate(split.ids):
            number = 3 + int(id_.removeprefix("val_"))
            assert np.array_equal(split.images[i], picture(number))
            assert np.array_equal(split.labels[i], label_indices(number))
    assert dataset.image_size == SIZE
    assert list(dataset.report.sizes) == [SIZE]
    assert (dataset.name, dataset.format, dataset.root) == ("data", "folder", root)


def test_the_arrays_are_memory_maps_that_cannot_be_written(root, cache):
    dataset, _ = decoded(root, cache)
    for split in (dataset.train, dataset.val, dataset.heldout):
        assert isinstance(split.images, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            split.labels[0, 0, 0] = 1


def test_images_and_masks_are_resized_to_the_size_asked_for(root, cache):
    dataset, _ = decoded(root, cache, (3, 4))
    area = picture(0).reshape(3, 2, 4, 2, 3).mean((1, 3))
    assert np.abs(dataset.train.image(0) - area).max() <= 0.5
    # Two rows and columns become one, and the centre lies on their edge: even columns take the
    # earlier row and odd ones the later, even rows the earlier column and odd ones the later.
    labels = label_indices(0)
    taken = [[labels[2 * i + j % 2, 2 * j + i % 2] for j in range(4)] for i in range(3)]
    assert np.array_equal(dataset.train.label(0), taken)
    assert list(dataset.report.sizes) == [SIZE]
    assert dataset.image_size == (3, 4)


LARGE, WIDE = (140, 260), (5, 9)


def of_several_sizes(root: Path) -> Path:
    for number, size in ((1, LARGE), (2, WIDE)):
        save(root / "train" / f"train_{number}.png", picture(number, size))
        save(root / "trainannot" / f"train_{number}.png", raw_mask(number, size))
    return root


def test_images_stay_at_their_own_sizes_in_tiles(root, cache):
    dataset = open_dataset(opened(of_several_sizes(root)), SIZE, cache, resize="none")
    train = dataset.train
    assert [train.size(i) for i in range(3)] == [SIZE, LARGE, WIDE]
    assert train.images.shape == (1 + 6 + 1, 128, 128, 3)
    pixels = []
    for n, size in enumerate((SIZE, LARGE, WIDE)):
        assert np.array_equal(train.image(n), picture(n, size))
        labels = raw_mask(n, size)
        labels[labels == 11] = 255
        assert np.array_equal(train.label(n), labels)
        assert np.array_equal(train.counts[n].sum(axis=0), np.bincount(labels.ravel(), None, 256))
        pixels.append(picture(n, size).reshape(-1, 3))
    assert np.allclose(dataset.mean, np.concatenate(pixels).mean(axis=0) / 255, atol=1e-12)
    for split in (dataset.val, dataset.heldout):
        for i, id_ in enumerate(split.ids):
            assert np.array_equal(split.image(i), picture(3 + int(id_.removeprefix("val_"))))
    assert dataset.sizes == {SIZE: 6, LARGE: 1, WIDE: 1}


def test_images_of_one_size_are_one_tile_each_and_another_size_takes_more(root, cache):
    save(root / "val" / "val_0.png", picture(3, (7, 10)))
    save(root / "valannot" / "val_0.png", raw_mask(3, (7, 10)))
    dataset = open_dataset(opened(root), SIZE, cache, resize="none")
    assert dataset.train.images.shape == (3, *SIZE, 3)
    assert dataset.val.images.shape == (4 + 4, *SIZE, 3)
    images = dict(zip(dataset.val.ids, map(dataset.val.image, range(3)), strict=False))
    images |= dict(zip(dataset.heldout.ids, map(dataset.heldout.image, range(2)), strict=False))
    assert np.array_equal(images["val_0"], picture(3, (7, 10)))
    assert np.array_equal(images["val_1"], picture(4))


def test_what_is_seen_at_once_needs_no_other_cache_of_images_at_their_own_size(root, cache):
    source = opened(root)
    done = []
    for size in (SIZE, (3, 4)):
        dataset = open_dataset(source, size, cache, lambda n, total: done.append(n), resize="none")
        assert dataset.image_size == size
    assert len(done) == 8


def test_images_that_fit_are_one_tile_each(root, cache):
    dataset = open_dataset(opened(of_several_sizes(root)), (4, 4), cache, resize="fit")
    assert dataset.train.images.shape == (3, 4, 4, 3)
    sizes = [(3, 4), (2, 4), (2, 4)]  # 140 * 4 / 260 = 2.15, 5 * 4 / 9 = 2.2
    assert [dataset.train.size(i) for i in range(3)] == sizes
    area = picture(0).reshape(3, 2, 4, 2, 3).mean((1, 3))
    assert np.abs(dataset.train.image(0) - area).max() <= 0.5
    assert dataset.sizes == {(3, 4): 6, (2, 4): 2}


def test_a_cache_from_before_there_were_tiles_is_read(root, cache):
    first, _ = decoded(root, cache)
    images, labels = np.array(first.train.images), np.array(first.heldout.labels)
    (place,) = (path for path in cache.iterdir() if (path / "meta.json").is_file())
    # As it was then: NumPy's own header, and no places.
    for split in ("train", "val"):
        (place / f"{split}_places.npy").unlink()
        for part in ("images", "labels"):
            array = np.load(place / f"{split}_{part}.npy")
            np.save(place / f"{split}_{part}.npy", array)
    key = f"4 {first.hash} {SIZE[0]}x{SIZE[1]} {first.heldout_by}"
    assert place.name == hashlib.sha256(key.encode()).hexdigest()[:24]
    again, count = decoded(root, cache)
    assert count == 0
    assert np.array_equal(again.train.images, images)
    assert np.array_equal(again.heldout.labels, labels)


def test_a_cache_of_an_earlier_version_is_not_read(root, cache):
    dataset, _ = decoded(root, cache)
    (place,) = (path for path in cache.iterdir() if (path / "meta.json").is_file())
    key = hashlib.sha256(f"3 {dataset.hash} {SIZE[0]}x{SIZE[1]}".encode()).hexdigest()[:24]
    meta = json.loads((place / "meta.json").read_text())
    (place / "meta.json").write_text(json.dumps(meta | {"key": key}))
    place.rename(cache / key)
    assert decoded(root, cache)[1] == 8


def test_the_second_opening_decodes_nothing(root, cache):
    first, count = decoded(root, cache)
    again, count_again = decoded(root, cache)
    assert (count, count_again) == (8, 0)
    assert first.hash == again.hash
    assert np.array_equal(first.train.images, again.train.images)
    assert np.array_equal(first.mean, again.mean)
    assert first.report == again.report


def test_another_size_is_another_cache_of_the_same_data(root, cache):
    first, _ = decoded(root, cache)
    other, count = decoded(root, cache, (3, 4))
    assert count == 8
    assert first.hash == other.hash
    assert decoded(root, cache)[1] == 0


def test_the_same_files_elsewhere_share_the_cache(root, cache, tmp_path):
    first, _ = decoded(root, cache)
    shutil.copytree(root, tmp_path / "moved")
    moved, count = decoded(tmp_path / "moved", cache)
    assert count == 0
    assert moved.hash == first.hash
    assert moved.name == "moved"


def test_changed_content_is_decoded_again(root, cache):
    first, _ = decoded(root, cache)
    save(root / "train" / "train_0.png", picture(99))
    changed, count = decoded(root, cache)
    assert count == 8
    assert changed.hash != first.hash
    assert np.array_equal(changed.train.image(0), picture(99))


def test_content_changed_behind_the_same_size_and_time_is_seen(root, cache):
    mask = root / "trainannot" / "train_0.png"
    before, stamp = mask.read_bytes(), mask.stat()
    first, _ = decoded(root, cache)
    save(mask, np.flipud(raw_mask(0)))
    os.utime(mask, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert mask.read_bytes() != before
    assert decoded(root, cache)[0].hash != first.hash


def test_renaming_a_file_or_moving_it_to_another_split_is_other_data(root, cache):
    first, _ = decoded(root, cache)
    for folder in ("train", "trainannot"):
        (root / folder / "train_0.png").rename(root / folder / "x.png")
    assert decoded(root, cache)[0].hash != first.hash


def test_another_taxonomy_is_other_data(root, cache):
    first, _ = decoded(root, cache)
    shifted = {
        raw: (index + 1) % 11 if index < 11 else 255
        for raw, index in CAMVID.encodings["default"].items()
    }
    other = Taxonomy("camvid11", CAMVID.labels, {"default": shifted})
    source = open_source("folder", root, other, SyntheticCounts())
    dataset = open_dataset(source, SIZE, cache)
    assert dataset.hash != first.hash
    assert np.array_equal(dataset.train.label(0)[1], (first.train.label(0)[1] + 1) % 11)


def test_digests_are_remembered(root, cache, monkeypatch):
    monkeypatch.setattr(content_hash, "SETTLED_S", -1e6)  # the files are seconds old
    first, _ = decoded(root, cache)
    memo_path = cache / content_hash.MEMO_NAME
    memo = json.loads(memo_path.read_text())
    assert set(memo) == {str(path) for path in root.rglob("*.png")}
    # Only a digest that is taken from the memo can change the hash of untouched files.
    memo[str(root / "train" / "train_0.png")][3] = "0" * 64
    memo_path.write_text(json.dumps(memo))
    assert decoded(root, cache)[0].hash != first.hash


def test_files_that_just_changed_are_not_remembered(root, cache, monkeypatch):
    monkeypatch.setattr(content_hash, "SETTLED_S", 1e6)
    decoded(root, cache)
    assert not (cache / content_hash.MEMO_NAME).exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": [1, 2, 3, 4]}'])
def test_a_damaged_memo_is_forgotten(root, cache, content):
    first, _ = decoded(root, cache)
    (cache / content_hash.MEMO_NAME).write_text(content)
    again, count = decoded(root, cache)
    assert count == 0
    assert again.hash == first.hash


def damage(place: Path, how: str) -> None:
    images = place / "train_images.npy"
    if how == "cut short":
        images.write_bytes(images.read_bytes()[:-1])
    elif how == "missing array":
        images.unlink()
    elif how == "missing meta":
        (place / "meta.json").unlink()
    elif how == "torn meta":
        meta = place / "meta.json"
        meta.write_text(meta.read_text()[:-20])
    elif how == "other shape":
        np.save(images, np.zeros((3, 2, 2, 3), np.uint8))
    elif how == "elsewhere":
        np.save(place / "train_places.npy", np.array([[0, *SIZE], [1, *SIZE], [3, *SIZE]]))


@pytest.mark.parametrize(
    "how", ["cut short", "missing array", "missing meta", "torn meta", "other shape", "elsewhere"]
)
def test_a_broken_cache_is_built_again(root, cache, how):
    first, _ = decoded(root, cache)
    expected = np.array(first.train.images)
    (place,) = [path for path in cache.iterdir() if path.is_dir()]
    damage(place, how)
    again, count = decoded(root, cache)
    assert count == 8
    assert np.array_equal(again.train.images, expected)
    assert decoded(root, cache)[1] == 0


def test_what_a_killed_process_left_is_cleared_away(root, cache):
    decoded(root, cache)
    (place,) = [path for path in cache.iterdir() if path.is_dir()]
    place.rename(cache / f".{place.name}.building")
    assert decoded(root, cache)[1] == 8
    assert not list(cache.glob(".*"))


def test_an_interrupted_build_leaves_nothing(root, cache):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_dataset(opened(root), SIZE, cache, stop)
    assert not [path for path in cache.iterdir() if path.is_dir()]
    assert decoded(root, cache)[1] == 8


def test_a_file_that_changes_while_the_cache_is_built_is_refused(root, cache):
    def change(done, total):
        if done == total:
            save(root / "train" / "train_0.png", picture(99))

    with pytest.raises(InputError, match=r"train_0\.png: changed while it was read"):
        open_dataset(opened(root), SIZE, cache, change)
    assert np.array_equal(decoded(root, cache)[0].train.image(0), picture(99))


def test_a_file_that_vanishes_after_the_listing_is_named(root, cache):
    source = opened(root)
    (root / "train" / "train_1.png").unlink()
    with pytest.raises(InputError, match=r"train_1\.png: cannot be read"):
        open_dataset(source, SIZE, cache)


def test_a_cache_folder_that_cannot_be_made_is_named(root, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkError, match="cannot be written"):
        open_dataset(opened(root), SIZE, tmp_path / "file" / "cache")


def test_an_image_size_without_pixels_is_refused(root, cache):
    with pytest.raises(InputError, match=r"data\.image_size: \[0, 8\]"):
        open_dataset(opened(root), (0, 8), cache)


def test_the_data_folder_is_never_written_to(root, cache):
    before = tree_digest(root)
    decoded(root, cache)
    decoded(root, cache, (3, 4))
    assert tree_digest(root) == before


OPEN = """
import sys
from pathlib import Path
from segexp.data.cache import open_dataset
from segexp.data.layout import SyntheticCounts, open_source
from segexp.labels.taxonomy import load_taxonomy
root, cache, taxonomy = map(Path, sys.argv[1:])
source = open_source("folder", root, load_taxonomy(taxonomy), SyntheticCounts())
decoded = []
dataset = open_dataset(source, (6, 8), cache, lambda done, total: decoded.append(done))
print(len(decoded), dataset.hash, int(dataset.train.images.sum()), dataset.val.ids)
"""


def test_two_processes_that_start_together_build_one_cache(tmp_path, cache):
    root = camvid_like(tmp_path / "data", train=60, val=20)
    project = ROOT
    command = [
        sys.executable,
        "-c",
        OPEN,
        root,
        cache,
        project / "mappings/taxonomies/camvid11.yaml",
    ]
    environment = os.environ | {"PYTHONPATH": str(project)}
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0].split(" ", 1) for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert sorted(int(count) for count, _ in outputs) == [0, 80]
    assert outputs[0][1] == outputs[1][1]
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 1


def test_without_a_test_split_val_is_divided_and_each_part_keeps_the_listings_order(
    tmp_path, cache
):
    for split, names in (("train", "x"), ("val", "abcde")):
        for n, name in enumerate(names):
            number = n if split == "val" else 9
            save(tmp_path / "data" / split / f"{name}.png", picture(number))
            save(tmp_path / "data" / f"{split}annot" / f"{name}.png", raw_mask(number))
    dataset, _ = decoded(tmp_path / "data", cache)
    assert dataset.val.ids == ("b", "c", "d")
    assert dataset.heldout.ids == ("a", "e")
    assert (dataset.heldout_from, dataset.heldout_by) == ("val", "image")
    assert [np.array_equal(dataset.heldout.image(i), picture(n)) for i, n in ((0, 0), (1, 4))] == [
        True,
        True,
    ]


def test_a_test_split_is_held_out_and_val_stays_whole(tmp_path, cache):
    dataset, _ = decoded(camvid_like(tmp_path / "data", train=2, val=5, test=3), cache)
    assert sorted(dataset.val.ids) == [f"val_{n}" for n in range(5)]
    assert dataset.heldout.ids == ("test_0", "test_1", "test_2")
    assert dataset.heldout.name == "heldout"
    assert dataset.heldout_from == "test"


def test_mean_and_standard_deviation_are_those_of_train(root, cache):
    dataset, _ = decoded(root, cache)
    pixels = np.concatenate([picture(n).reshape(-1, 3) for n in range(3)]) / 255
    assert np.allclose(dataset.mean, pixels.mean(axis=0), rtol=0, atol=1e-14)
    assert np.allclose(dataset.std, pixels.std(axis=0), rtol=0, atol=1e-14)


def test_npy_and_synthetic_data_come_through_the_same_cache(tmp_path, cache):
    npy = opened(npy_like(tmp_path / "npy", train=2, val=2), CITYSCAPES)
    assert np.array_equal(open_dataset(npy, SIZE, cache).train.image(1), picture(1))
    counts = SyntheticCounts(train=2, val=2, test=1, size=(32, 48))
    scenes = open_source("synthetic", None, CITYSCAPES, counts)
    dataset = open_dataset(scenes, (32, 48), cache)
    assert np.array_equal(dataset.train.image(1), scenes.read_image(scenes.splits["train"][1]))
    assert np.array_equal(dataset.heldout.label(0), scenes.read_labels(scenes.splits["test"][0]))
    other = open_source("synthetic", None, CITYSCAPES, SyntheticCounts(2, 2, 1, 1, (32, 48)))
    assert open_dataset(other, (32, 48), cache).hash != dataset.hash
