"""Final scores on the images of another data set."""

from pathlib import Path

import numpy as np
import pytest

from harness.trees import camvid_like, picture, save
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError
from segexp.data.open import describe_data, find_source, open_data
from segexp.data.sequences import places_of

VILLAGE = """\
name: village
labels:
  - {name: lane, id: 1, color: [1, 1, 1]}
  - {name: cart, id: 3, color: [3, 3, 3]}
void: [0]
"""
TO_CAMVID = """\
name: village_to_11
taxonomy: village
to: camvid11
classes:
  - {name: road, color: [128, 64, 128], labels: [lane]}
  - {name: car, color: [64, 0, 128], labels: [cart]}
void: []
"""
ROAD, CAR, VOID = 3, 8, 255


@pytest.fixture
def village(project: Path, tmp_path: Path) -> Path:
    """Two videos that nothing divides, with frames of the same numbers in both."""
    (project / "mappings" / "taxonomies" / "village.yaml").write_text(VILLAGE)
    (project / "mappings" / "village_to_11.yaml").write_text(TO_CAMVID)
    for number in range(4):
        name = f"Seq0{number // 2}_{number % 2:05}"
        mask = np.repeat(np.array([0, 1, 1, 3, 3, 3], np.uint8)[:, None], 8, axis=1)
        save(tmp_path / "village" / "images" / f"{name}.png", picture(100 + number))
        save(tmp_path / "village" / "masks" / f"{name}.png", mask)
    return tmp_path / "village"


def config_for(project: Path, streets: Path, **heldout):
    keys = {
        "format": "auto",
        "root": str(streets),
        "image_size": [32, 32],
        "heldout": heldout or None,
    }
    return load_config(
        project / "config.yaml", {f"data.{key}": value for key, value in keys.items()}
    )


def test_all_images_of_the_other_data_are_held_out_and_its_labels_are_read(
    project, tmp_path, village
):
    streets = camvid_like(tmp_path / "streets", train=2, val=2, test=1)
    words = {"root": str(village), "taxonomy": "village", "relabel": "village_to_11"}
    config = config_for(project, streets, **words)
    source = find_source(project, config, [])
    assert source.faults == ()
    assert {split: len(samples) for split, samples in source.splits.items()} == {
        "train": 2,
        "val": 2,
        "test": 4,
    }
    assert "final scores are on all 4 images of village" in source.notes
    assert "the 1 test image of streets are not used" in source.notes
    first, *_ = source.splits["test"]
    assert source.read_labels(first)[:, 0].tolist() == [VOID, ROAD, ROAD, CAR, CAR, CAR]
    assert np.array_equal(source.read_image(first), picture(100))
    own = source.read_labels(source.splits["train"][0])
    assert own[1].tolist() == [1] * 8

    dataset = open_data(project, config, source, lambda done, total: None)
    assert dataset.heldout.ids == tuple(f"Seq0{n // 2}_{n % 2:05}" for n in range(4))
    assert "2 train, 2 val, 4 held-out (images of village) images" in describe_data(dataset)
    assert places_of("sequence", dataset.heldout.ids, source.heldout_format) == [
        "Seq00",
        "Seq00",
        "Seq01",
        "Seq01",
    ]
    assert not (project / "splits").exists()


def test_what_looks_unintended_in_the_other_data_is_warned_of(project, tmp_path):
    streets = camvid_like(tmp_path / "streets", train=2, val=2)
    other = camvid_like(tmp_path / "other", train=1, val=1)
    words = {"root": str(other), "taxonomy": "camvid32", "relabel": "camvid32_to_11"}
    source = find_source(project, config_for(project, streets, **words), [])
    assert source.warnings == (
        f"the folders of {other} tell camvid11, but data.taxonomy says camvid32, in which masks "
        "are read",
    )


def test_it_is_other_data_than_without(project, tmp_path):
    streets = camvid_like(tmp_path / "streets", train=2, val=2, test=1)
    other = tmp_path / "other"
    save(other / "images" / "val" / "x.png", picture(100))
    save(other / "masks" / "val" / "x.png", np.zeros((6, 8), np.uint8))
    hashes = set()
    for words in ({}, {"root": str(other), "taxonomy": "camvid11"}):
        config = config_for(project, streets, **words)
        source = find_source(project, config, [])
        hashes.add(open_data(project, config, source, lambda done, total: None).hash)
    assert len(hashes) == 2


def test_images_that_are_trained_on_are_refused(project, tmp_path):
    streets = camvid_like(tmp_path / "streets", train=2, val=2)
    config = config_for(project, streets, root=str(streets))
    source = find_source(project, config, [])
    with pytest.raises(InputError, match="the same picture in two splits"):
        open_data(project, config, source, lambda done, total: None)


def test_ids_that_two_splits_of_the_other_data_share_begin_with_their_split(project, tmp_path):
    streets = camvid_like(tmp_path / "streets", train=2, val=2)
    for number, split in enumerate(("train", "val")):
        save(tmp_path / "b" / "images" / split / "x.png", picture(100 + number))
        save(tmp_path / "b" / "masks" / split / "x.png", np.full((6, 8), number, np.uint8))
    config = config_for(project, streets, root=str(tmp_path / "b"), taxonomy="camvid11")
    source = find_source(project, config, [])
    assert [s.id for s in source.splits["test"]] == ["train_x", "val_x"]
    assert [int(source.read_labels(s)[0, 0]) for s in source.splits["test"]] == [0, 1]


def test_other_labels_are_refused_with_the_way(project, tmp_path, village):
    streets = camvid_like(tmp_path / "streets", train=2, val=2)
    config = config_for(project, streets, root=str(village), taxonomy="village")
    with pytest.raises(InputError) as caught:
        find_source(project, config, [])
    assert (
        "data.heldout: village is labelled in village, but the data (streets) in camvid11; read it "
        "in these labels with data.heldout: {relabel: NAME}" in str(caught.value)
    )


def test_labels_that_the_project_lacks_are_named_by_their_file(project, tmp_path):
    streets = camvid_like(tmp_path / "streets", train=2, val=2)
    config = config_for(project, streets, root=str(streets), taxonomy="village")
    with pytest.raises(InputError) as caught:
        find_source(project, config, [])
    advice = "data.heldout: copy mappings/taxonomies/village.yaml from a project that has it"
    assert any(fault.startswith(advice) for fault in caught.value.faults)


def test_a_folder_that_is_missing_is_named(project, tmp_path):
    streets = camvid_like(tmp_path / "streets", train=2, val=2)
    config = config_for(project, streets, root=str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"data\.heldout: data\.root: .*nowhere: no such folder"):
        find_source(project, config, [])
