import json

import pytest

from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import CITYSCAPES, by_class, faults_of, imported, shipped, write

STREET_CLASSES = {"road": ("road",), "traffic light": ("traffic light",), "sky": ("sky",)}
SOURCE = """\
from mmseg.registry import DATASETS
from .basesegdataset import BaseSegDataset


@DATASETS.register_module()
class StreetDataset(BaseSegDataset):
    METAINFO = dict(
        classes=('road', 'traffic light',
                 'sky'),
        palette=[[1, 2, 3], [4, 5, 6], [7, 8, 9]])

    def __init__(self, seg_map_suffix='.png', **kwargs) -> None:
        super().__init__(seg_map_suffix=seg_map_suffix, **kwargs)
"""
REDUCING = SOURCE.replace("seg_map_suffix=seg_map_suffix,", "reduce_zero_label=True,")
OLD_SOURCE = """\
class StreetDataset(CustomDataset):
    CLASSES = ('road', 'traffic light', 'sky')
    PALETTE = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
"""
CONTENT = {
    "classes": ["road", "traffic light", "sky"],
    "palette": [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
}
COLORS_BY_ID = {"2": [7, 8, 9], "0": [1, 2, 3], "1": [4, 5, 6]}
COLORS_BY_NAME = {"sky": [7, 8, 9], "road": [1, 2, 3], "traffic light": [4, 5, 6]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("street.py", SOURCE),
        (
            "street.py",
            SOURCE.replace("dict(", "{")
            .replace("9]])", "9]]}")
            .replace("classes=", "'classes': ")
            .replace("palette=", "'palette': "),
        ),
        ("street.py", OLD_SOURCE),
        ("street.json", json.dumps(CONTENT)),
        ("street.json", json.dumps({"metainfo": CONTENT})),
        ("street.json", json.dumps({k.upper(): v for k, v in CONTENT.items()})),
        (
            "street.json",
            json.dumps({"a": {"CLASSES": CONTENT["classes"], "PALETTE": COLORS_BY_ID}}),
        ),
        ("street.json", json.dumps(CONTENT | {"palette": COLORS_BY_ID})),
        ("street.json", json.dumps(CONTENT | {"palette": COLORS_BY_NAME})),
        ("street.json", json.dumps({"model": {"classes": {"n": 5, "in": 3}}, "data": CONTENT})),
        ("street.yaml", json.dumps(CONTENT)),
        ("street.yml", f"METAINFO: {json.dumps(CONTENT)}"),
    ],
)
def test_every_class_becomes_the_label_of_its_name(tmp_path, name, text):
    found = imported(write(tmp_path / name, text))
    assert found.format == "mmseg"
    assert by_class(found) == STREET_CLASSES
    assert found.mapping.colors.tolist() == CONTENT["palette"]
    assert found.notes == ()


def test_cityscapes_classes_are_our_baseline(tmp_path):
    text = f"METAINFO = dict(classes={CITYSCAPES.names}, palette={list(CITYSCAPES.colors)})\n"
    found = imported(write(tmp_path / "cityscapes.py", text), CITYSCAPES)
    assert found.mapping.classes == shipped("cityscapes19").classes


def test_names_are_found_by_their_letters_where_that_is_unambiguous(tmp_path):
    path = write(tmp_path / "a.json", json.dumps({"classes": ["Road", "TrafficLight", "SKY"]}))
    found = imported(path)
    assert by_class(found) == {
        "Road": ("road",),
        "TrafficLight": ("traffic light",),
        "SKY": ("sky",),
    }


def test_labels_that_are_not_listed_are_void_with_a_note(tmp_path):
    found = imported(write(tmp_path / "a.json", '{"classes": ["road", "sky"]}'))
    assert found.mapping.void_labels == ("traffic light",)
    assert found.notes == ("in no class of the file, so void: traffic light",)


def test_unknown_names_are_all_listed(tmp_path):
    path = write(tmp_path / "a.json", '{"classes": ["rode", "traffic lihgt", "sky"]}')
    assert faults_of(path)[:2] == [
        "FILE: classes[0]: 'rode' is not a label of street (did you mean 'road'?)",
        "FILE: classes[1]: 'traffic lihgt' is not a label of street "
        "(did you mean 'traffic light'?)",
    ]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (SOURCE, {0: 0, 1: 1, 2: 2, 255: VOID}),
        (REDUCING, {1: 0, 2: 1, 3: 2, 0: VOID, 255: VOID}),
        (
            SOURCE.replace("suffix='.png',", "suffix='.png', reduce_zero_label=True,"),
            {1: 0, 2: 1, 3: 2, 0: VOID, 255: VOID},
        ),
        (
            SOURCE.replace("suffix='.png',", "suffix='.png', reduce_zero_label=False,"),
            {0: 0, 1: 1, 2: 2, 255: VOID},
        ),
        (REDUCING.replace("label=True", "label=False"), {0: 0, 1: 1, 2: 2, 255: VOID}),
    ],
)
def test_a_new_taxonomy_numbers_the_classes_as_mmsegmentation_does(tmp_path, text, ids):
    found = imported(write(tmp_path / "street.py", text), None, new_taxonomy="mine")
    assert found.new_taxonomy
    assert found.mapping.taxonomy.encodings == {"default": ids}
    assert found.mapping.taxonomy.colors == ((1, 2, 3), (4, 5, 6), (7, 8, 9))
    assert by_class(found) == STREET_CLASSES


def test_a_palette_by_the_ids_of_the_classes_is_in_their_order(tmp_path):
    content = {"classes": {"7": "road", "3": "sky"}, "palette": {"7": [1, 2, 3], "3": [4, 5, 6]}}
    path = write(tmp_path / "a.json", json.dumps(content))
    found = imported(path, None, new_taxonomy="mine").mapping.taxonomy
    assert dict(zip(found.names, found.colors, strict=True)) == {
        "sky": (4, 5, 6),
        "road": (1, 2, 3),
    }
    assert found.encodings == {"default": {3: 0, 7: 1, 255: VOID}}


def test_of_several_classes_those_that_are_names_are_meant(tmp_path):
    text = "model:\n  classes: {n: [5], names: 3}\ndata:\n  classes: [road, sky]\n"
    found = imported(write(tmp_path / "a.yaml", text))
    assert by_class(found) == {"road": ("road",), "sky": ("sky",)}
    text = "fine:\n  classes: [road, sky]\ncoarse:\n  classes: [way, rest]\n"
    assert faults_of(write(tmp_path / "b.yaml", text)) == [
        "FILE: classes appears 2 times: fine.classes, coarse.classes; keep one of them"
    ]


def test_two_labels_of_one_colour_are_said_with_the_way_out(tmp_path):
    content = {
        "classes": ["Background", "Void", "cat"],
        "palette": [[0, 0, 0], [0, 0, 0], [200, 10, 10]],
    }
    path = write(tmp_path / "bv.json", json.dumps(content))
    (note,) = [n for n in imported(path, None, new_taxonomy="tbv").notes if "one colour" in n]
    assert note.startswith(
        "'Background' and 'Void' have one colour, (0, 0, 0): masks that hold ids"
    )
    assert "keep one of them in bv.json, or none and it is void, or give each its own" in note
    many = {"classes": [*"abcdefghij"], "palette": [[i // 2, 0, 0] for i in range(10)]}
    path = write(tmp_path / "many.json", json.dumps(many))
    (note,) = [n for n in imported(path, None, new_taxonomy="tm").notes if "one colour" in n]
    assert "'e' and 'f' have one colour, (2, 0, 0), and so in 2 more cases: masks" in note
    del content["classes"][1], content["palette"][1]
    path = write(tmp_path / "b.json", json.dumps(content))
    assert not any("one colour" in n for n in imported(path, None, new_taxonomy="tb").notes)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        (
            "a.py",
            "METAINFO = dict(classes=CLASSES)",
            "FILE:1: classes is computed; only written-out values are read, nothing is executed",
        ),
        (
            "a.py",
            "METAINFO = make()",
            "FILE:1: METAINFO: expected dict(classes=..., palette=...)",
        ),
        ("a.py", SOURCE + SOURCE, "FILE: METAINFO appears 2 times, in lines 7, 20; expected one"),
        ("a.py", "# METAINFO", "FILE: no METAINFO with `classes` and `palette` in it"),
        ("a.json", '{"classes": 5}', "FILE: classes: 5; expected a list of names"),
        (
            "a.json",
            '{"classes": ["a", "b"], "palette": [[0, 0, 0]]}',
            "FILE: palette: 1 colours for 2 classes",
        ),
        (
            "a.json",
            '{"classes": ["a", 5], "palette": [[0, 0, 0], 7]}',
            "FILE: classes[1]: 5; expected a word",
        ),
        (
            "a.json",
            '{"classes": ["a", "b"], "palette": {"0": [0, 0, 0], "2": [0, 0, 0]}}',
            "FILE: palette['2']: no class of that id or name in classes",
        ),
        (
            "a.json",
            '{"classes": ["a", "b"], "palette": {"0": [0, 0, 0]}}',
            "FILE: palette: no colour of 'b'",
        ),
        (
            "a.json",
            '{"classes": ["a", "b"], "palette": {"0": [0, 0, 0], "a": [0, 0, 0]}}',
            "FILE: palette['a']: a second colour of 'a'",
        ),
        ("a.json", '{"classes": [], "classes": []}', "FILE: the key 'classes' appears twice"),
        ("a.json", '{"classes": [}', "FILE:1:14: Expecting value"),
        ("a.json", "[" * 100_000, "FILE: cannot be parsed: nested too deeply"),
    ],
)
def test_a_file_that_is_no_metainfo_is_refused(tmp_path, name, text, fault):
    assert faults_of(write(tmp_path / name, text))[0] == fault


@pytest.mark.parametrize("depth", [25, 900, 5000])
def test_json_that_is_nested_without_end_is_refused(tmp_path, depth):
    text = '{"classes": ' + "[" * depth + "]" * depth + "}"
    (fault,) = faults_of(write(tmp_path / "a.json", text))
    assert "nested" in fault
    assert len(fault) < 200


def test_names_without_end_are_one_fault(tmp_path):
    text = json.dumps({"classes": ["a"] * 20_000, "palette": []})
    assert faults_of(write(tmp_path / "a.json", text)) == [
        "FILE: classes: 20000 names; at most 4096 are read"
    ]
