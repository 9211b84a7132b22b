"""Lists that name the images of each split."""

import pytest

from harness.trees import lay_out, opened
from segexp.core.errors import InputError
from segexp.data.layouts._split_lists import read_lines, read_names, split_lists
from segexp.data.layouts._tree import files_below


def tree(root, *names):
    return lay_out(root, {f"images/{name}.png": f"masks/{name}.png" for name in names})


def splits(root) -> dict[str, list[str]]:
    source = opened(root)
    assert source.faults == ()
    return {split: [s.id for s in samples] for split, samples in source.splits.items()}


def test_a_line_has_words_between_tabs_commas_or_spaces(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("\ufeff# images\na.png\tb c.png\n\nd.png, e.png\nf.png g.png\nh\n")
    assert read_lines(path) == [["a.png", "b c.png"], ["d.png", "e.png"], ["f.png", "g.png"], ["h"]]
    assert read_names(path) == ["a.png", "d.png", "f.png", "h"]


def test_a_list_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "train.txt"
    path.write_bytes(b"a\n\xff\xfe")
    with pytest.raises(InputError, match=r"train\.txt: not UTF-8 text \(byte 2\)"):
        read_lines(path)


def test_the_lists_of_segmentation_come_before_those_of_other_tasks(tmp_path):
    for folder in ("Main", "Segmentation", "Layout"):
        (tmp_path / "ImageSets" / folder).mkdir(parents=True)
        for name in ("train.txt", "val.txt", "trainval.txt", "notes.md"):
            (tmp_path / "ImageSets" / folder / name).write_text("")
    found = split_lists([*files_below(tmp_path)])
    folder = tmp_path / "ImageSets" / "Segmentation"
    assert found == {"train": folder / "train.txt", "val": folder / "val.txt"}


@pytest.mark.parametrize(
    "line", ["{}", "{}.png", "images/{}.png", "./images/{}", "/images/{}.png", "images\\{}.png"]
)
def test_an_image_is_named_by_any_end_of_its_path(tmp_path, line):
    tree(tmp_path, "a", "b", "c")
    (tmp_path / "train.txt").write_text(line.format("c") + "\n" + line.format("a") + "\n")
    (tmp_path / "val.txt").write_text(line.format("b") + "\n")
    assert splits(tmp_path) == {"train": ["a", "c"], "val": ["b"]}


def test_a_name_may_have_spaces(tmp_path):
    tree(tmp_path, "my photo 1", "my photo 2", "my")
    (tmp_path / "train.txt").write_text("my photo 1.png\nmy masks/my.png\n")
    (tmp_path / "val.txt").write_text("my photo 2\n")
    assert splits(tmp_path) == {"train": ["my", "my photo 1"], "val": ["my photo 2"]}


@pytest.mark.parametrize("line", [".", "/", "./", "..", "a/", "\\"])
def test_a_line_that_is_no_name_is_a_fault(tmp_path, line):
    tree(tmp_path, "a", "b", "c")
    (tmp_path / "train.txt").write_text(f"a\nb\n{line}\n")
    (tmp_path / "val.txt").write_text("c\n")
    (fault,) = opened(tmp_path).faults
    assert f"1 of 3 lines name no image that has a mask, or several; the first is {line!r}" in fault


def test_a_name_may_have_a_dot_that_begins_no_suffix(tmp_path):
    tree(tmp_path, "street.day", "street.night")
    (tmp_path / "train.txt").write_text("street.day\n")
    (tmp_path / "val.txt").write_text("street.night.png\n")
    assert splits(tmp_path) == {"train": ["street.day"], "val": ["street.night"]}


def test_a_name_that_two_videos_share_is_a_fault_and_with_its_folder_it_is_none(tmp_path):
    tree(tmp_path, "one/000", "two/000", "one/001", "two/001")
    (tmp_path / "train.txt").write_text("one/000\none/001\n")
    (tmp_path / "val.txt").write_text("two/000\ntwo/001\n")
    assert splits(tmp_path) == {"train": ["one_000", "one_001"], "val": ["two_000", "two_001"]}
    (tmp_path / "val.txt").write_text("001\n")
    assert opened(tmp_path).faults[-1] == (
        f"{tmp_path}/val.txt: 1 of 1 lines name no image that has a mask, or several; the first "
        "is '001'"
    )


def test_folders_that_name_the_splits_count_and_lists_do_not(tmp_path):
    lay_out(tmp_path, {f"{s}/{s}.png": f"{s}annot/{s}.png" for s in ("train", "val")})
    (tmp_path / "train.txt").write_text("val\n")
    assert splits(tmp_path) == {"train": ["train"], "val": ["val"]}
