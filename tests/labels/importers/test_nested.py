"""Mappings that stand somewhere in another project's configuration, in any of three forms."""

import json

import pytest

from segexp.labels.importer import Choices, import_mapping
from tests.labels.importers.foreign import by_class, faults_of, imported, write

CLASSES = {
    "a list": ["way", "lamp", "sky"],
    "id: name": {0: "way", 1: "lamp", 2: "sky"},
    "name: id": {"sky": 2, "way": 0, "lamp": 1},
}
NUMBERS = {
    "a list": [0, 1, 2],
    "raw id: class id": {0: 0, 1: 1, 2: 2},
    "raw id: class": {0: "way", 1: "lamp", 2: "sky"},
}
EXPECTED = {"way": ("road",), "lamp": ("traffic light",), "sky": ("sky",)}


def within(content: dict, depth: int) -> dict:
    for level in range(depth):
        content = {"trainer": {"lr": level}, "dataset": [{"other": 1}, content]}
    return content


@pytest.mark.parametrize("classes", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("depth", [0, 1, 4])
def test_every_form_at_any_depth_is_the_same_mapping(tmp_path, classes, numbers, depth):
    content = within({"mapping_dict": numbers, "classes": classes}, depth)
    found = imported(write(tmp_path / "a.json", json.dumps(content)))
    assert found.format == "mapping-dict"
    assert by_class(found) == EXPECTED


def test_classes_may_stand_elsewhere_than_the_dictionary(tmp_path):
    text = "mapping_dict: {0: 0, 1: 1, 2: 1}\ndata:\n  names:\n    classes: {way: 0, rest: 1}\n"
    found = imported(write(tmp_path / "a.yaml", text))
    assert by_class(found) == {"way": ("road",), "rest": ("traffic light", "sky")}


def test_faults_name_the_path_to_the_key(tmp_path):
    text = "data:\n  - x: 1\n  - mapping_dict: {0: 0, 1: 7, x: 1}\n    classes: {way: 0, rest: 1}"
    assert faults_of(write(tmp_path / "a.yaml", text)) == [
        "FILE: data[1].mapping_dict['x']: expected a whole number for a raw id, once",
        "FILE: data[1].mapping_dict[1]: class id 7 has no name in classes, which has 0..1",
    ]


def test_two_dictionaries_are_refused_with_their_places(tmp_path):
    each = "  {mapping_dict: {0: 0, 1: 1, 2: 1}, classes: [way, rest]}\n"
    text = f"coarse:\n{each}fine:\n{each}"
    assert faults_of(write(tmp_path / "a.yaml", text)) == [
        "FILE: mapping_dict appears 2 times: coarse.mapping_dict, fine.mapping_dict; keep one of "
        "them"
    ]


def test_two_names_of_one_id_are_refused(tmp_path):
    text = "mapping_dict: {0: 0, 1: 1, 2: 1}\nclasses: {way: 0, street: 0, rest: 1}\n"
    assert "FILE: classes[0]: expected a whole number, once" in (
        faults_of(write(tmp_path / "a.yaml", text))
    )


@pytest.mark.parametrize("classes", CLASSES.values(), ids=CLASSES)
def test_a_palette_at_any_depth_makes_a_taxonomy(tmp_path, classes):
    palette = [[1, 1, 1], [2, 2, 2], [3, 3, 3]]
    content = within({"classes": classes, "palette": palette}, 2)
    path = write(tmp_path / "a.json", json.dumps(content))
    found = import_mapping(path, "m", "auto", None, Choices(new_taxonomy="own"))
    assert found.format == "mmseg"
    taxonomy = found.mapping.taxonomy
    assert taxonomy.names == ("way", "lamp", "sky")
    assert taxonomy.encodings["default"] == {0: 0, 1: 1, 2: 2, 255: 255}


def test_the_files_own_ids_are_the_taxonomys(tmp_path):
    text = "data: {classes: {house: 255, background: 0}, palette: [[0, 0, 0], [9, 9, 9]]}\n"
    path = write(tmp_path / "a.yaml", text)
    taxonomy = import_mapping(path, "m", "auto", None, Choices(new_taxonomy="own")).mapping.taxonomy
    assert taxonomy.names == ("background", "house")
    assert taxonomy.encodings["default"] == {0: 0, 255: 1}
    assert taxonomy.void_color not in taxonomy.colors


def test_a_number_of_classes_is_no_listing(tmp_path):
    (fault,) = faults_of(write(tmp_path / "a.yaml", "model: {classes: 19}\n"))
    assert fault.startswith("FILE: unknown format")
