"""Labels that are listed one by one, as COCO and CVAT do."""

import json

import pytest

from segexp.labels.palette import distinct_colors
from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import by_class, faults_of, imported, write

COCO = {
    "info": {"description": "panoptic"},
    "licenses": [{"id": 1, "name": "CC-BY", "url": "x"}],
    "images": [{"id": 7, "file_name": "a.jpg", "height": 4, "width": 4}],
    "annotations": [],
    "categories": [
        {"id": 3, "name": "sky", "supercategory": "stuff", "isthing": 0, "color": [7, 8, 9]},
        {"id": 1, "name": "road", "supercategory": "stuff", "isthing": 0, "color": [1, 2, 3]},
        {"id": 2, "name": "traffic light", "supercategory": "thing", "color": [4, 5, 6]},
    ],
}
CVAT = [
    {"name": "road", "color": "#010203", "attributes": []},
    {"name": "traffic light", "color": "#040506"},
    {"name": "sky", "color": "#070809"},
]
CLASSES = {"road": ("road",), "traffic light": ("traffic light",), "sky": ("sky",)}
COLORS = ((1, 2, 3), (4, 5, 6), (7, 8, 9))


@pytest.mark.parametrize("content", [COCO, COCO["categories"], CVAT, {"labels": CVAT}])
def test_every_label_becomes_a_class_in_the_order_of_the_ids(tmp_path, content):
    found = imported(write(tmp_path / "a.json", json.dumps(content)))
    assert found.format == "label-list"
    assert list(by_class(found).items()) == list(CLASSES.items())
    assert found.mapping.colors.tolist() == [list(color) for color in COLORS]


def test_a_new_taxonomy_has_the_ids_of_the_list(tmp_path):
    path = write(tmp_path / "a.json", json.dumps(COCO))
    taxonomy = imported(path, None, new_taxonomy="mine").mapping.taxonomy
    assert taxonomy.encodings == {"default": {1: 0, 2: 1, 3: 2, 255: VOID}}
    assert taxonomy.colors == COLORS
    path = write(tmp_path / "b.json", json.dumps(CVAT))
    taxonomy = imported(path, None, new_taxonomy="mine").mapping.taxonomy
    assert taxonomy.encodings == {"default": {0: 0, 1: 1, 2: 2, 255: VOID}}


def test_labels_without_colours_get_colours_of_their_own_in_a_new_taxonomy(tmp_path):
    content = {"categories": [{"id": 5, "name": "road"}, {"id": 9, "name": "sky"}]}
    path = write(tmp_path / "a.json", json.dumps(content))
    assert by_class(imported(path)) == {"road": ("road",), "sky": ("sky",)}
    found = imported(path, None, new_taxonomy="mine")
    assert found.mapping.taxonomy.colors == distinct_colors(2)
    assert found.notes == (
        "raw ids in the masks, numbered by the file: 5 road, 9 sky; 255 void",
        "the file gives no colours: these were chosen to look different; masks must hold ids, not "
        "colours",
    )


def test_every_fault_of_a_list_is_told(tmp_path):
    content = [
        {"id": 1, "name": "road", "color": [0, 0, 0]},
        {"id": 1, "name": "", "color": "black"},
        {"id": "x", "name": "sky"},
    ]
    assert faults_of(write(tmp_path / "a.json", json.dumps({"labels": content}))) == [
        "FILE: labels[1].id: 1; expected a whole number, once",
        "FILE: labels[2].id: 'x'; expected a whole number, once",
        "FILE: labels[1].name: ''; expected a word",
        "FILE: labels[1].color: 'black'; expected [r, g, b] with whole numbers from 0 to 255",
        "FILE: labels[2].color: missing; other labels have one",
    ]
