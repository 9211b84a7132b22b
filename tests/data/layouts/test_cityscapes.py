"""The official Cityscapes tree."""

import numpy as np
import pytest

from harness.trees import CAMVID, CITYSCAPES, MAPPINGS, cityscapes_like, opened, picture, save
from segexp.core.errors import InputError
from segexp.data.layouts.cityscapes import open_cityscapes
from segexp.data.source import SampleFault
from segexp.labels.taxonomy import load_taxonomy

CAR, ROAD, VOID = 13, 0, 255


@pytest.mark.parametrize("kind", ["labelIds", "labelTrainIds"])
def test_both_kinds_of_masks_give_the_same_labels(tmp_path, kind):
    source = opened(cityscapes_like(tmp_path, kind, train=2, val=1, test=1), CITYSCAPES)
    assert source.format == "cityscapes"
    assert source.faults == ()
    assert [s.id for s in source.splits["train"]] == [
        "trainstadt_000000_000019",
        "trainstadt_000001_000019",
    ]
    for samples in source.splits.values():
        for sample in samples:
            labels = source.read_labels(sample)
            assert labels[0].tolist() == [VOID] * 8
            assert labels[3].tolist() == [ROAD] * 8
            assert labels[4].tolist() == [ROAD] * 2 + [CAR] * 3 + [ROAD] * 3


def test_label_ids_come_first_where_both_kinds_are_there(tmp_path):
    cityscapes_like(tmp_path, "labelTrainIds", train=1, val=1)
    source = opened(cityscapes_like(tmp_path, "labelIds", train=1, val=1), CITYSCAPES)
    assert source.splits["train"][0].mask.name.endswith("_gtFine_labelIds.png")
    assert source.reading == "labelIds"


def test_the_two_kinds_are_different_data_by_name(tmp_path):
    # The same bytes mean other labels under the other numbering.
    one = opened(cityscapes_like(tmp_path / "a", "labelTrainIds", train=1, val=1), CITYSCAPES)
    two = opened(cityscapes_like(tmp_path / "b", "labelIds", train=1, val=1), CITYSCAPES)
    assert one.reading != two.reading


def test_every_fault_of_pairing_is_listed(tmp_path):
    cityscapes_like(tmp_path, train=1, val=1)
    city = tmp_path / "leftImg8bit" / "train" / "ulm"
    save(city / "ulm_000000_000019_leftImg8bit.png", picture(5))
    gt = tmp_path / "gtFine" / "val" / "ulm"
    save(gt / "ulm_000001_000019_gtFine_labelIds.png", picture(5)[..., 0])
    image = "trainstadt_000000_000019_leftImg8bit.png"
    save(city / image, picture(6))
    faults = opened(tmp_path, CITYSCAPES).faults
    assert len(faults) == 4
    assert "keep one of them" in faults[0]
    assert (
        "data.layout: {images: 'leftImg8bit/**/*.png', masks: 'gtFine/**/*.png', unp" in faults[1]
    )
    assert "image without mask" in faults[2]
    assert "mask without image" in faults[3]


def test_other_files_of_the_tree_are_left_alone(tmp_path):
    cityscapes_like(tmp_path, train=1, val=1)
    gt = tmp_path / "gtFine" / "train" / "trainstadt"
    save(gt / "trainstadt_000000_000019_gtFine_color.png", picture(1))
    save(gt / "trainstadt_000000_000019_gtFine_instanceIds.png", picture(1)[..., 0])
    (gt / "trainstadt_000000_000019_gtFine_polygons.json").write_text("{}")
    assert opened(tmp_path, CITYSCAPES).faults == ()


def test_a_test_split_without_masks_is_left_out_with_a_note(tmp_path):
    cityscapes_like(tmp_path, train=1, val=2)
    save(tmp_path / "leftImg8bit" / "test" / "berlin" / "berlin_0_1_leftImg8bit.png", picture(3))
    source = opened(tmp_path, CITYSCAPES)
    assert list(source.splits) == ["train", "val"]
    assert "test split is left out" in source.notes[0]


def test_a_taxonomy_without_label_ids_is_refused(tmp_path):
    cityscapes_like(tmp_path, train=1, val=1)
    with pytest.raises(InputError, match="camvid11 has no encoding 'labelIds'"):
        open_cityscapes(tmp_path, CAMVID)


def test_the_archives_unpacked_into_a_folder_each_are_one_data_set(tmp_path):
    cityscapes_like(tmp_path, train=2, val=1)
    for half in ("leftImg8bit", "gtFine"):
        (tmp_path / f"{half}_trainvaltest").mkdir()
        (tmp_path / half).rename(tmp_path / f"{half}_trainvaltest" / half)
    source = opened(tmp_path, CITYSCAPES)
    assert source.format == "cityscapes"
    assert source.faults == ()
    assert {split: len(samples) for split, samples in source.splits.items()} == {
        "train": 2,
        "val": 1,
    }


def test_jpeg_images_without_folders_of_cities_are_joined(tmp_path):
    for number, split in enumerate(("train", "train", "val")):
        stem = f"ulm_{number:06d}_000019"
        save(tmp_path / split / "img" / f"{stem}_leftImg8bit.jpg", picture(number))
        labels = np.zeros((6, 8), np.uint8)
        save(tmp_path / split / "label" / f"{stem}_gtFine_labelTrainIds.png", labels)
        save(tmp_path / split / "label" / f"{stem}_gtFine_color.png", picture(number))
    source = opened(tmp_path, CITYSCAPES)
    assert source.faults == ()
    assert source.reading == "default"
    assert [s.mask.name for s in source.splits["train"]] == [
        "ulm_000000_000019_gtFine_labelTrainIds.png",
        "ulm_000001_000019_gtFine_labelTrainIds.png",
    ]
    assert [s.image.name for s in source.splits["val"]] == ["ulm_000002_000019_leftImg8bit.jpg"]


def test_coarse_masks_are_read_where_there_are_no_others_and_the_extra_images_are_not(tmp_path):
    for split, number in (("train", 1), ("val", 2), ("train_extra", 3)):
        stem = f"ulm_{number:06d}_000019"
        save(tmp_path / "leftImg8bit" / split / "ulm" / f"{stem}_leftImg8bit.png", picture(number))
        labels = np.zeros((6, 8), np.uint8)
        save(tmp_path / "gtCoarse" / split / "ulm" / f"{stem}_gtCoarse_labelIds.png", labels)
    source = opened(tmp_path, CITYSCAPES)
    assert source.faults == ()
    assert [s.id for s in source.splits["train"]] == ["ulm_000001_000019"]
    assert [s.id for s in source.splits["val"]] == ["ulm_000002_000019"]


def test_colours_are_read_where_there_are_no_ids_and_those_of_void_labels_are_void(tmp_path):
    cityscapes_like(tmp_path, train=1, val=1)
    colors = np.zeros((6, 8, 4), np.uint8)  # RGBA, as in the official archive
    colors[..., 3] = 255
    colors[1:, :, :3] = (128, 64, 128)
    colors[2, 0, :3] = (153, 153, 153)  # a pole, or a polegroup
    colors[3, 0, :3] = (180, 165, 180)  # a guard rail
    for path in tmp_path.rglob("*_labelIds.png"):
        path.unlink()
        save(path.with_name(path.name.replace("labelIds", "color")), colors)
    source = opened(tmp_path, CITYSCAPES)
    assert source.format == "cityscapes"
    assert (source.faults, source.reading) == ((), "color")
    assert source.notes == (
        f"{tmp_path}: polegroups have the colour of poles and license plates that of cars: they "
        "are read as such",
    )
    labels = source.read_labels(source.splits["train"][0])
    assert labels[0].tolist() == [VOID] * 8
    assert labels[1].tolist() == [ROAD] * 8
    assert labels[2, :2].tolist() == [5, ROAD]
    assert labels[3, :2].tolist() == [VOID, ROAD]


def test_a_colour_that_is_no_label_of_cityscapes_is_a_fault(tmp_path):
    cityscapes_like(tmp_path, train=1, val=1)
    for path in tmp_path.rglob("*_labelIds.png"):
        path.unlink()
        save(path.with_name(path.name.replace("labelIds", "color")), picture(3))
    source = opened(tmp_path, CITYSCAPES)
    with pytest.raises(SampleFault, match="not in the taxonomy cityscapes19"):
        source.read_labels(source.splits["train"][0])


def test_all_labels_are_read_from_label_ids_alone(tmp_path):
    taxonomy = load_taxonomy(MAPPINGS / "taxonomies" / "cityscapes34.yaml")
    cityscapes_like(tmp_path, "labelTrainIds", train=1, val=1)
    with pytest.raises(InputError, match="cityscapes34 has no encoding 'labelTrainIds'"):
        opened(tmp_path, taxonomy)
    cityscapes_like(tmp_path, "labelIds", train=1, val=1)
    source = opened(tmp_path, taxonomy)
    labels = source.read_labels(source.splits["train"][0])
    assert [taxonomy.names[i] for i in labels[4, 1:3]] == ["road", "car"]
