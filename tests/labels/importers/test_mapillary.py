"""Mapillary Vistas' config files."""

import json

from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import faults_of, imported, write


def label(name: str, readable: str, color: list[int], evaluate: bool = True) -> dict:
    return {
        "color": color,
        "instances": False,
        "readable": readable,
        "name": name,
        "evaluate": evaluate,
    }


VISTAS = {
    "labels": [
        label("animal--bird", "Bird", [165, 42, 42]),
        label("construction--flat--curb-cut", "Curb Cut", [170, 170, 170]),
        label("void--ego-vehicle", "Ego Vehicle", [120, 10, 10], evaluate=False),
        label("void--unlabeled", "Unlabeled", [0, 0, 0], evaluate=False),
    ],
    "version": 1.1,
    "mapping": "public",
    "folder_structure": "{split}/{content:s}/{image_id:s}.{extension:s}",
}


def test_labels_are_numbered_in_their_order_and_those_not_evaluated_are_void(tmp_path):
    path = write(tmp_path / "config_v1.2.json", json.dumps(VISTAS))
    found = imported(path, None, new_taxonomy="own")
    assert found.format == "mapillary"
    taxonomy = found.mapping.taxonomy
    assert taxonomy.names == ("Bird", "Curb Cut", "Ego Vehicle", "Unlabeled")
    assert taxonomy.colors[::3] == ((165, 42, 42), (0, 0, 0))
    assert taxonomy.encodings == {"default": {0: 0, 1: 1, 2: 2, 3: 3, 255: VOID}}
    assert found.mapping.names == ("Bird", "Curb Cut")
    assert found.notes[0] == "the file leaves out of training, so void: Ego Vehicle, Unlabeled"


def test_readable_names_that_appear_twice_give_way_to_the_full_ones(tmp_path):
    twice = {"labels": [label("a--sign", "Sign", [1, 2, 3]), label("b--sign", "Sign", [4, 5, 6])]}
    path = write(tmp_path / "config_v2.0.json", json.dumps(twice))
    assert imported(path, None, new_taxonomy="own").mapping.names == ("a--sign", "b--sign")


def test_names_and_colours_that_are_none_are_told(tmp_path):
    content = {"labels": [label("a", "", [1, 2, 3]), label("b", "B", [1, 2])]}
    assert faults_of(write(tmp_path / "c.json", json.dumps(content))) == [
        "FILE: labels[0].readable: ''; expected a word",
        "FILE: labels[1].color: [1, 2]; expected [r, g, b] with whole numbers from 0 to 255",
    ]
