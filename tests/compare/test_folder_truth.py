"""Folders of raw masks as the truth: which files are read, and how."""

from pathlib import Path

import numpy as np
import pytest

from harness.project import ROOT
from segexp.compare.folder_truth import folder_truth
from segexp.core.data_config import DataConfig, MasksConfig
from segexp.core.errors import InputError
from segexp.labels.relabelling import find_relabelling
from tests.compare.mask_example import FINE, VOID, write


def test_the_truth_of_cityscapes_is_read_by_its_label_ids(tmp_path: Path) -> None:
    city = tmp_path / "val" / "munster"
    write(city / "munster_000000_000019_gtFine_labelIds.png", np.array([[7, 23, 0]], np.uint8))
    write(city / "munster_000000_000019_gtFine_instanceIds.png", np.array([[7, 2]], np.uint8))
    truth = folder_truth(tmp_path / "val", FINE.taxonomy, "cityscapes")
    assert truth.ids == ("munster_000000_000019",)
    assert truth.read_labels("munster_000000_000019").tolist() == [[0, 10, VOID]]


@pytest.mark.parametrize("empty", ["nowhere", "empty"])
def test_a_truth_that_is_not_there_is_refused(tmp_path: Path, empty: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="--truth"):
        folder_truth(tmp_path / empty, FINE.taxonomy, "folder")


def test_the_truth_is_read_by_the_rules_of_the_projects_masks(tmp_path: Path) -> None:
    write(tmp_path / "a.png", np.array([[0, 10, 99]], np.uint8))
    rules = MasksConfig(ids={0: "car"}, void=(99,))
    truth = folder_truth(tmp_path, FINE.taxonomy, "folder", DataConfig(masks=rules))
    assert truth.read_labels("a").tolist() == [[13, 10, VOID]]  # car is 13, sky 10
    assert truth.where == f"{tmp_path}, read by data.masks"


def test_rules_for_the_masks_of_another_taxonomy_do_not_change_the_truth(tmp_path: Path) -> None:
    write(tmp_path / "a.png", np.array([[0, 255]], np.uint8))
    data = DataConfig(taxonomy="pets", masks=MasksConfig(ids={255: 1}))
    truth = folder_truth(tmp_path, FINE.taxonomy, "folder", data)
    assert truth.read_labels("a").tolist() == [[0, VOID]]


def test_the_truth_is_read_in_the_labels_that_the_projects_data_is_read_in(tmp_path: Path) -> None:
    sky, road, void = 0, 3, 11  # of camvid11; 10 and 0 of cityscapes19
    write(tmp_path / "a.png", np.array([[sky, road, void, 77]], np.uint8))
    data = DataConfig(taxonomy="camvid11", masks=MasksConfig(ids={77: "car"}))
    relabelling = find_relabelling(ROOT, "camvid11_to_19")
    truth = folder_truth(tmp_path, FINE.taxonomy, "folder", data, relabelling)
    assert truth.read_labels("a").tolist() == [[10, 0, VOID, 13]]
    assert "labels of camvid11 read as those of cityscapes19 by data.relabel" in truth.where
