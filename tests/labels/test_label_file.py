"""The file that says what the masks of a data set mean, found in its folder."""

import json
from pathlib import Path

import pytest

from segexp.core.errors import InputError
from segexp.labels.label_file import find_label_file, read_label_file
from segexp.labels.taxonomy import VOID

CVAT = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:200,0,0::\ndog:0,0,200::\n"
CLASS_DICT = "name,r,g,b\nbackground,0,0,0\ncat,200,0,0\ndog,0,0,200\n"
BY_ID = [{"id": 0, "name": "background"}, {"id": 4, "name": "cat"}, {"id": 9, "name": "dog"}]


def lay(folder: Path, **files: str) -> Path:
    """Write files; ``__`` in a name is a folder, and ``_csv`` at its end an ending."""
    for name, text in files.items():
        stem, _, suffix = name.replace("__", "/").rpartition("_")
        path = folder / f"{stem}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def taken(folder: Path) -> str:
    found = find_label_file(folder)
    assert found is not None
    return str(found.path.relative_to(folder))


@pytest.mark.parametrize("place", ["labelmap_txt", "export__labelmap_txt", "a__b__labelmap_txt"])
def test_it_is_found_in_the_folder_and_two_levels_below(tmp_path, place):
    found = find_label_file(lay(tmp_path / "pets", **{place: CVAT}))
    assert found is not None
    assert found.imported.format == "labelmap"
    assert found.taxonomy.name == "pets"
    assert found.taxonomy.encodings == {"default": {0: 0, 1: 1, 2: 2, 255: VOID}}
    assert found.imported.mapping.names == ("background", "cat", "dog")
    assert found.notes == (
        "raw ids in the masks, numbered by their order in the file: 0 background, 1 cat, 2 dog; "
        "255 void",
    )
    deeper = tmp_path / "pets" / "a" / "b" / "c"
    deeper.mkdir(parents=True, exist_ok=True)
    (deeper / "class_dict.csv").write_text("name,r,g,b\nx,0,0,0\ny,1,1,1\n")
    assert find_label_file(tmp_path / "pets") == found


def test_a_folder_without_one_has_none(tmp_path):
    lay(tmp_path, README_txt="Pets, and how to read them.\n", train_txt="a_1\na_2\n")
    lay(tmp_path, counts_json='{"train": 300, "val": 20}', split_csv="a,train\nb,val\n")
    lay(tmp_path, data_bin="name,r,g,b\n", list_json="[1, 2")
    (tmp_path / ".labelmap.txt").write_text(CVAT)
    assert find_label_file(tmp_path) is None
    assert find_label_file(tmp_path / "absent") is None


def test_the_files_of_the_images_are_not_read(tmp_path):
    one = json.dumps({"labels": [{"name": "cat", "color": "#ff0000"}, {"name": "b", "id": 2}]})
    lay(tmp_path, **{f"ann__{i}_json": one for i in range(17)})
    assert find_label_file(tmp_path) is None
    lay(tmp_path, ann__classes_json=json.dumps(BY_ID))
    assert taken(tmp_path) == "ann/classes.json"


def test_of_files_that_agree_the_one_that_says_more_is_taken(tmp_path):
    lay(tmp_path, a__categories_json=json.dumps([r | {"id": i} for i, r in enumerate(BY_ID)]))
    lay(tmp_path, class_dict_csv=CLASS_DICT, z__labelmap_txt=CVAT)
    found = find_label_file(tmp_path)
    assert found is not None
    assert found.path == tmp_path / "class_dict.csv"
    assert found.notes[1:] == (
        "left aside: a/categories.json (label-list), the same labels",
        "left aside: z/labelmap.txt (labelmap), the same labels",
    )


def test_raw_ids_of_a_file_count_rather_than_the_order_of_another(tmp_path):
    found = find_label_file(
        lay(tmp_path, class_dict_csv=CLASS_DICT, categories_json=json.dumps(BY_ID))
    )
    assert found is not None
    assert found.path == tmp_path / "categories.json"
    assert found.taxonomy.encodings == {"default": {0: 0, 4: 1, 9: 2, 255: VOID}}
    assert found.notes[-1] == (
        "left aside: class_dict.csv (class-dict), which does not say their ids"
    )


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        (CLASS_DICT.replace("dog", "cow"), "0 background, 1 cat, 2 cow"),
        ("name,r,g,b\ncat,1,0,0\nbackground,0,0,0\ndog,0,0,1\n", "0 cat, 1 background, 2 dog"),
        (CLASS_DICT + "a,1,2,3\nb,4,5,6\n", "0 background, 1 cat, 2 dog, ..., 4 b"),
    ],
)
def test_files_that_disagree_are_named_with_what_each_says(tmp_path, text, reading):
    lay(tmp_path, class_dict_csv=text, labelmap_txt=CVAT)
    with pytest.raises(InputError) as caught:
        find_label_file(tmp_path)
    assert caught.value.faults == (
        f"{tmp_path}: its label files disagree: class_dict.csv (class-dict) has {reading}; "
        "labelmap.txt (labelmap) has 0 background, 1 cat, 2 dog; name the one that is meant with "
        "--classes FILE",
    )


def test_the_faults_of_the_only_file_are_told_and_another_is_taken_rather(tmp_path):
    lay(tmp_path, class_dict_csv="name,r,g,b\ncat,1,2\n")
    fault = f"{tmp_path / 'class_dict.csv'}:2: 'cat, 1, 2'; expected name, r, g, b"
    with pytest.raises(InputError) as caught:
        find_label_file(tmp_path)
    assert caught.value.faults == (fault,)
    found = find_label_file(lay(tmp_path, labelmap_txt=CVAT))
    assert found is not None
    assert found.path == tmp_path / "labelmap.txt"
    assert found.notes[-1] == f"left aside: {fault}"


def test_a_file_that_is_named_is_read_by_itself(tmp_path):
    lay(tmp_path, labelmap_txt=CVAT, class_dict_csv="name,r,g,b\na,0,0,0\nb,0,0,1\n")
    found = read_label_file(tmp_path / "class_dict.csv", "mine")
    assert found.taxonomy.name == found.imported.mapping.name == "mine"
    assert found.taxonomy.names == ("a", "b")
    with pytest.raises(InputError, match="unknown format"):
        read_label_file(lay(tmp_path, notes_txt="a b\n") / "notes.txt", "mine")
