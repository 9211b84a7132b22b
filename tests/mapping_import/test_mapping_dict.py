import json

import numpy as np
import pytest

from mapping_import.files import (
    CITYSCAPES,
    FOUNDING,
    STREET,
    by_class,
    faults_of,
    imported,
    shipped,
    write,
)
from segexp.mapping_import.numeric_check import numeric_warnings, raw_id_counts
from segexp.taxonomy import Taxonomy, parse_taxonomy

GOOD = "mapping_dict: {-1: 0, 0: 1, 1: 2, 2: 2}\nclasses: [background, road, rest]\n"


def pixels_of(void: int, *labels: int) -> np.ndarray:
    counts = np.zeros(256, np.int64)
    counts[: len(labels)] = labels
    counts[255] = void
    return counts


def test_a_dictionary_becomes_the_mapping_that_it_describes(tmp_path):
    found = imported(write(tmp_path / "a.yaml", GOOD + "color_map: {1: [1, 2, 3]}\n"))
    assert found.format == "mapping-dict"
    assert by_class(found) == {
        "background": ("void",),
        "road": ("road",),
        "rest": ("traffic light", "sky"),
    }
    # A colour that the file does not give is that of the first label, of void (0, 0, 0).
    assert found.mapping.colors.tolist() == [[0, 0, 0], [1, 2, 3], [250, 170, 30]]
    assert found.notes == ()


def test_a_background_is_a_class_unless_it_is_said_to_be_void(tmp_path):
    path = write(tmp_path / "a.yaml", GOOD)
    found = imported(path, background_as_void=True)
    assert by_class(found) == {"road": ("road",), "rest": ("traffic light", "sky")}
    assert found.notes == ("taken for void: 'background' (void)",)


@pytest.mark.parametrize("word", ["void", "ignore", "Unlabeled", "unlabelled"])
def test_a_class_that_is_called_untrained_becomes_void(tmp_path, word):
    text = f"mapping_dict: {{-1: 0, 0: 0, 1: 1, 2: 2}}\nclasses: [{word}, light, sky]\n"
    found = imported(write(tmp_path / "a.yaml", text))
    assert by_class(found) == {"light": ("traffic light",), "sky": ("sky",)}
    assert found.mapping.void_labels == ("road",)
    assert found.notes == (f"taken for void: {word!r} (void, road)",)


def test_the_class_ids_255_and_minus_1_mean_void_where_they_have_no_name(tmp_path):
    text = "mapping_dict: {255: 255, 0: 0, 1: -1, 2: 1}\nclasses: {0: road, 1: sky}\n"
    found = imported(write(tmp_path / "a.yaml", text))
    assert by_class(found) == {"road": ("road",), "sky": ("sky",)}
    assert found.mapping.void_labels == ("traffic light",)


def test_json_has_words_for_keys_and_means_numbers(tmp_path):
    content = {
        "mapping_dict": {"-1": 0, "0": 1, "1": 2, "2": 2},
        "classes": {"0": "background", "1": "road", "2": "rest"},
        "color_map": {"rest": [7, 8, 9]},
    }
    from_json = imported(write(tmp_path / "a.json", json.dumps(content)))
    assert by_class(from_json) == by_class(imported(write(tmp_path / "a.yaml", GOOD)))
    assert from_json.mapping.colors.tolist()[2] == [7, 8, 9]


def test_a_class_without_labels_is_left_out_with_a_note(tmp_path):
    text = "mapping_dict: {0: 0, 1: 2, 2: 2, 19: 1}\nclasses: [road, ghost, rest]\n"
    found = imported(write(tmp_path / "a.yaml", text))
    assert found.mapping.names == ("road", "rest")
    assert found.notes == (
        "no raw id of the taxonomy, which knows -1..2, 255, so ignored: 19 -> ghost",
        "no label falls into ghost: left out, the classes after it move up",
    )


def test_raw_ids_of_labels_that_are_missing_are_a_fault_that_lists_them(tmp_path):
    path = write(tmp_path / "a.yaml", "mapping_dict: {-1: 0, 1: 1}\nclasses: [a, b]\n")
    assert faults_of(path) == [
        "FILE: mapping_dict: no entry for the raw ids 0 (road), 2 (sky); the taxonomy knows "
        "-1..2, 255, the file lists -1, 1"
    ]


def test_void_ids_of_two_classes_contradict_each_other(tmp_path):
    text = "mapping_dict: {-1: 0, 255: 1, 0: 0, 1: 1, 2: 1}\nclasses: [a, b]\n"
    assert faults_of(write(tmp_path / "a.yaml", text)) == [
        "FILE: mapping_dict[255]: 'void' falls into 'b', but at FILE: mapping_dict[-1] into 'a'; "
        "one class only"
    ]


def test_every_fault_of_a_dictionary_comes_at_once(tmp_path):
    text = """\
mapping_dict: {0: 0, "0": 1, x: 1, 1: one, 2: 9}
classes: [road, road, 3]
color_map: {7: [1, 2, 3], 0: [1, 2], road: blue}
"""
    assert faults_of(write(tmp_path / "a.yaml", text)) == [
        "FILE: classes[2]: 3; expected a word",
        "FILE: classes[0]: 'road' appears twice",
        "FILE: classes[1]: 'road' appears twice",
        "FILE: mapping_dict['0']: expected a whole number for a raw id, once",
        "FILE: mapping_dict['x']: expected a whole number for a raw id, once",
        "FILE: mapping_dict[1]: 'one'; expected a class id",
        "FILE: mapping_dict[2]: class id 9 has no name in classes, which has 0..2",
        "FILE: color_map[7]: no class of that id or name in classes",
        "FILE: color_map[0]: [1, 2]; expected [r, g, b] with whole numbers from 0 to 255",
        "FILE: color_map['road']: 'blue'; expected [r, g, b] with whole numbers from 0 to 255",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("mapping_dict: {0: 0}\n", "classes: None; expected 1 to 256 names"),
        ("mapping_dict: []\nclasses: [a]\n", "mapping_dict: []; expected `raw id: class id` lines"),
        (GOOD + "color_map: red\n", "color_map: 'red'; expected colours as a list"),
        ("mapping_dict: {0: 0, 0: 1}\nclasses: [a]\n", ":1:22: the key 0 appears twice"),
        ("mapping_dict: {0: &a 0, 1: *a}\nclasses: [a]\n", ":1:28: aliases are not allowed"),
        ("mapping_dict: !!python/name:os.system\n", "tags such as"),
        (GOOD + "#" * 65_536, "at most 65536 are read"),
    ],
)
def test_a_file_that_is_no_dictionary_is_refused(tmp_path, text, fault):
    assert fault in faults_of(write(tmp_path / "a.yaml", text))[0]


def test_raw_ids_may_follow_another_numbering_of_the_taxonomy(tmp_path):
    ids = {v: k for k, v in CITYSCAPES.encodings["labelIds"].items() if v != 255}
    listed = ", ".join(f"{ids[i]}: {i}" for i in range(19))
    names = ", ".join(CITYSCAPES.names)
    path = write(tmp_path / "a.yaml", f"mapping_dict: {{0: 255, {listed}}}\nclasses: [{names}]\n")
    found = imported(path, CITYSCAPES, encoding="labelIds")
    assert found.mapping.hash == shipped("cityscapes19").hash
    assert faults_of(path, CITYSCAPES, encoding="labelids") == [
        "--encoding 'labelids': cityscapes19 has default, labelIds (did you mean 'labelIds'?)"
    ]


def test_the_founding_dictionary_shifted_is_merged10_with_a_background(tmp_path):
    path = write(tmp_path / "founding.yaml", FOUNDING)
    found = imported(path, CITYSCAPES, shift=-1)
    ours = {frozenset(c.labels): c.name for c in shipped("merged10_background").classes}
    assert {frozenset(c.labels): c.name for c in found.mapping.classes} == ours
    assert found.mapping.void_labels == ()
    assert found.notes == ()


def test_the_founding_dictionary_as_it_is_trains_road_as_background(tmp_path):
    found = imported(write(tmp_path / "founding.yaml", FOUNDING), CITYSCAPES)
    assert by_class(found)["background"] == ("void", "road", "traffic light")
    assert by_class(found)["road"] == ("sidewalk", "building")
    assert len(found.notes) == 1
    assert "19 -> background" in found.notes[0]


def test_the_founding_dictionary_is_warned_of_and_the_shift_is_offered(tmp_path):
    path = write(tmp_path / "founding.yaml", FOUNDING)
    pixels = pixels_of(11, 33, *range(20, 2, -1))
    warnings = numeric_warnings(imported(path, CITYSCAPES), pixels)
    messages = {warning.kind: warning.message for warning in warnings}
    assert list(messages) == ["absent-id", "background-label", "shifted-ids", "shift-offered"]
    assert "19 -> 'background'" in messages["absent-id"]
    assert "0 (road)" in messages["background-label"]
    assert messages["shift-offered"].startswith("--shift -1 applies that")
    assert numeric_warnings(imported(path, CITYSCAPES, shift=-1), pixels) == []


@pytest.fixture
def from_one() -> Taxonomy:
    """A taxonomy whose masks hold 0 for void, and labels from 1."""
    names = enumerate(("tree", "road", "sky"), 1)
    rows = [{"name": name, "id": i, "color": [i, i, i]} for i, name in names]
    return parse_taxonomy("t", {"name": "from_one", "labels": rows, "void": [0]})[0]


def test_a_dictionary_that_begins_too_low_is_offered_the_other_shift(tmp_path, from_one):
    text = "mapping_dict: {0: 1, 1: 2, 2: 0, 3: 0}\nclasses: [background, tree, road]\n"
    path = write(tmp_path / "a.yaml", text)
    warnings = numeric_warnings(imported(path, from_one), pixels_of(5, 20, 30, 10))
    assert warnings[-1].message.startswith("--shift 1 applies that")
    found = imported(path, from_one, shift=1)
    assert by_class(found) == {"background": ("sky",), "tree": ("tree",), "road": ("road",)}


def test_a_shift_that_would_list_the_missing_raw_ids_is_named_in_the_fault(tmp_path, from_one):
    text = "mapping_dict: {0: 0, 1: 1, 2: 2}\nclasses: [tree, road, sky]\n"
    (fault,) = faults_of(write(tmp_path / "a.yaml", text), from_one)
    assert "no entry for the raw ids 3 (sky)" in fault
    assert fault.endswith("(--shift 1 would list them all)")


def test_void_pixels_count_for_one_raw_id_and_labels_for_theirs():
    counts = raw_id_counts(pixels_of(9, 3, 2, 1), STREET.encodings["default"])
    assert counts == {0: 3, 1: 2, 2: 1, -1: 9}
