"""Ids with names, as Hugging Face's models and data sets have them."""

import json

import pytest

from segexp.core.errors import InputError
from segexp.labels.importers.id2label import read_id2label
from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import by_class, imported, write


@pytest.mark.parametrize(
    "content",
    [
        {"3": "sky", "0": "road"},
        {"sky": 3, "road": 0},
        {"id2label": {"0": "road", "3": "sky"}, "label2id": {"road": 0, "sky": 3}},
        {"model_type": "segformer", "decoder": {"label2id": {"road": 0, "sky": 3}}},
    ],
)
def test_the_ids_are_those_of_the_file(tmp_path, content):
    path = write(tmp_path / "id2label.json", json.dumps(content))
    found = imported(path, None, new_taxonomy="own")
    assert found.format == "id2label"
    assert found.mapping.taxonomy.names == ("road", "sky")
    assert found.mapping.taxonomy.encodings == {"default": {0: 0, 3: 1, 255: VOID}}
    assert any("one less than those of the masks" in note for note in found.notes)
    assert by_class(imported(path)) == {"road": ("road",), "sky": ("sky",)}


def test_where_0_is_the_background_there_is_no_doubt(tmp_path):
    path = write(tmp_path / "id2label.json", '{"0": "background", "1": "seedling"}')
    notes = imported(path, None, new_taxonomy="own").notes
    assert not any("one less" in note for note in notes)


def test_ids_and_names_that_are_none_are_told():
    with pytest.raises(InputError) as caught:
        read_id2label({"id2label": {"0": "road", "x": "sky", "0 ": "car", "2": 7}}, "FILE")
    assert caught.value.faults == (
        "FILE: id2label['x']: expected a whole number, once",
        "FILE: id2label['0 ']: expected a whole number, once",
        "FILE: id2label[1]: 7; expected a word",
    )
