import shutil
from pathlib import Path

import numpy as np
import pytest

from segexp.compare.folder_truth import folder_truth
from segexp.compare.mask_counts import MaskArm, common_decision, count_masks
from segexp.compare.mask_folders import find_runs
from segexp.core.errors import InputError
from tests.compare.mask_example import COARSE, FINE, VOID, compared, lay_out, write


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return lay_out(tmp_path_factory.mktemp("masks"))


def test_masks_that_are_missing_do_not_hide_those_that_cannot_be_read(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(folders["a"], tmp_path / "a")
    (tmp_path / "a" / "scene 1.png").unlink()
    (tmp_path / "a" / "scene 5.png").write_bytes(b"no picture")
    with pytest.raises(InputError) as caught:
        compared({**folders, "a": tmp_path / "a"})
    missing, unreadable = caught.value.faults
    assert "no mask of 'scene 1'" in missing
    assert "scene 5.png: not an image that can be read" in unreadable


def test_every_mask_of_another_size_or_with_strange_ids_is_listed(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(folders["a"], tmp_path / "a")
    write(tmp_path / "a" / "scene 0.png", np.zeros((6, 8), np.uint8))
    write(tmp_path / "a" / "scene 3.png", np.full((12, 16), 77, np.uint8))
    (tmp_path / "a" / "scene 5.png").write_bytes(b"no picture")
    with pytest.raises(InputError) as caught:
        compared({**folders, "a": tmp_path / "a"})
    first, second, third = caught.value.faults
    assert first.endswith(
        "scene 0.png: 6x8 pixels, but its truth has 12x16; write predictions at the size of the "
        "images"
    )
    assert "scene 3.png: 77 (192 px) is not a class index of cityscapes19" in second
    assert "scene 5.png: not an image that can be read" in third


def test_a_mask_is_counted_in_its_own_and_in_the_common_classes_and_void_apart(
    tmp_path: Path,
) -> None:
    """Truth: two road pixels, one sidewalk, one void; all are called sidewalk but the second."""
    write(tmp_path / "truth" / "one.png", np.array([[0, 0, 1, VOID]], np.uint8))
    write(tmp_path / "a" / "one.png", np.array([[1, 0, 1, 1]], np.uint8))
    truth = folder_truth(tmp_path / "truth", FINE.taxonomy, "folder")
    arm = MaskArm("a", FINE, find_runs(tmp_path / "a"))
    found = count_masks([arm], truth, COARSE)
    (counted,) = found.arms
    own, common = counted.own[0, 0], counted.common[0, 0]
    road, sidewalk = FINE.names.index("road"), FINE.names.index("sidewalk")
    assert (own[road, road], own[road, sidewalk], own[sidewalk, sidewalk]) == (1, 1, 1)
    assert (own.sum(), counted.own_void[0, 0, sidewalk], counted.own_void.sum()) == (3, 1, 1)
    merged = COARSE.names.index("road")
    assert (common[merged, merged], common.sum()) == (3, 3)
    assert (counted.common_void[0, 0, merged], counted.common_void.sum()) == (1, 1)
    assert found.sizes == {(1, 4): 1}
    assert found.pixels[[0, 1]].tolist() == [2, 1]
    assert found.same
    decided = common_decision(arm, 0, "one", COARSE)
    assert decided.tolist() == [[merged] * 4]


def test_arms_are_the_same_only_where_every_mask_is(
    folders: dict[str, Path],
) -> None:
    truth = folder_truth(folders["truth"], FINE.taxonomy, "folder")
    a = MaskArm("a", FINE, find_runs(folders["a"]))
    assert count_masks([a, a], truth, COARSE).same
    b = MaskArm("b", COARSE, find_runs(folders["b"]))
    assert not count_masks([a, b], truth, COARSE).same
