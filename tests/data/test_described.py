"""A tree that a person describes."""

from pathlib import Path

import pytest

from harness.trees import CAMVID, picture, raw_mask, save
from segexp.core.data_config import DivisionConfig, LayoutConfig
from segexp.core.errors import InputError
from segexp.data import described
from segexp.data.described import open_described
from segexp.data.source import UNDIVIDED, Source


def opened(root: Path, **described) -> Source:
    return open_described(root, CAMVID, LayoutConfig(**described))


def scenes(root: Path) -> Path:
    """Two cameras a scene, and masks of the left one that are named by another rule."""
    for scene in (1, 2, 3):
        for n in range(2):
            number = 10 * scene + n
            save(root / f"s{scene}" / "left" / f"{n:04}.png", picture(number))
            save(root / f"s{scene}" / "right" / f"{n:04}.png", picture(100 + number))
            save(root / "drawn" / f"scene{scene}-frame{n}.png", raw_mask(number))
    return root


JOIN = r"s(?:cene)?(\d)(?:/left/000|-frame)(\d)"


def test_images_and_masks_are_joined_by_what_the_groups_find(tmp_path):
    source = opened(scenes(tmp_path), images="*/left/*.png", masks="drawn/*.png", join=JOIN)
    assert source.faults == ()
    assert source.format == "described"
    joined = [(s.id, str(s.image.relative_to(tmp_path)), s.mask.name) for s in source.splits[""]]
    assert joined[:3] == [
        ("1_0", "s1/left/0000.png", "scene1-frame0.png"),
        ("1_1", "s1/left/0001.png", "scene1-frame1.png"),
        ("2_0", "s2/left/0000.png", "scene2-frame0.png"),
    ]
    assert len(joined) == 6


def test_an_expression_names_the_split(tmp_path):
    for n, split in enumerate(("trn", "Train", "valid")):
        save(tmp_path / "all" / f"{split}-{n}.jpg", picture(n))
        save(tmp_path / "all" / f"{split}-{n}.png", raw_mask(n))
    patterns = {"images": "all/*.jpg", "masks": "all/*.png"}
    source = opened(tmp_path, **patterns, split=r"/(\w+)-")
    assert source.faults == ()
    assert {split: [s.id for s in samples] for split, samples in source.splits.items()} == {
        "train": ["Train-1", "trn-0"],
        "val": ["valid-2"],
    }
    with pytest.raises(InputError) as caught:
        opened(tmp_path, **patterns, split=r"/(\w)\w+-")
    assert caught.value.faults[0] == (
        r"data.layout.split: '/(\\w)\\w+-' finds 'T', not a word for a split, of all/Train-1.jpg"
    )


def test_folders_tell_the_split_unless_the_data_is_to_be_divided_anew(tmp_path):
    for n, split in enumerate(("train", "train", "val")):
        save(tmp_path / "images" / split / f"{n}.jpg", picture(n))
        save(tmp_path / "masks" / split / f"{n}.png", raw_mask(n))
    patterns = {"images": "images/**/*.jpg", "masks": "masks/**/*.png"}
    assert list(opened(tmp_path, **patterns).splits) == ["train", "val"]
    anew = opened(tmp_path, **patterns, split=DivisionConfig())
    assert [s.id for s in anew.splits[UNDIVIDED]] == ["0", "1", "2"]


def test_masks_that_the_pattern_of_images_finds_are_masks(tmp_path):
    for n in range(3):
        save(tmp_path / f"{n}.png", picture(n))
        save(tmp_path / f"{n}_mask.png", raw_mask(n))
    source = opened(tmp_path, images="*.png", masks="*_mask.png")
    assert source.faults == ()
    assert [s.image.name for s in source.splits[UNDIVIDED]] == ["0.png", "1.png", "2.png"]


def test_what_has_no_partner_is_a_fault_or_left_out_with_a_note(tmp_path):
    scenes(tmp_path)
    (tmp_path / "drawn" / "scene3-frame1.png").unlink()
    patterns = {"images": "*/left/*.png", "masks": "drawn/*.png", "join": JOIN}
    advice, fault = opened(tmp_path, **patterns).faults
    assert "unpaired: skip" in advice
    assert f"{tmp_path}/s3/left/0001.png: image without mask (no '3_1'" in fault
    source = opened(tmp_path, **patterns, unpaired="skip")
    assert source.faults == ()
    assert source.notes == (f"{tmp_path}: 1 image without a partner left out",) or (
        f"{tmp_path}: 1 image without a partner left out" in source.notes
    )
    assert len(source.splits[UNDIVIDED]) == 5


def test_two_files_with_the_same_groups_are_a_fault(tmp_path):
    source = opened(
        scenes(tmp_path), images="*/*/*.png", masks="drawn/*.png", join=r"(\d).*?(\d)\."
    )
    assert any("keep one of them" in fault for fault in source.faults)


def test_groups_that_are_never_the_same_are_shown(tmp_path):
    save(tmp_path / "left" / "0.png", picture(0))
    save(tmp_path / "drawn" / "0.png", raw_mask(0))
    described = LayoutConfig(images="left/*", masks="drawn/*", join="(.*)")
    with pytest.raises(InputError) as caught:
        open_described(tmp_path, CAMVID, described)
    (fault,) = caught.value.faults
    assert "finds nothing that an image and a mask share: 'left/0.png' in" in fault
    assert "'drawn/0.png' in" in fault


def test_patterns_that_find_nothing_are_named(tmp_path):
    scenes(tmp_path)
    with pytest.raises(InputError) as caught:
        opened(tmp_path, images="*/middle/*.png", masks="drawings/*")
    assert caught.value.faults == (
        f"data.layout.images: '*/middle/*.png' finds no file below {tmp_path} that "
        "data.layout.masks does not find",
        f"data.layout.masks: 'drawings/*' finds no file below {tmp_path}",
    )


def test_paths_that_the_expression_does_not_match_are_named(tmp_path):
    with pytest.raises(InputError) as caught:
        opened(
            scenes(tmp_path), images="*/left/*.png", masks="drawn/*.png", join=r"s(\d)/left/(\d)"
        )
    assert caught.value.faults[0] == (
        r"data.layout.join: 's(\\d)/left/(\\d)' matches no part of drawn/scene1-frame0.png"
    )


def test_what_is_no_pattern_is_refused_with_one(tmp_path):
    """Which patterns are invalid depends on Python: in 3.13 these merely find nothing."""
    with pytest.raises(InputError) as caught:
        opened(scenes(tmp_path), images="s**/left/*.png", masks=".")
    masks, images = caught.value.faults
    assert images.startswith("data.layout.images: 's**/left/*.png'")
    assert masks.startswith("data.layout.masks: '.'")


@pytest.mark.parametrize("key", ["join", "split"])
def test_an_expression_that_never_comes_to_an_end_is_refused(tmp_path, monkeypatch, key):
    root = scenes(tmp_path)
    save(root / f"s1/left/{'0' * 60}x.png", picture(1))
    monkeypatch.setattr(described, "SEARCH_SECONDS", 0.3)
    patterns = {"images": "*/left/*.png", "masks": "drawn/*.png"}
    with pytest.raises(
        InputError, match=rf"data\.layout\.{key}: '\(0\+\)\+\$' is not at its end after 0\.3 s"
    ):
        opened(root, **patterns, **{key: "(0+)+$"})


def test_all_expressions_are_searched_for_in_one_process_once(tmp_path, monkeypatch):
    calls = []
    run = described.subprocess.run
    monkeypatch.setattr(
        described.subprocess, "run", lambda *a, **k: [calls.append(a), run(*a, **k)][1]
    )
    for scene, split in ((1, "train"), (2, "val")):
        save(tmp_path / split / f"left{scene}.png", picture(scene))
        save(tmp_path / "drawn" / f"scene{scene}.png", raw_mask(scene))
    for _ in range(2):
        source = opened(
            tmp_path, images="*/left*.png", masks="drawn/*.png", join=r"(\d)\.", split="^([a-z]+)/"
        )
        assert {name: [s.id for s in samples] for name, samples in source.splits.items()} == {
            "train": ["1"],
            "val": ["2"],
        }
    assert len(calls) == 1


def test_groups_that_find_the_same_in_two_images_are_named(tmp_path):
    root = scenes(tmp_path)
    source = opened(root, images="*/left/*.png", masks="drawn/*.png", join=r"s(?:cene)?(\d)")
    assert source.faults[0] == (
        f"{root}/s1/left/0001.png: data.layout.join finds the same as in {root}/s1/left/0000.png; "
        "its groups must differ"
    )
