"""Kaggle's npy layout."""

import numpy as np

from harness.trees import CITYSCAPES, npy_like, opened, picture, raw_mask, save


def test_images_and_labels_come_back_with_void_and_without_an_offset(tmp_path):
    source = opened(npy_like(tmp_path, train=2, val=1), CITYSCAPES)
    assert source.format == "cityscapes-npy"
    assert source.faults == ()
    for number, sample in enumerate(source.splits["train"]):
        assert np.array_equal(source.read_image(sample), picture(number))
        expected = raw_mask(number)
        expected[expected == 11] = 255
        assert np.array_equal(source.read_labels(sample), expected)


def test_files_are_ordered_by_their_number(tmp_path):
    source = opened(npy_like(tmp_path, train=12, val=1), CITYSCAPES)
    assert [s.id for s in source.splits["train"]] == [str(n) for n in range(12)]


def test_a_third_split_is_test(tmp_path):
    source = opened(npy_like(tmp_path, test=1, train=1, val=1), CITYSCAPES)
    assert list(source.splits) == ["train", "val", "test"]


def test_pairing_faults_are_listed(tmp_path):
    npy_like(tmp_path, train=1)
    save(tmp_path / "train" / "image" / "7.npy", picture(1))
    save(tmp_path / "train" / "label" / "8.npy", raw_mask(1))
    faults = opened(tmp_path, CITYSCAPES).faults
    assert faults == (
        f"{tmp_path}/train/image/7.npy: image without mask (no '7' in {tmp_path}/train/label)",
        f"{tmp_path}/train/label/8.npy: mask without image (no '8' in {tmp_path}/train/image)",
    )


def test_a_test_split_without_labels_is_left_out_with_a_note(tmp_path):
    npy_like(tmp_path, train=1, val=1)
    save(tmp_path / "test" / "image" / "0.npy", picture(9))
    source = opened(tmp_path, CITYSCAPES)
    assert list(source.splits) == ["train", "val"]
    assert "no label/ folder" in source.notes[0]
