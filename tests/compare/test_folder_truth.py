"""Folders of raw masks as the truth: which files are read, and how."""

from pathlib import Path

import numpy as np
import pytest

from segexp.compare.folder_truth import folder_truth
from segexp.core.errors import InputError
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
