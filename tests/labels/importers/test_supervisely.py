"""Supervisely's meta.json, and the ids of its machine masks."""

import json

from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import faults_of, imported, write

META = {
    "classes": [
        {"title": "Cat", "shape": "bitmap", "color": "#D0021B", "geometry_config": {}, "id": 9071},
        {"title": "dog", "shape": "polygon", "color": "#50E3C2", "id": 9072},
    ],
    "tags": [],
    "projectType": "images",
}


def test_the_background_is_0_and_the_classes_are_numbered_from_1(tmp_path):
    path = write(tmp_path / "meta.json", json.dumps(META))
    found = imported(path, None, new_taxonomy="own")
    assert found.format == "supervisely"
    taxonomy = found.mapping.taxonomy
    assert taxonomy.names == found.mapping.names == ("background", "Cat", "dog")
    assert taxonomy.colors == ((0, 0, 0), (208, 2, 27), (80, 227, 194))
    assert taxonomy.encodings == {"default": {0: 0, 1: 1, 2: 2, 255: VOID}}
    left_out = imported(path, None, new_taxonomy="own", background_as_void=True)
    assert left_out.mapping.names == ("Cat", "dog")


def test_the_ids_of_the_machine_masks_are_read(tmp_path):
    text = json.dumps({"Lion's head": [1, 1, 1], "Rope/cable": [4, 4, 4]})
    path = write(tmp_path / "obj_class_to_machine_color.json", text)
    taxonomy = imported(path, None, new_taxonomy="own").mapping.taxonomy
    assert taxonomy.names == ("background", "Lion's head", "Rope/cable")
    assert taxonomy.encodings == {"default": {0: 0, 1: 1, 4: 2, 255: VOID}}


def test_a_background_of_their_own_is_numbered_as_any_class(tmp_path):
    meta = {"classes": [*META["classes"], {"title": "Background", "color": "#000000"}]}
    path = write(tmp_path / "meta.json", json.dumps(meta))
    taxonomy = imported(path, None, new_taxonomy="own").mapping.taxonomy
    assert taxonomy.names == ("Cat", "dog", "Background")
    assert taxonomy.encodings == {"default": {1: 0, 2: 1, 3: 2, 255: VOID}}


def test_titles_and_colours_that_are_none_are_told(tmp_path):
    meta = {"classes": [{"title": "", "color": "#D0021B"}, {"title": "dog", "color": "red"}]}
    assert faults_of(write(tmp_path / "meta.json", json.dumps(meta))) == [
        "FILE: classes[0].title: ''; expected a word",
        "FILE: classes[1].color: 'red'; expected [r, g, b] with whole numbers from 0 to 255",
    ]
