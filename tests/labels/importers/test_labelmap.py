"""The lines of CVAT's labelmap.txt."""

import pytest

from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import by_class, faults_of, imported, write

CVAT = """\
# label:color_rgb:parts:actions
background:0,0,0::
road:128,64,128::
traffic light:250,170,30:lamp,pole:
"""


@pytest.mark.parametrize("text", [CVAT, CVAT.replace("\n", "\r\n"), "\ufeff" + CVAT])
def test_each_line_is_a_label_with_its_colour(tmp_path, text):
    found = imported(write(tmp_path / "labelmap.txt", text), None, new_taxonomy="cvat")
    assert found.format == "labelmap"
    taxonomy = found.mapping.taxonomy
    assert taxonomy.names == ("background", "road", "traffic light")
    assert taxonomy.colors == ((0, 0, 0), (128, 64, 128), (250, 170, 30))
    assert taxonomy.encodings == {"default": {0: 0, 1: 1, 2: 2, 255: VOID}}


def test_the_background_is_void_where_that_is_asked_for(tmp_path):
    path = write(tmp_path / "labelmap.txt", CVAT)
    found = imported(path, None, new_taxonomy="cvat", background_as_void=True)
    assert by_class(found) == {"road": ("road",), "traffic light": ("traffic light",)}


def test_lines_without_parts_are_read_and_other_lines_are_told(tmp_path):
    path = write(tmp_path / "labelmap.txt", "road:128,64,128\nsky:70,130,180:\n")
    assert by_class(imported(path)) == {"road": ("road",), "sky": ("sky",)}
    path = write(tmp_path / "labelmap.txt", "road:128,64,128\nsky\ncar:1,2,300::\n:1,2,3::\n")
    assert faults_of(path) == [
        "FILE:2: 'sky'; expected name:r,g,b",
        "FILE:3: [1, 2, 300]; expected [r, g, b] with whole numbers from 0 to 255",
        "FILE:4: ':1,2,3::'; expected name:r,g,b",
    ]
