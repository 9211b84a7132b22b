"""A name a line, as PaddleSeg, Keras and labelme have them."""

from pathlib import Path

import pytest

from segexp.labels.importers._file import ForeignFile
from segexp.labels.importers.label_names import IMPORTER
from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import by_class, faults_of, imported, write


def ids_of(path) -> dict[str, int]:
    taxonomy = imported(path, None, new_taxonomy="own").mapping.taxonomy
    default = taxonomy.encodings["default"]
    named = {taxonomy.names[index]: i for i, index in default.items() if index != VOID}
    return named | {f"void {i}": i for i, index in default.items() if index == VOID}


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("road\ntraffic light\r\nsky\n\n\n", {"road": 0, "traffic light": 1, "sky": 2}),
        ("# PASCAL\n_background_\ncat\ndog", {"background": 0, "cat": 1, "dog": 2}),
        ("0 road\n7: traffic light\n3,sky\n", {"road": 0, "traffic light": 7, "sky": 3}),
        ("1 road\n2\tsky\n-1 other\n", {"road": 1, "sky": 2, "other": -1}),
    ],
)
def test_the_place_of_a_line_is_the_raw_id_unless_it_begins_with_a_number(tmp_path, text, ids):
    assert ids_of(write(tmp_path / "labels.txt", text)) == ids | {"void 255": 255}


def test_labelmes_ignore_is_minus_1_and_255_and_its_background_0(tmp_path):
    path = write(tmp_path / "labels.txt", "__ignore__\n_background_\naeroplane\nbus\n")
    assert ids_of(path) == {
        "background": 0,
        "aeroplane": 1,
        "bus": 2,
        "void -1": -1,
        "void 255": 255,
    }


def test_a_name_may_have_a_slash(tmp_path):
    path = write(tmp_path / "class_names.txt", "_background_\npotted plant\ntv/monitor")
    assert ids_of(path) == {"background": 0, "potted plant": 1, "tv/monitor": 2, "void 255": 255}


def test_names_are_matched_with_the_labels_of_a_taxonomy(tmp_path):
    found = imported(write(tmp_path / "labels.txt", "sky\nTraffic_Light\n"))
    assert by_class(found) == {"sky": ("sky",), "Traffic_Light": ("traffic light",)}


def test_an_empty_line_would_shift_the_ids(tmp_path):
    assert faults_of(write(tmp_path / "labels.txt", "road\n\nsky\n"), None, new_taxonomy="x") == [
        "FILE:2: empty, but the place of a line is the raw id of its label: delete the line, or "
        "write a name into it"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a/1.png\na/2.png\n",
        "2007_1.jpg\n2007_2.jpg\n",
        "1\n2\n",
        "road\nroad\n",
        "only\n",
        "a, b\nc\n",
    ],
)
def test_lists_of_files_and_of_numbers_are_no_names(text):
    assert not IMPORTER.recognised(ForeignFile(Path("labels.txt"), text))
