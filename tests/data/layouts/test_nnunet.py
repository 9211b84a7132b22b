"""nnU-Net's raw data of pictures."""

import json

import pytest

from harness.trees import lay_out, opened, pairs_of, picture, save
from segexp.core.errors import InputError
from segexp.data.layout import layout_of


def nnunet(root, ending=".png"):
    pairs = {f"imagesTr/road_{n:03}_0000.png": f"labelsTr/road_{n:03}.png" for n in range(3)}
    lay_out(root, pairs)
    content = {"channel_names": {"0": "R"}, "labels": {"background": 0, "road": 1}}
    (root / "dataset.json").write_text(json.dumps(content | {"file_ending": ending}))
    return pairs


def test_the_channel_in_an_images_name_is_no_part_of_its_masks(tmp_path):
    pairs = nnunet(tmp_path)
    save(tmp_path / "imagesTs" / "road_007_0000.png", picture(7))
    source = opened(tmp_path)
    assert source.format == "nnunet"
    assert source.faults == ()
    assert pairs_of(source) == {"train": pairs}
    assert [s.id for s in source.splits["train"]] == ["road_000", "road_001", "road_002"]
    assert "the test split is left out" in source.notes[0]
    assert layout_of("nnunet").taxonomy(tmp_path) is None


def test_labels_of_test_make_a_test_split(tmp_path):
    nnunet(tmp_path)
    test = {"imagesTs/road_007_0000.png": "labelsTs/road_007.png"}
    assert pairs_of(opened(lay_out(tmp_path, test)))["test"] == test


def test_several_channels_are_refused_with_a_reason(tmp_path):
    nnunet(tmp_path)
    save(tmp_path / "imagesTr" / "road_000_0001.png", picture(8))
    with pytest.raises(InputError, match=r"road_000_0001.png: its case has more than one channel"):
        opened(tmp_path)


def test_volumes_are_refused_with_a_reason(tmp_path):
    nnunet(tmp_path, ".nii.gz")
    with pytest.raises(InputError, match=r"its files end in .nii.gz; .*: write each slice"):
        opened(tmp_path)
