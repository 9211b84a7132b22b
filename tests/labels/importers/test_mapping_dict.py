import json

import pytest

from segexp.labels.taxonomy import Taxonomy, parse_taxonomy
from tests.labels.importers.foreign import (
    CITYSCAPES,
    FOUNDING,
    by_class,
    faults_of,
    imported,
    shipped,
    write,
)

UNLABELLED = "unlabelled pixels are trained as 'background'; --background-as-void leaves them out"

GOOD = "mapping_dict: {-1: 0, 0: 1, 1: 2, 2: 2}\nclasses: [background, road, rest]\n"


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
    assert found.notes == (UNLABELLED,)


def test_unlabelled_pixels_in_a_class_that_is_no_background_are_noted_too(tmp_path):
    text = "mapping_dict: {-1: 0, 0: 0, 1: 1, 2: 1}\nclasses: [road, rest]\n"
    assert imported(write(tmp_path / "a.yaml", text)).notes == (
        "unlabelled pixels are trained as 'road'; a class called void would leave them out",
    )


def test_a_number_of_thousands_of_digits_is_not_printed_whole(tmp_path):
    huge = "9" * 4000
    ids = f'{{"0": {huge}, "1": 1, "{huge}": 1}}'
    text = f'{{"mapping_dict": {ids}, "classes": ["road", "rest"]}}'
    faults = faults_of(write(tmp_path / "a.json", text))
    assert [fault[:40] for fault in faults] == [
        "FILE: mapping_dict[0]: 99999999999999999",
        "FILE: mapping_dict['99999999999999999999",
    ]
    assert max(map(len, faults)) < 160


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
        "not a raw id of the taxonomy, which has -1..2, 255, so ignored: 19 -> ghost",
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


def test_without_names_no_class_id_is_told_to_have_none(tmp_path):
    (fault,) = faults_of(write(tmp_path / "a.yaml", "mapping_dict: {0: 0, 1: 1, 2: 255}\n"))
    assert fault.startswith("FILE: classes: ")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("mapping_dict: {0: 0}\n", "classes: None; expected 1 to 256 names"),
        ("mapping_dict: []\nclasses: [a]\n", "mapping_dict: []; expected `raw id: class id` lines"),
        (GOOD + "color_map: red\n", "color_map: 'red'; expected colours as a list"),
        ("mapping_dict: {0: 0, 0: 1}\nclasses: [a]\n", ":1:22: the key 0 appears twice"),
        ("mapping_dict: {0: &a 0, 1: *a}\nclasses: [a]\n", ":1:19: anchors and aliases are not"),
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
    assert found.notes == (UNLABELLED,)


def test_the_founding_dictionary_as_it_is_trains_road_as_background(tmp_path):
    found = imported(write(tmp_path / "founding.yaml", FOUNDING), CITYSCAPES)
    assert by_class(found)["background"] == ("void", "road", "traffic light")
    assert by_class(found)["road"] == ("sidewalk", "building")
    assert "19 -> background" in found.notes[0]
    assert found.notes[1:] == (UNLABELLED,)


@pytest.fixture
def from_one() -> Taxonomy:
    """A taxonomy whose masks hold 0 for void, and labels from 1."""
    names = enumerate(("tree", "road", "sky"), 1)
    rows = [{"name": name, "id": i, "color": [i, i, i]} for i, name in names]
    return parse_taxonomy("t", {"name": "from_one", "labels": rows, "void": [0]})[0]


def test_a_shift_that_would_list_the_missing_raw_ids_is_named_in_the_fault(tmp_path, from_one):
    text = "mapping_dict: {0: 0, 1: 1, 2: 2}\nclasses: [tree, road, sky]\n"
    (fault,) = faults_of(write(tmp_path / "a.yaml", text), from_one)
    assert "no entry for the raw ids 3 (sky)" in fault
    assert fault.endswith("(--shift 1 would list them all)")
    text = "mapping_dict: {3: 0, 4: 1, 5: 2}\nclasses: [tree, road, sky]\n"
    path = write(tmp_path / "b.yaml", text)
    (fault,) = faults_of(path, from_one, shift=-1)
    assert fault.endswith("(--shift -2 would list them all)")
    assert imported(path, from_one, shift=-2).mapping.names == ("tree", "road", "sky")
