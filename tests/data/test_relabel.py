"""A data set read in the labels of another one."""

from pathlib import Path

import numpy as np
import pytest

from harness.trees import picture, save
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError
from segexp.data.open import find_source, open_data
from segexp.labels.files import find_mapping

ROAD, CAR, VOID = 0, 13, 255

TAXONOMY = """\
name: village
labels:
  - {name: lane, id: 1, color: [1, 1, 1]}
  - {name: track, id: 2, color: [2, 2, 2]}
  - {name: cart, id: 3, color: [3, 3, 3]}
  - {name: pond, id: 4, color: [4, 4, 4]}
void: [0]
"""
MAPPING = """\
name: village_to_19
taxonomy: village
to: cityscapes19
classes:
  - {name: car, color: [0, 0, 142], labels: [cart]}
  - {name: road, color: [128, 64, 128], labels: [lane, track]}
void: [pond]
"""


@pytest.fixture
def village(project: Path, tmp_path: Path) -> Path:
    (project / "mappings" / "taxonomies" / "village.yaml").write_text(TAXONOMY)
    (project / "mappings" / "village_to_19.yaml").write_text(MAPPING)
    for number, split in enumerate(("train", "train", "val", "val")):
        mask = np.repeat(np.array([0, 1, 2, 3, 4, 3], np.uint8)[:, None], 8, axis=1)
        save(tmp_path / "data" / "images" / split / f"{number}.png", picture(number))
        save(tmp_path / "data" / "masks" / split / f"{number}.png", mask)
    return tmp_path / "data"


def config_for(project: Path, root: Path, **data):
    keys = {"format": "auto", "root": str(root), "taxonomy": "village", **data}
    return load_config(
        project / "config.yaml", {f"data.{key}": value for key, value in keys.items()}
    )


def test_masks_are_read_as_the_labels_of_the_other_taxonomy(project, village):
    config = config_for(project, village, relabel="village_to_19")
    source = find_source(project, config, [find_mapping(project, "merged10")])
    assert source.taxonomy.name == "cityscapes19"
    labels = source.read_labels(source.splits["train"][0])
    assert labels[:, 0].tolist() == [VOID, ROAD, ROAD, CAR, VOID, CAR]
    assert source.notes[-1] == (
        "labels of village are read as those of cityscapes19, by village_to_19"
    )


def test_it_is_other_data_than_the_same_masks_in_their_own_labels(project, village):
    hashes = set()
    for relabel in (None, "village_to_19"):
        config = config_for(project, village, relabel=relabel, image_size=[32, 32])
        source = find_source(project, config, [])
        hashes.add(open_data(project, config, source, lambda done, total: None).hash)
    assert len(hashes) == 2


def test_a_mapping_over_the_other_taxonomy_is_told_the_way(project, village):
    with pytest.raises(InputError) as caught:
        find_source(project, config_for(project, village), [find_mapping(project, "merged10")])
    assert "or read its labels as those of cityscapes19: --set data.relabel=village_to_19" in str(
        caught.value
    )


def test_a_relabelling_of_other_labels_is_refused(project, village):
    config = config_for(project, village, relabel="village_to_19", taxonomy="camvid11")
    with pytest.raises(InputError, match="village_to_19 is over the taxonomy village, but the dat"):
        find_source(project, config, [])
