"""The scan: every fault provoked, all listed at once, and refused by the cache alike."""

import os

import numpy as np
import pytest

from harness.trees import (
    CITYSCAPES,
    SIZE,
    camvid_like,
    cityscapes_like,
    npy_like,
    opened,
    picture,
    raw_mask,
    save,
    tree_digest,
    truncate,
)
from segexp.core.errors import InputError
from segexp.data.cache import open_dataset
from segexp.data.check import CheckReport, check_source


def refused_by_both(source, tmp_path) -> tuple[str, ...]:
    """The faults; the cache must list the same, and leave nothing that could be taken for whole."""
    report = check_source(source)
    cache = tmp_path / ".segexp"
    with pytest.raises(InputError) as caught:
        open_dataset(source, SIZE, cache)
    assert caught.value.faults == report.faults
    assert not list(cache.rglob("*.npy"))
    return report.faults


def test_sound_data_have_no_faults_and_are_described(tmp_path):
    report = check_source(opened(camvid_like(tmp_path, train=3, val=2, test=1)))
    assert report.faults == ()
    assert report.notes == ()
    assert report.images == {"train": 3, "val": 2, "test": 1}
    assert report.sizes == {SIZE: 6}
    assert report.kinds == {"image PNG RGB": 6, "mask PNG L": 6}
    assert not report.void_test


def test_npy_files_are_described_by_their_type(tmp_path):
    report = check_source(opened(npy_like(tmp_path, train=1, val=2), CITYSCAPES))
    assert report.kinds == {"image npy float64": 3, "mask npy int64": 3}


def test_every_fault_is_listed_at_once_and_nothing_is_written_to_the_data(tmp_path):
    root = camvid_like(tmp_path / "data", train=8, val=3, test=2)
    annot = root / "trainannot"
    save(root / "train" / "alone.png", picture(50))
    save(annot / "lonely.png", raw_mask(0))
    save(root / "train" / "train_0.jpg", picture(51))
    truncate(save(root / "train" / "train_1.png", picture(52)))
    truncate(save(annot / "train_2.png", raw_mask(2)))
    save(annot / "train_3.png", raw_mask(3, (5, 7)))
    wrong = raw_mask(4)
    wrong[1, :3] = 77
    save(annot / "train_4.png", wrong)
    save(root / "train" / "train_5.png", np.dstack([picture(5), np.zeros(SIZE, np.uint8)]))
    save(annot / "train_6.png", picture(6))
    save(root / "val" / "val_0.png", picture(7))  # train_7's picture
    save(root / "test" / "test_1.png", picture(9))  # val_1's picture
    before = tree_digest(root)
    faults = refused_by_both(opened(root), tmp_path)
    assert tree_digest(root) == before
    expected = [
        ("train/train_0.png", "same stem as train_0.jpg"),
        ("to leave out what has no partner", "unpaired: skip"),
        ("train/alone.png", "image without mask"),
        ("trainannot/lonely.png", "mask without image"),
        ("train/train_1.png", "damaged or truncated"),
        ("trainannot/train_2.png", "damaged or truncated"),
        ("train/train_3.png", "6x8 pixels, but its mask"),
        ("trainannot/train_4.png", "raw id 77 (3 px)"),
        ("train/train_5.png", "48 pixels are transparent"),
        ("trainannot/train_6.png", "colour"),
        ("the same picture in two splits: train", "train_7.png and val"),
        ("the same picture in two splits: val", "val_1.png and test"),
    ]
    assert len(faults) == len(expected)
    for fault, (where, what) in zip(faults, expected, strict=True):
        assert where in fault
        assert what in fault


def test_npy_faults_are_listed_at_once(tmp_path):
    root = npy_like(tmp_path / "data", train=6, val=2)
    image, label = root / "train" / "image", root / "train" / "label"
    save(image / "0.npy", np.full((*SIZE, 3), np.nan))
    save(image / "1.npy", picture(1).astype(float))
    save(label / "2.npy", np.full(SIZE, 0.5))
    save(label / "3.npy", np.full(SIZE, np.inf))
    save(label / "4.npy", np.full(SIZE, 19))
    truncate(label / "5.npy")
    faults = refused_by_both(opened(root, CITYSCAPES), tmp_path)
    whats = ["not finite", "0..1", "whole", "not finite", "19 (48 px)", "follow"]
    assert len(faults) == len(whats)
    for number, (fault, what) in enumerate(zip(faults, whats, strict=True)):
        assert f"/{number}.npy: " in fault
        assert what in fault


def test_image_and_mask_of_one_sample_are_both_listed(tmp_path):
    root = camvid_like(tmp_path / "data", train=1, val=2)
    truncate(root / "train" / "train_0.png")
    truncate(root / "trainannot" / "train_0.png")
    assert len(refused_by_both(opened(root), tmp_path)) == 2


def test_a_picture_twice_in_one_split_is_a_note(tmp_path):
    root = camvid_like(tmp_path, train=2, val=2)
    save(root / "train" / "train_1.png", picture(0))
    report = check_source(opened(root))
    assert report.faults == ()
    assert len(report.notes) == 1
    assert "the same picture more than once: train" in report.notes[0]


def test_one_id_in_two_splits_is_fine_when_the_pictures_differ(tmp_path):
    for n, split in enumerate(["train", "val", "test"]):
        save(tmp_path / split / "x.png", picture(n))
        save(tmp_path / f"{split}annot" / "x.png", raw_mask(n))
    assert check_source(opened(tmp_path)).faults == ()


def test_a_mask_that_is_wholly_void_is_a_note(tmp_path):
    root = camvid_like(tmp_path, train=2, val=2)
    save(root / "trainannot" / "train_1.png", np.full(SIZE, 11, np.uint8))
    report = check_source(opened(root))
    assert report.faults == ()
    assert report.notes == (
        f"{root}/trainannot/train_1.png: every pixel is void (empty mask in train)",
    )


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_without_any_labelled_pixel_is_refused(tmp_path, split):
    root = camvid_like(tmp_path / "data", train=2, val=2)
    for n in range(2):
        save(root / f"{split}annot" / f"{split}_{n}.png", np.full(SIZE, 11, np.uint8))
    faults = refused_by_both(opened(root), tmp_path)
    assert faults == (f"{split}: no mask has a labelled pixel",)


def test_a_test_split_of_void_alone_is_no_test_split(tmp_path):
    root = cityscapes_like(tmp_path / "data", train=1, val=4, test=2)
    for path in (root / "gtFine" / "test").rglob("*.png"):
        save(path, np.full(SIZE, 3, np.uint8))
    source = opened(root, CITYSCAPES)
    report = check_source(source)
    assert report.faults == ()
    assert report.void_test
    assert "not used as a test split" in report.notes[0]
    dataset = open_dataset(source, SIZE, tmp_path / ".segexp")
    assert (len(dataset.val), len(dataset.heldout), dataset.heldout_from) == (2, 2, "val")


def test_a_single_val_image_cannot_be_split(tmp_path):
    faults = refused_by_both(opened(camvid_like(tmp_path / "data", train=2, val=1)), tmp_path)
    assert len(faults) == 1
    assert "two images are needed" in faults[0]
    assert (
        check_source(opened(camvid_like(tmp_path / "three", train=1, val=1, test=1))).faults == ()
    )


def test_several_sizes_are_a_note_with_counts(tmp_path):
    root = camvid_like(tmp_path, train=3, val=2)
    save(root / "train" / "train_0.png", picture(0, (9, 4)))
    save(root / "trainannot" / "train_0.png", raw_mask(0, (9, 4)))
    report = check_source(opened(root))
    assert report.notes == ("images of 2 sizes (height x width): 6x8 (4), 9x4 (1)",)
    assert report.sizes == {(6, 8): 4, (9, 4): 1}


def test_progress_counts_every_sample(tmp_path):
    seen = []
    source = opened(camvid_like(tmp_path, train=3, val=2))
    check_source(source, lambda done, total: seen.append((done, total)))
    assert seen == [(n, 5) for n in range(1, 6)]


def test_a_report_survives_json(tmp_path):
    report = check_source(opened(camvid_like(tmp_path, train=3, val=1)))
    assert CheckReport.from_dict(report.to_dict()) == report


def test_a_name_that_is_no_text_is_refused(tmp_path):
    root = camvid_like(tmp_path / "data", train=2, val=2)
    for folder in ("train", "trainannot"):
        old = root / folder / "train_0.png"
        old.rename(old.with_name(os.fsdecode(b"caf\xe9.png")))  # Latin-1
    faults = refused_by_both(opened(root), tmp_path)
    assert len(faults) == 2
    assert "its name is not UTF-8" in faults[0]
    "".join(faults).encode()


def test_a_size_that_only_fits_when_it_is_turned_says_so(tmp_path):
    root = camvid_like(tmp_path / "data", train=1, val=2)
    save(root / "trainannot" / "train_0.png", raw_mask(0, SIZE[::-1]))
    (fault,) = refused_by_both(opened(root), tmp_path)
    assert "JPEGs are turned as their EXIF orientation says" in fault


def test_masks_of_half_the_size_are_refused_with_the_way_out(tmp_path):
    root = camvid_like(tmp_path / "data", train=2, val=2)
    save(root / "trainannot" / "train_0.png", raw_mask(0, (3, 4)))
    (fault,) = check_source(opened(root)).faults
    assert "6x8 pixels, but its mask" in fault
    assert fault.endswith(
        "has 3x4; save the images at 3x4, or the masks at 6x8 by nearest neighbour (no new values)"
    )
