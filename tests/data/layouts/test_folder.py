"""Folders of images and masks as people have them, and images and masks beside each other."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from harness.trees import CAMVID, camvid_like, opened, picture, raw_mask, save
from segexp.core.data_config import LayoutConfig
from segexp.data.described import open_described
from segexp.data.source import UNDIVIDED, SampleFault

TREES = {
    "images/{split}/{name}.jpg": "masks/{split}/{name}.png",
    "{split}/images/{name}.jpg": "{split}/masks/{name}.png",
    "{split}/image/{name}.png": "{split}/label/{name}.png",
    "img_dir/{split}/{name}.png": "ann_dir/{split}/{name}.png",
    "imgs/{split}/{name}.png": "gts/{split}/{name}.png",
    "{split}/{name}.png": "{split}annot/{name}.png",
    "town/{split}/{name}.png": "town/{split}_labels/{name}_M.png",
    "data/{split}/{name}.jpg": "data/{split}_masks/{name}_mask.png",
    "JPEGImages/{split}/{name}.jpg": "SegmentationClass/{split}/{name}.png",
    "images_prepped_{split}/{name}.png": "annotations_prepped_{split}/{name}.png",
    "{split}-images/{name}.png": "{split}-ground-truth/{name}_gt.png",
    "Images/{split}/img_{name}.png": "Labels/{split}/label_{name}.png",
    "images/small/{split}/{name}.jpg": "labels/masks/{split}/{name}.png",
    "seg/images/{split}/{name}.jpg": "seg/labels/{split}/{name}_seg_id.png",
    "images/{split}/day/{name}.jpg": "labels/{split}/day/{name}_seg.png",
    "leftImg8bit/{split}/ulm/ulm_{name}.png": "gt/{split}/ulm/ulm_{name}_labels.png",
    "images/{split}/{name}.bmp": "mask/{name}.png",
    "{split}/{name}.jpg": "{split}/{name}_mask.png",
    "{split}/{name}_jpg.rf.0a1b2c.jpg": "{split}/{name}_jpg.rf.0a1b2c_mask.png",  # Roboflow's
    "{split}/{name}_sat.jpg": "{split}/{name}_mask.png",
    "{split}/{name}.jpeg": "{split}/{name}.png",
}
SPLIT_WORDS = ({"train": "train", "val": "val"}, {"train": "Training", "val": "Validation"})
NAMES = {"train": ["0016E5_00390", "0016E5_00420", "Seq05VD_f00030"], "val": ["0001TP_006690"]}


@pytest.mark.parametrize("words", SPLIT_WORDS, ids=["train", "Training"])
@pytest.mark.parametrize("images", TREES)
def test_a_tree_is_recognised_and_each_image_has_its_own_mask(tmp_path, images, words):
    expected = {}
    for split, names in NAMES.items():
        for name in names:
            image, mask = (
                tmp_path / side.format(split=words[split], name=name)
                for side in (images, TREES[images])
            )
            save(image, picture(len(expected)))
            save(mask, raw_mask(len(expected)))
            expected[image] = (split, mask)
    source = opened(tmp_path)
    assert source.format == "folder"
    assert source.faults == ()
    assert {
        sample.image: (split, sample.mask)
        for split, samples in source.splits.items()
        for sample in samples
    } == expected
    for samples in source.splits.values():
        assert all("0016E5" in s.id or "05VD" in s.id or "0001TP" in s.id for s in samples)


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
        f"{tmp_path}: to leave out what has no partner, write into config.yaml data.layout: "
        "{images: GLOB, masks: GLOB, unpaired: skip}",
        f"{tmp_path}/trainannot/_first.png: mask without image (no '_first' in {tmp_path}/train)",
    )


def test_how_names_are_joined_is_said(tmp_path):
    for split in ("train", "val"):
        for n in range(3):
            save(tmp_path / "images" / split / f"frame_{n}.png", picture(n))
            save(tmp_path / "masks" / split / f"mask_{n}.png", raw_mask(n))
    source = opened(tmp_path)
    assert source.notes == (
        f"{tmp_path}: joined images/ with masks/, images frame_* with masks mask_*",
    )


def test_names_that_differ_in_a_number_or_a_split_are_not_joined(tmp_path):
    for n in range(6):
        save(tmp_path / "images" / f"cam0_{n:03}.png", picture(n))
        save(tmp_path / "masks" / f"cam1_{n:03}.png", raw_mask(n))
    assert "no mask has the name of an image" in opened(tmp_path).faults[0]
    for path in tmp_path.rglob("*.png"):
        path.rename(path.with_name(path.name.replace("cam0", "train").replace("cam1", "val")))
    (fault,) = opened(tmp_path).faults
    assert f"{tmp_path}/images holds 6 images, such as train_000.png" in fault
    assert "data.layout: {images: 'GLOB', masks: 'GLOB', join: 'REGEX'}" in fault


def test_two_drawings_for_each_image_are_ambiguous_and_both_are_named(tmp_path):
    for n in range(4):
        save(tmp_path / "images" / "train" / f"{n}.png", picture(n))
        save(tmp_path / "labels" / "train" / f"{n}.png", raw_mask(n))
        save(tmp_path / "masks" / "train" / f"{n}.png", raw_mask(n + 1))
    (fault,) = opened(tmp_path).faults
    assert "2 ways to join images and masks" in fault
    assert "images/train/ with labels/train/; or images/train/ with masks/train/" in fault
    assert "data.layout: {images: 'images/train/**/*.png', masks: 'labels/train/**/*.png'}" in fault


def test_colour_drawings_beside_masks_are_left_out_with_a_note(tmp_path):
    for n in range(4):
        save(tmp_path / "images" / "train" / f"{n}.png", picture(n))
        save(tmp_path / "masks" / "train" / f"{n}_ids.png", raw_mask(n))
        save(tmp_path / "masks" / "train" / f"{n}_color.png", picture(n))
    source = opened(tmp_path)
    assert source.faults == ()
    assert [s.mask.name for s in source.splits["train"]] == [f"{n}_ids.png" for n in range(4)]
    assert "4 other files left out (4 masks/train/*.png)" in source.notes[-1]


def test_a_folder_of_colours_beside_one_of_ids_is_left_out(tmp_path):
    """As SYNTHIA has it."""
    for n in range(3):
        save(tmp_path / "RGB" / "Stereo_Left" / "Omni_F" / f"{n:06}.png", picture(n))
        for kind in ("COLOR", "LABELS"):
            save(tmp_path / "GT" / kind / "Stereo_Left" / "Omni_F" / f"{n:06}.png", raw_mask(n))
    source = opened(tmp_path)
    assert source.faults == ()
    assert {s.mask.parts[-4] for s in source.splits[UNDIVIDED]} == {"LABELS"}


def test_a_jpeg_is_not_the_mask_of_a_picture_without_loss(tmp_path):
    for n in range(4):
        save(tmp_path / f"new_x{n}_label.jpg", picture(n))
        save(tmp_path / f"x{n}_label.png", raw_mask(n))
    (samples,) = opened(tmp_path).splits.values()
    assert [(s.image.suffix, s.mask.suffix) for s in samples] == [(".jpg", ".png")] * 4


def test_names_in_composed_and_in_decomposed_unicode_are_the_same(tmp_path):
    save(tmp_path / "images" / "train" / "stra\u00dfe_\u00fc.png", picture(1))
    save(tmp_path / "masks" / "train" / "stra\u00dfe_u\u0308.png", raw_mask(1))
    source = opened(tmp_path)
    assert source.faults == ()
    assert [s.id for s in source.splits["train"]] == ["stra\u00dfe_\u00fc"]


def test_frames_of_the_same_number_in_two_videos_stay_apart(tmp_path):
    for video in ("a", "b"):
        for n in range(2):
            number = n + 10 * (video == "b")
            save(tmp_path / "images" / "train" / video / f"{n:03}.png", picture(number))
            save(tmp_path / "masks" / "train" / video / f"{n:03}.png", raw_mask(number))
    source = opened(tmp_path)
    assert source.faults == ()
    assert [s.id for s in source.splits["train"]] == ["a_000", "a_001", "b_000", "b_001"]
    assert all(s.image.parent.name == s.mask.parent.name for s in source.splits["train"])


def test_a_folder_that_begins_the_names_of_its_files_is_not_said_twice(tmp_path):
    for video, name in (("seq1", "seq1_007"), ("1", "1029"), ("10", "1029")):
        save(tmp_path / "images" / "train" / video / f"{name}.png", picture(len(video)))
        save(tmp_path / "masks" / "train" / video / f"{name}.png", raw_mask(len(video)))
    source = opened(tmp_path)
    assert source.faults == ()
    assert sorted(s.id for s in source.splits["train"]) == ["10_1029", "1_1029", "seq1_007"]


def test_a_list_of_test_images_without_masks_is_left_out_with_a_note(tmp_path):
    for n in range(3):
        save(tmp_path / "images" / f"x{n}.jpg", picture(n))
        save(tmp_path / "masks" / f"x{n}.png", raw_mask(n))
    for split, name in {"train": "x0", "val": "x1", "test": "z"}.items():
        (tmp_path / f"{split}.txt").write_text(f"{name}\n")
    source = opened(tmp_path)
    assert source.faults == ()
    assert list(source.splits) == ["train", "val"]
    note = f"{tmp_path}/test.txt: no image of it has a mask; the test split is left out"
    assert note in source.notes


def test_images_in_no_split_are_listed_undivided(tmp_path):
    for n in range(3):
        save(tmp_path / "images" / f"{n}.jpg", picture(n))
        save(tmp_path / "masks" / f"{n}.png", raw_mask(n))
    source = opened(tmp_path)
    assert source.faults == ()
    assert [s.id for s in source.splits[UNDIVIDED]] == ["0", "1", "2"]


@pytest.mark.parametrize("line", ["{}", "images/{}.jpg", "images/{0}.jpg masks/{0}.png"])
def test_lists_divide_what_folders_do_not(tmp_path, line):
    for n in range(4):
        save(tmp_path / "images" / f"x{n}.jpg", picture(n))
        save(tmp_path / "masks" / f"x{n}.png", raw_mask(n))
    for split, names in {"train": ["x0", "x2"], "val": ["x1"]}.items():
        text = "".join(line.format(name) + "\n" for name in names)
        (tmp_path / f"{split}.txt").write_text(text)
    source = opened(tmp_path)
    assert source.faults == ()
    assert [s.id for s in source.splits["train"]] == ["x0", "x2"]
    assert [s.id for s in source.splits["val"]] == ["x1"]
    assert any("1 images that are in no list are left out" in note for note in source.notes)


def test_a_list_that_names_other_images_is_a_fault(tmp_path):
    for n in range(2):
        save(tmp_path / "images" / f"x{n}.jpg", picture(n))
        save(tmp_path / "masks" / f"x{n}.png", raw_mask(n))
    (tmp_path / "train.txt").write_text("x0\ny\n")
    (tmp_path / "val.txt").write_text("x0\nx1\n")
    faults = opened(tmp_path).faults
    assert faults == (
        f"{tmp_path}/train.txt: 1 of 2 lines name no image that has a mask, or several; the first "
        "is 'y'",
        f"{tmp_path}/val.txt: x0 is in the list of train, too; keep it in one",
    )


def test_two_folders_for_val_are_a_fault(tmp_path):
    source = opened(camvid_like(tmp_path, train=1, val=1, valid=1))
    assert source.faults == ("val appears more than once (val, valid); keep one",)


def test_the_order_of_splits_is_train_val_test(tmp_path):
    source = opened(camvid_like(tmp_path, test=1, val=1, train=1))
    assert list(source.splits) == ["train", "val", "test"]


def test_a_test_split_without_masks_is_left_out_with_a_note(tmp_path):
    camvid_like(tmp_path, train=1, val=2)
    save(tmp_path / "test" / "x.png", picture(9))
    source = opened(tmp_path)
    assert list(source.splits) == ["train", "val"]
    assert source.faults == ()
    assert source.notes == (
        f"{tmp_path}/test: there are no masks of test; the test split is left out",
    )


def test_every_fault_of_pairing_is_listed(tmp_path):
    camvid_like(tmp_path, train=2, val=2)
    save(tmp_path / "train" / "alone.png", picture(7))
    save(tmp_path / "trainannot" / "lonely.png", raw_mask(7))
    save(tmp_path / "val" / "val_0.jpg", picture(8))
    (tmp_path / "train" / "thumbs.cache").write_text("")
    (tmp_path / "train" / "notes.txt").write_text("")
    (tmp_path / "train" / ".DS_Store").write_text("")
    source = opened(tmp_path)
    assert sorted(source.faults)[:3] == [
        f"{tmp_path}/train/alone.png: image without mask (no 'alone' in {tmp_path}/trainannot)",
        f"{tmp_path}/trainannot/lonely.png: mask without image (no 'lonely' in {tmp_path}/train)",
        f"{tmp_path}/val/val_0.png: has the same stem as val_0.jpg; keep one of them",
    ]
    assert source.notes == (f"{tmp_path}: 1 other file left out (thumbs.cache)",)


def test_a_split_whose_masks_are_called_otherwise_is_a_fault_that_names_the_folders(tmp_path):
    camvid_like(tmp_path, train=12, val=1)
    for path in (tmp_path / "trainannot").iterdir():
        path.rename(path.with_name(f"{path.stem}_old.png"))
    source = opened(tmp_path)
    assert source.faults == (
        f"{tmp_path}: the val split has no image with a mask",
        f"{tmp_path}/val: 1 image of val, and no mask for any in {tmp_path}",
    )
    assert f"{tmp_path}: 1 other file left out (val_0.png)" in source.notes


def test_images_of_a_kind_that_is_not_read_are_said_to_be_there(tmp_path):
    camvid_like(tmp_path, train=2, val=1)
    for path in (tmp_path / "train").iterdir():
        path.rename(path.with_suffix(".heic"))
    source = opened(tmp_path)
    assert (
        f"{tmp_path}/trainannot: 2 masks of train, and no image for any in {tmp_path}/val"
        in source.faults
    )
    assert source.notes == (f"{tmp_path}: 2 other files left out (2 train/*.heic)",)


@pytest.mark.parametrize("suffix", [".webp", ".bmp", ".tif"])
def test_images_of_other_kinds_are_paired(tmp_path, suffix):
    camvid_like(tmp_path, train=2, val=1)
    for path in [*(tmp_path / "train").iterdir()]:
        save(path.with_suffix(suffix), np.asarray(Image.open(path)))
        path.unlink()
    source = opened(tmp_path)
    assert source.faults == ()
    assert [s.image.suffix for s in source.splits["train"]] == [suffix] * 2


def test_another_folder_of_images_is_left_out_with_a_note(tmp_path):
    camvid_like(tmp_path, train=1, val=1)
    save(tmp_path / "images" / "train" / "x.png", picture(1))
    source = opened(tmp_path)
    assert source.faults == ()
    assert source.notes == (f"{tmp_path}: 1 other file left out (x.png)",)


def test_a_folder_that_leads_back_up_is_walked_once(tmp_path):
    camvid_like(tmp_path, train=1, val=1)
    (tmp_path / "train" / "again").symlink_to(tmp_path, target_is_directory=True)
    source = opened(tmp_path)
    assert source.faults == ()
    assert {split: len(samples) for split, samples in source.splits.items()} == {
        "train": 1,
        "val": 1,
    }


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
    assert source.notes == (f"{root}: 1 other file left out (train_0.jpg)",)
    assert source.splits["train"][0].mask == root / "trainannot" / "train_0.png"


def test_capitals_of_folders_do_not_matter_nor_do_years(tmp_path: Path):
    for split in ("train2017", "Val2017"):
        save(tmp_path / "IMAGES" / split / "x.png", picture(len(split)))
        save(tmp_path / "Masks" / split / "x.png", raw_mask(1))
    assert list(opened(tmp_path).splits) == ["train", "val"]


def test_lists_with_the_paths_of_another_machine_name_images_by_folder_and_name(tmp_path):
    for name in ("a", "b"):
        save(tmp_path / "images" / f"{name}.png", picture(ord(name)))
        save(tmp_path / "masks" / f"{name}.png", raw_mask(ord(name)))
    (tmp_path / "train.txt").write_text("/home/x/old/images/a.png /home/x/old/masks/a.png\n")
    (tmp_path / "val.txt").write_text("/home/x/old/images/b.png /home/x/old/masks/b.png\n")
    source = opened(tmp_path)
    assert not source.faults
    assert [[s.id for s in samples] for samples in source.splits.values()] == [["a"], ["b"]]


def test_the_patterns_that_leave_out_what_has_no_partner_find_the_files(tmp_path):
    """Whatever their folder is called, and in capitals."""
    root = tmp_path / "data"
    for name in ("a", "b"):
        save(root / "set [1]" / "images" / f"{name}.PNG", picture(ord(name)))
    save(root / "set [1]" / "masks" / "a.PNG", raw_mask(1))
    advice, *_ = opened(root).faults
    layout = yaml.safe_load(advice.partition("data.layout: ")[2])
    source = open_described(root, CAMVID, LayoutConfig(**layout))
    assert [s.id for s in source.splits[UNDIVIDED]] == ["a"]
