import os
from pathlib import Path

import pytest

from segexp.core.errors import InputError
from segexp.labels.importer import Choices, import_mapping, recognise_format
from segexp.labels.importers import importer_names
from segexp.labels.importers._file import ForeignFile
from tests.labels.importers.foreign import MAPPINGS, STREET, faults_of, imported, write


@pytest.mark.parametrize(
    ("name", "text", "format_name"),
    [
        ("a.yaml", "mapping_dict: {}\n", "mapping-dict"),
        ("a.JSON", '{"mapping_dict": {}, "classes": []}', "mapping-dict"),
        ("a.yml", "classes: [a]\n", "mmseg"),
        ("a.json", '{"METAINFO": {}}', "mmseg"),
        ("a.json", '{"CLASSES": ["a", "b"]}', "mmseg"),
        ("a.json", '[{"name": "a", "color": "#0a0b0c"}]', "label-list"),
        ("a.json", '{"classes": [{"id": 1, "name": "a"}]}', "label-list"),
        (
            "a.yaml",
            "info: {}\nlicenses: [{id: 1, name: x}]\ncategories: [{id: 1, name: a}]\n",
            "label-list",
        ),
        ("a.py", "CLASSES = ()\n", "mmseg"),
        ("a.py", "METAINFO = dict()\n", "mmseg"),
        ("a.py", "labels = [Label('road')]\n", "cityscapes-labels"),
        ("a.csv", "name,id,trainId\n", "cityscapes-labels"),
        ("a.tsv", "ade20k\tuniversal\tvoc\n", "mseg"),
        ("a.csv", "road,flat\n", "csv"),
        ("a.txt", "road\tflat\n", "csv"),
        ("a.csv", "Pixel Value, Class\n0, background\n", "id-table"),
        ("a.txt", "Idx\tRatio\tTrain\tVal\tName\n1\t0.2\t4\t5\twall, walls\n", "id-table"),
        ("a.csv", "id,name\n1,road\n", "id-table"),
        ("a.csv", "name,r,g,b\n", "class-dict"),
        ("a.txt", "road:1,2,3::\n", "labelmap"),
        ("a.txt", "road\ntraffic light\n", "label-names"),
        ("a.txt", "0,road\n1,sky\n", "label-names"),
        (
            "a.json",
            '{"labels": [{"name": "a--b", "readable": "B", "color": [1, 2, 3]}]}',
            "mapillary",
        ),
        ("a.json", '{"labels": {"background": 0}, "channel_names": {"0": "R"}}', "nnunet"),
        ("a.json", '{"labels": {"0": "background"}, "modality": {"0": "R"}}', "nnunet"),
        (
            "a.json",
            '{"classes": [{"title": "a", "color": "#0a0b0c", "shape": "any"}]}',
            "supervisely",
        ),
        ("a.json", '{"a": [1, 1, 1], "b": [2, 2, 2]}', "supervisely"),
        ("a.yaml", "names: [a, b]\nnc: 2\n", "ultralytics"),
        ("a.yaml", "train: images\nnames: {0: a}\n", "ultralytics"),
        ("a.json", '{"0": "a", "1": "b"}', "id2label"),
        ("a.json", '{"a": 0, "b": 1}', "id2label"),
        (
            "config.json",
            '{"model_type": "segformer", "id2label": {"0": "a", "1": "b"}}',
            "id2label",
        ),
    ],
)
def test_a_format_is_told_from_the_ending_and_the_content(name, text, format_name):
    assert recognise_format(ForeignFile(Path(name), text)) == format_name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "- 1\n"),
        ("a.yaml", "x: 1\n"),
        ("a.json", '[{"name": "a"}]'),
        ("a.json", '{"licenses": [{"id": 1, "name": "CC-BY"}]}'),
        ("a.py", "x = 1\n"),
        ("a.csv", "a,b,c\n"),
    ],
)
def test_what_is_no_known_format_is_told_with_what_its_kind_of_file_may_hold(tmp_path, name, text):
    (fault,) = faults_of(write(tmp_path / name, text))
    assert fault.startswith("FILE: unknown format; looked for ")
    assert ("two columns" in fault) == name.endswith("csv")
    assert ("METAINFO in .py" in fault) != name.endswith("csv")
    assert fault.endswith("and import that")


def test_a_file_whose_name_says_nothing_is_to_be_renamed_or_its_format_named(tmp_path):
    assert faults_of(write(tmp_path / "a.bin", "road,flat\n")) == [
        "FILE: its name ends in none of .csv, .json, .names, .py, .tsv, .txt, .yaml, .yml: rename "
        f"it, or say what it is with --format {'|'.join(importer_names())}"
    ]


def test_a_named_format_is_not_doubted(tmp_path):
    path = write(tmp_path / "a.bin", "road,flat\nsky,sky\ntraffic light,flat\n")
    found = import_mapping(path, "m", "csv", STREET, Choices())
    assert found.mapping.names == ("flat", "sky")


def test_our_own_mapping_needs_no_import():
    with pytest.raises(InputError, match="is a mapping of segexp already; copy it into mappings/"):
        imported(MAPPINGS / "merged10.yaml")
    with pytest.raises(InputError, match="is a taxonomy of segexp already; copy it into mappings/"):
        imported(MAPPINGS / "taxonomies" / "camvid11.yaml")


def test_choices_of_other_formats_are_refused_together(tmp_path):
    path = write(tmp_path / "a.csv", "road,flat\n")
    said = {"by": "category", "column": "x", "encoding": "y", "shift": -1, "new_taxonomy": "z"}
    *faults, last = faults_of(path, **said)
    assert faults == [
        "--by: is for cityscapes-labels; this file is csv",
        "--column: is for mseg; this file is csv",
        "--encoding: is for mapping-dict; this file is csv",
        "--shift: is for mapping-dict; this file is csv",
    ]
    assert last.startswith("--new-taxonomy: is for cityscapes-labels, ")
    assert last.endswith(", ultralytics; this file is csv")


def test_a_file_that_cannot_be_text_is_refused(tmp_path):
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.csv").write_bytes(b"a" * (1 << 18) + b"b")
    os.mkfifo(tmp_path / "pipe.csv")
    assert faults_of(tmp_path / "binary.csv") == ["FILE: not UTF-8 text (byte 0)"]
    assert faults_of(tmp_path / "large.csv") == ["FILE: 262145 bytes; at most 262144 are read"]
    assert faults_of(tmp_path / "absent.csv") == ["FILE: cannot be read: No such file or directory"]
    assert faults_of(tmp_path / "pipe.csv") == ["FILE: is not a file"]
    assert faults_of(tmp_path) == ["FILE: is not a file"]
