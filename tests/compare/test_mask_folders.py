"""Which mask is of which image and run, and what does not fit together."""

import doctest
from pathlib import Path

import pytest

import segexp.compare.mask_folders
from segexp.compare.mask_folders import find_runs, list_masks, named_as, paired_names, unmatched
from segexp.core.errors import InputError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def faults_of(directory: Path) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        find_runs(directory)
    return caught.value.faults


def test_masks_are_joined_by_stem_with_the_endings_of_segexp_and_cityscapes(tmp_path: Path) -> None:
    touch(
        tmp_path / "one.png",
        tmp_path / "two words_mask.png",
        tmp_path / "three.npy",
        tmp_path / "aachen_000000_000019_leftImg8bit.png",
        tmp_path / "_mask.png",
        tmp_path / ".hidden.png",
        tmp_path / "plans.json",
    )
    found, faults = list_masks(tmp_path)
    assert sorted(found) == ["_mask", "aachen_000000_000019", "one", "three", "two words"]
    assert faults == []


def test_masks_that_predict_wrote_for_cityscapes_are_of_its_images(tmp_path: Path) -> None:
    """`predict` keeps the name of the picture, whose own ending the image's id may have or not."""
    touch(tmp_path / "ulm_000001_000019_leftImg8bit_mask.png")
    runs = find_runs(tmp_path)
    assert list(named_as({"ulm_000001_000019"}, runs).files[0]) == ["ulm_000001_000019"]
    with_ending = "ulm_000001_000019_leftImg8bit"
    assert list(named_as({with_ending}, runs).files[0]) == [with_ending]
    both = {"ulm_000001_000019", with_ending}  # which of the two it is of cannot be told
    assert list(named_as(both, runs).files[0]) == ["ulm_000001_000019"]


def test_pictures_that_predict_writes_beside_its_masks_are_skipped(tmp_path: Path) -> None:
    touch(*(tmp_path / f"x_{kind}.png" for kind in ("mask", "color", "overlay")))
    touch(tmp_path / "only_color.png")
    found, faults = list_masks(tmp_path)
    assert {image: path.name for image, path in found.items()} == {
        "x": "x_mask.png",
        "only_color": "only_color.png",
    }
    assert faults == []


def test_two_masks_of_one_image_are_a_fault(tmp_path: Path) -> None:
    touch(tmp_path / "x.png", tmp_path / "x_mask.png")
    (fault,) = faults_of(tmp_path)
    assert "is a mask of 'x', and so is x.png; keep one of them" in fault


def test_folders_that_are_missing_or_empty_are_faults(tmp_path: Path) -> None:
    assert faults_of(tmp_path / "nowhere") == (f"{tmp_path / 'nowhere'}: no such folder",)
    assert "no masks in it; expected .png or .npy files" in faults_of(tmp_path)[0]


def test_sub_folders_are_runs(tmp_path: Path) -> None:
    touch(*(tmp_path / run / f"{i}.png" for run in ("seed2", "seed1") for i in range(2)))
    (tmp_path / "logs").mkdir()
    runs = find_runs(tmp_path)
    assert runs.names == ("seed1", "seed2")
    assert [sorted(files) for files in runs.files] == [["0", "1"]] * 2
    assert runs.place(1) == tmp_path / "seed2"


def test_parts_of_one_run_are_not_taken_for_runs(tmp_path: Path) -> None:
    touch(tmp_path / "frankfurt" / "a.png", tmp_path / "munster" / "b.png")
    (fault,) = faults_of(tmp_path)
    assert "folders frankfurt, munster have no image in common" in fault


def test_every_image_and_every_mask_without_the_other_is_listed(tmp_path: Path) -> None:
    files = {"a": tmp_path / "a.png", "x": tmp_path / "x.png", "y": tmp_path / "y.png"}
    assert unmatched(["a", "b"], {"y"}, "truth", files, tmp_path) == [
        f"{tmp_path}: no mask of 'b', which truth has",
        f"{tmp_path / 'x.png'}: its image is not in truth",
    ]


def test_folders_with_no_name_in_common_are_one_fault(tmp_path: Path) -> None:
    files = {f"case_{i}": tmp_path / f"case_{i}.png" for i in range(3)}
    (fault,) = unmatched(["1", "2"], (), "truth", files, tmp_path)
    assert fault.endswith(
        "3 masks, but none has the name of one of the 2 images of truth: case_0.png against 1"
    )


def _runs(root: Path, arm: str, *names: str) -> Path:
    touch(*(root / arm / name / f"{i}.png" for name in names for i in range(2)))
    return root / arm


def _paired(*folders: Path) -> tuple[tuple[str, ...], str | None]:
    return paired_names({folder.name: find_runs(folder) for folder in folders})


def test_runs_are_paired_by_name_or_in_order_where_no_name_is_shared(tmp_path: Path) -> None:
    a, b = _runs(tmp_path, "a", "seed1", "seed2"), _runs(tmp_path, "b", "seed1", "seed2")
    c = _runs(tmp_path, "c", "first", "second")
    assert _paired(a, b) == (("seed1", "seed2"), None)
    names, caveat = _paired(a, c)
    assert names == ("1", "2")
    assert caveat is not None
    assert "paired in the order of their names" in caveat


def test_runs_that_agree_in_part_or_are_of_another_number_are_refused(tmp_path: Path) -> None:
    a, b = _runs(tmp_path, "a", "seed1", "seed2"), _runs(tmp_path, "b", "seed2", "seed3")
    c = _runs(tmp_path, "c", "seed1")
    with pytest.raises(InputError, match="seed1, seed3 are on one side only"):
        _paired(a, b)
    with pytest.raises(InputError, match="a has 2, c has 1"):
        _paired(a, c)


def test_the_example_is_right() -> None:
    assert doctest.testmod(segexp.compare.mask_folders).attempted > 0
    assert doctest.testmod(segexp.compare.mask_folders).failed == 0
