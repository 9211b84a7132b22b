"""Datumaro's dataset_meta.json."""

import json

from segexp.labels.label_file import find_label_file
from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import faults_of, imported, write

META = {
    "label_map": {"0": "background", "2": "person", "1": "car"},
    "segmentation_colors": [[0, 0, 0], [255, 0, 0], [0, 0, 255]],
    "background_label": "0",
}


def test_a_label_has_the_colour_at_the_place_of_its_id(tmp_path):
    found = imported(write(tmp_path / "a.json", json.dumps(META)), None, new_taxonomy="own")
    assert found.format == "datumaro"
    taxonomy = found.mapping.taxonomy
    assert taxonomy.names == ("background", "car", "person")
    assert taxonomy.colors == ((0, 0, 0), (255, 0, 0), (0, 0, 255))
    assert taxonomy.encodings == {"default": {0: 0, 1: 1, 2: 2, 255: VOID}}


def test_labels_may_have_no_colours(tmp_path):
    content = {"label_map": META["label_map"]}
    found = imported(write(tmp_path / "a.json", json.dumps(content)), None, new_taxonomy="own")
    assert found.says == ("ids",)
    assert found.mapping.names == ("background", "car", "person")


def test_what_is_no_id_no_word_and_no_colour_is_told(tmp_path):
    content = {"label_map": {"x": "cat", "1": ""}, "segmentation_colors": [[0, 0, 0]]}
    assert faults_of(write(tmp_path / "dataset_meta.json", json.dumps(content))) == [
        "FILE: label_map['x']: expected a whole number, once",
        "FILE: label_map[0]: ''; expected a word",
        "FILE: segmentation_colors[1]: None; expected [r, g, b] with whole numbers from 0 to 255",
    ]


def test_it_is_found_beside_images_and_masks(tmp_path):
    write(tmp_path / "dataset_meta.json", json.dumps(META))
    found = find_label_file(tmp_path, "own")
    assert found is not None and found.imported.format == "datumaro"
