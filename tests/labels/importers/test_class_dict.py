"""Names with colours in four columns, as Kaggle's CamVid has them."""

import pytest

from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import by_class, faults_of, imported, write

TABLE = """\
name,r,g,b
Traffic Light,250,170,30
Sky,70,130,180
Void,0,0,0
"""


@pytest.mark.parametrize("header", ["name,r,g,b", "name, r, g, b", "Name;R;G;B"])
def test_labels_are_matched_by_name_and_have_the_colours_of_the_file(tmp_path, header):
    separator = ";" if ";" in header else ","
    rows = TABLE.partition("\n")[2].replace(",", separator)
    found = imported(write(tmp_path / "class_dict.csv", f"{header}\n{rows}"))
    assert found.format == "class-dict"
    assert by_class(found) == {"Traffic Light": ("traffic light",), "Sky": ("sky",)}
    assert found.mapping.colors.tolist() == [[250, 170, 30], [70, 130, 180]]


def test_a_new_taxonomy_numbers_the_rows_and_its_void_label_is_no_class(tmp_path):
    path = write(tmp_path / "class_dict.csv", TABLE)
    mapping = imported(path, None, new_taxonomy="camvid").mapping
    assert mapping.taxonomy.names == ("Traffic Light", "Sky", "Void")
    assert mapping.taxonomy.encodings == {"default": {0: 0, 1: 1, 2: 2, 255: VOID}}
    assert mapping.names == ("Traffic Light", "Sky")


def test_every_row_that_is_not_a_name_and_a_colour_is_told(tmp_path):
    content = "name,r,g,b\nroad,128,64\n,1,2,3\nsky,70,130,280\ncar,a,0,0\n"
    assert faults_of(write(tmp_path / "class_dict.csv", content)) == [
        "FILE:2: 'road, 128, 64'; expected name, r, g, b",
        "FILE:3: ', 1, 2, 3'; expected name, r, g, b",
        "FILE:4: [70, 130, 280]; expected [r, g, b] with whole numbers from 0 to 255",
        "FILE:5: ['a', '0', '0']; expected [r, g, b] with whole numbers from 0 to 255",
    ]


def test_a_label_called_void_is_void_with_its_colour_unless_another_label_has_that(tmp_path):
    content = "name,r,g,b\nroad,1,2,3\nvoid,0,0,9\nsky,4,5,6\n"
    taxonomy = imported(write(tmp_path / "a.csv", content), None, new_taxonomy="a").mapping.taxonomy
    assert taxonomy.names == ("road", "sky")
    assert taxonomy.encodings == {"default": {0: 0, 1: VOID, 2: 1, 255: VOID}}
    assert taxonomy.void_color == (0, 0, 9)
    content = "name,r,g,b\nbackground,0,0,0\nvoid,0,0,0\nsky,4,5,6\n"
    taxonomy = imported(write(tmp_path / "b.csv", content), None, new_taxonomy="b").mapping.taxonomy
    assert taxonomy.names == ("background", "sky")
    assert taxonomy.colors == ((0, 0, 0), (4, 5, 6))
    assert taxonomy.void_color not in taxonomy.colors
