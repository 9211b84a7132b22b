"""The files below a folder, and what the folders around them say."""

import unicodedata

import pytest

from segexp.core.errors import InputError
from segexp.data.layouts import _tree
from segexp.data.layouts._tree import file_at, files_below


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")


def test_the_innermost_folder_says_the_role_and_the_outermost_the_split(tmp_path):
    touch(tmp_path, "train/labels/val_day/images/ulm/0.PNG")
    (file,) = files_below(tmp_path)
    assert (file.role, file.split, file.split_word) == ("image", "train", "train")
    assert file.kind == ("labels", "images")
    assert file.rest == ("val_day", "ulm")
    assert (file.stem, file.suffix) == ("0", ".png")


def test_a_folder_of_instances_below_masks_is_neither(tmp_path):
    touch(tmp_path, "training/v1.2/instances/a.png", "training/v1.2/labels/a.png")
    instances, labels = files_below(tmp_path)
    assert (instances.role, labels.role) == ("other", "mask")
    assert instances.rest == labels.rest == ("v1.2",)


def test_a_folder_of_colours_below_masks_is_another_kind_and_elsewhere_a_folder(tmp_path):
    touch(tmp_path, "GT/COLOR/a.png", "GT/LABELS/a.png", "images/color/a.png")
    kinds = {file.path.relative_to(tmp_path).as_posix(): file for file in files_below(tmp_path)}
    assert kinds["GT/COLOR/a.png"].kind == ("gt", "color")
    assert kinds["GT/LABELS/a.png"].kind == ("gt", "labels")
    assert kinds["images/color/a.png"].rest == ("color",)


def test_hidden_files_and_those_of_operating_systems_are_not_looked_at(tmp_path):
    touch(tmp_path, ".git/a.png", ".DS_Store", "__MACOSX/a.png", "x/Thumbs.db", "x/._a.png", "x/a")
    assert [file.path.name for file in files_below(tmp_path)] == ["a"]


def test_names_are_composed(tmp_path):
    touch(tmp_path, unicodedata.normalize("NFD", "stra\u00dfe/\u00fcber.png"))
    (file,) = files_below(tmp_path)
    assert (file.rest, file.stem) == (("stra\u00dfe",), "\u00fcber")


def test_links_that_lead_back_up_and_folders_that_are_too_deep_end(tmp_path):
    touch(tmp_path, "a/b.png", "/".join("x" * 12) + "/deep.png")
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert [file.path.name for file in files_below(tmp_path)] == ["b.png"]


def test_a_tree_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_tree, "MAX_FILES", 3)
    touch(tmp_path, *(f"{n}.png" for n in range(4)))
    with pytest.raises(InputError, match="more than 3 files; give the data set's folder"):
        list(files_below(tmp_path))


def test_one_file_is_read_as_in_its_tree(tmp_path):
    touch(tmp_path, "val/masks/a.png")
    assert [file_at(tmp_path, tmp_path / "val/masks/a.png")] == [*files_below(tmp_path)]
