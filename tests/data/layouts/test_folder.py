"""The two folder layouts: `<split>annot/` beside `<split>/`, and `images/` beside `masks/`."""

import numpy as np
import pytest
from PIL import Image

from harness.trees import CAMVID, camvid_like, opened, picture, raw_mask, save
from segexp.data.layouts.folder import open_folder
from segexp.data.source import SampleFault


def test_images_and_masks_are_joined_by_stem_never_by_order(tmp_path):
    for n, name in enumerate(["a", "b"]):
        save(tmp_path / "train" / f"{name}.png", picture(n))
        save(tmp_path / "val" / f"{name}.png", picture(n + 2))
        save(tmp_path / "trainannot" / f"{name}.png", raw_mask(n))
        save(tmp_path / "valannot" / f"{name}.png", raw_mask(n + 2))
    save(tmp_path / "trainannot" / "_first.png", raw_mask(9))
    source = opened(tmp_path)
    assert [sample.id for sample in source.splits["train"]] == ["a", "b"]
    for n, sample in enumerate(source.splits["train"]):
        assert np.array_equal(source.read_image(sample), picture(n))
        expected = raw_mask(n)
        expected[0, 0] = 255
        assert np.array_equal(source.read_labels(sample), expected)
    assert source.faults == (
        f"{tmp_path}/trainannot/_first.png: mask without image (no '_first' in {tmp_path}/train)",
    )


def test_jpeg_images_go_with_png_masks(tmp_path):
    for split in ("train", "val"):
        save(tmp_path / "images" / split / "x.JPG", picture(1, (16, 16)))
        save(tmp_path / "masks" / split / "x.png", raw_mask(1, (16, 16)))
    source = opened(tmp_path)
    assert source.faults == ()
    assert source.name == tmp_path.name
    assert source.format == "folder"
    assert source.read_image(source.splits["val"][0]).shape == (16, 16, 3)


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
@pytest.mark.parametrize("layout", ["{0}annot/x.png", "masks/{0}/x.png"])
def test_val_has_three_names(tmp_path, name, layout):
    for split in ("train", name):
        image = f"images/{split}/x.png" if "masks" in layout else f"{split}/x.png"
        save(tmp_path / image, picture(1))
        save(tmp_path / layout.format(split), raw_mask(1))
    source = opened(tmp_path)
    assert list(source.splits) == ["train", "val"]
    assert source.faults == ()


def test_two_folders_for_val_are_a_fault(tmp_path):
    source = opened(camvid_like(tmp_path, train=1, val=1, valid=1))
    assert len(source.faults) == 1
    assert "val appears more than once" in source.faults[0]


def test_the_order_of_splits_is_train_val_test(tmp_path):
    source = opened(camvid_like(tmp_path, test=1, val=1, train=1))
    assert list(source.splits) == ["train", "val", "test"]


def test_a_test_split_without_masks_is_left_out_with_a_note(tmp_path):
    camvid_like(tmp_path, train=1, val=2)
    save(tmp_path / "test" / "x.png", picture(9))
    source = opened(tmp_path)
    assert list(source.splits) == ["train", "val"]
    assert source.faults == ()
    assert "testannot is missing" in source.notes[0]


def test_every_fault_of_pairing_is_listed(tmp_path):
    camvid_like(tmp_path, train=2, val=2)
    save(tmp_path / "train" / "alone.png", picture(7))
    save(tmp_path / "trainannot" / "lonely.png", raw_mask(7))
    save(tmp_path / "val" / "val_0.jpg", picture(8))
    (tmp_path / "train" / "thumbs.txt").write_text("")
    (tmp_path / "train" / ".DS_Store").write_text("")
    source = opened(tmp_path)
    assert source.faults == (
        f"{tmp_path}/train/alone.png: image without mask (no 'alone' in {tmp_path}/trainannot)",
        f"{tmp_path}/trainannot/lonely.png: mask without image (no 'lonely' in {tmp_path}/train)",
        f"{tmp_path}/val/val_0.png: has the same stem as val_0.jpg; keep one of them",
    )
    assert len(source.notes) == 1
    assert "1 entries" in source.notes[0]
    assert "thumbs.txt" in source.notes[0]


def test_missing_and_empty_splits_are_faults(tmp_path):
    camvid_like(tmp_path, train=1)
    (tmp_path / "test").mkdir()
    (tmp_path / "testannot").mkdir()
    assert opened(tmp_path).faults == (
        f"{tmp_path}: no val split",
        f"{tmp_path}: the test split has no image with a mask",
    )


def test_images_whose_masks_are_called_otherwise_are_one_fault_that_shows_a_pair(tmp_path):
    camvid_like(tmp_path, train=12, val=1)
    for path in (tmp_path / "trainannot").iterdir():
        path.rename(path.with_name(f"{path.stem}_L.png"))
    split, names = opened(tmp_path).faults
    assert split == f"{tmp_path}: the train split has no image with a mask"
    assert names == (
        f"{tmp_path}/train: 12 images, but none has a mask of its name in {tmp_path}/trainannot, "
        "which holds 12 masks: train_0.png beside train_0_L.png; give each mask the name of its "
        "image"
    )


def test_images_without_a_folder_of_masks_are_said_to_be_there(tmp_path):
    camvid_like(tmp_path, train=3, val=1)
    (tmp_path / "trainannot").rename(tmp_path / "annotations")
    assert opened(tmp_path).faults[1:] == (
        f"{tmp_path}/trainannot: no such folder; {tmp_path}/train holds 3 images",
    )


def test_files_of_a_kind_that_is_not_read_are_said_to_be_there(tmp_path):
    camvid_like(tmp_path, train=2, val=1)
    for path in (tmp_path / "train").iterdir():
        path.rename(path.with_suffix(".heic"))
    faults = opened(tmp_path).faults
    assert "train: 2 entries that are not .png/.jpg/.jpeg/.webp/.bmp/.tif/.tiff files " in faults[1]
    assert faults[1].endswith("(train_0.heic, train_1.heic), and no other")
    assert faults[2].endswith(f"no images in it; {tmp_path}/trainannot holds 2 masks")


def test_a_missing_split_is_told_of_folders_that_may_be_meant(tmp_path):
    camvid_like(tmp_path, val=1)
    save(tmp_path / "training" / "x.png", picture(9))
    (fault,) = opened(tmp_path).faults
    assert fault.startswith(
        f"{tmp_path}: no train split; there is training/: the folders of a split "
    )


@pytest.mark.parametrize("suffix", [".webp", ".bmp", ".tif"])
def test_images_of_other_kinds_are_paired(tmp_path, suffix):
    camvid_like(tmp_path, train=2, val=1)
    for path in [*(tmp_path / "train").iterdir()]:
        save(path.with_suffix(suffix), np.asarray(Image.open(path)))
        path.unlink()
    source = opened(tmp_path)
    assert source.faults == ()
    assert [s.image.suffix for s in source.splits["train"]] == [suffix] * 2


def test_both_layouts_at_once_are_a_fault(tmp_path):
    camvid_like(tmp_path, train=1, val=1)
    save(tmp_path / "images" / "train" / "x.png", picture(1))
    assert "two layouts at once" in open_folder(tmp_path, CAMVID).faults[0]


def test_a_fault_of_a_file_names_the_file(tmp_path):
    source = opened(camvid_like(tmp_path, train=1, val=1))
    sample = source.splits["train"][0]
    sample.mask.write_bytes(b"")
    with pytest.raises(
        SampleFault, match=r"trainannot/train_0\.png: not an image that can be read: it is empty"
    ):
        source.read_labels(sample)


@pytest.mark.parametrize("suffix", [".tif", ".bmp", ".gif", ".npy", ".npz"])
def test_masks_of_other_kinds_are_paired(tmp_path, suffix):
    root = camvid_like(tmp_path / "d", train=2, val=2)
    for path in sorted(root.glob("*annot/*.png")):
        ids = np.asarray(Image.open(path))
        path.unlink()
        if suffix == ".npz":
            np.savez(path.with_suffix(suffix), ids)
        else:
            save(path.with_suffix(suffix), ids)
    source = opened(root)
    assert source.faults == ()
    assert source.read_labels(source.splits["train"][1])[1].tolist() == [2] * 8


def test_drawings_beside_png_masks_are_left_out(tmp_path):
    root = camvid_like(tmp_path / "d", train=2, val=2)
    save(root / "trainannot" / "train_0.jpg", picture(0))
    source = opened(root)
    assert source.faults == ()
    assert "1 entries that are not .png files are left out (train_0.jpg)" in source.notes[0]
    assert source.splits["train"][0].mask == root / "trainannot" / "train_0.png"
