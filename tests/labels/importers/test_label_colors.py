"""The lines of CamVid's label_colors.txt."""

import pytest

from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import faults_of, imported, write

# The first lines of the file that CamVid's authors give out.
CAMVID = "64 128 64\tAnimal\n192 0 128\tArchway\n0 128 192\tBicyclist\n0 128 64\tBridge\n"


@pytest.mark.parametrize("text", [CAMVID, CAMVID.replace("\t", "  ")])
def test_each_line_is_a_label_with_its_colour(tmp_path, text):
    found = imported(write(tmp_path / "label_colors.txt", text), None, new_taxonomy="camvid")
    assert found.format == "label-colors"
    taxonomy = found.mapping.taxonomy
    assert taxonomy.names == ("Animal", "Archway", "Bicyclist", "Bridge")
    assert taxonomy.colors == ((64, 128, 64), (192, 0, 128), (0, 128, 192), (0, 128, 64))
    assert taxonomy.encodings == {"default": {0: 0, 1: 1, 2: 2, 3: 3, 255: VOID}}


def test_a_black_background_is_a_label_and_names_have_spaces(tmp_path):
    path = write(tmp_path / "label_colors.txt", "0 0 0 background\n0 0 64 clear sky\n")
    taxonomy = imported(path, None, new_taxonomy="synthia").mapping.taxonomy
    assert taxonomy.names == ("background", "clear sky")
    assert taxonomy.void_color != (0, 0, 0)


def test_other_lines_are_told(tmp_path):
    path = write(tmp_path / "label_colors.txt", "0 0 64 sky\n0 64 sea\n1 2 300 car\n")
    assert faults_of(path) == [
        "FILE:2: '0 64 sea'; expected r g b name",
        "FILE:3: [1, 2, 300]; expected [r, g, b] with whole numbers from 0 to 255",
    ]
