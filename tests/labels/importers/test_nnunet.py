"""nnU-Net's dataset.json, of both versions."""

import json

import pytest

from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import faults_of, imported, write

V2 = {
    "channel_names": {"0": "R", "1": "G", "2": "B"},
    "labels": {"background": 0, "Street": 1, "ignore": 2},
    "numTraining": 100,
    "file_ending": ".png",
}
V1 = {
    "name": "Streets",
    "tensorImageSize": "2D",
    "modality": {"0": "R"},
    "labels": {"0": "background", "1": "Street", "2": "ignore"},
    "numTraining": 2,
    "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}],
}


@pytest.mark.parametrize("content", [V1, V2])
def test_labels_have_the_ids_of_the_file_and_ignore_is_void(tmp_path, content):
    path = write(tmp_path / "dataset.json", json.dumps(content))
    found = imported(path, None, new_taxonomy="own")
    assert found.format == "nnunet"
    assert found.mapping.taxonomy.names == ("background", "Street", "ignore")
    assert found.mapping.taxonomy.encodings == {"default": {0: 0, 1: 1, 2: 2, 255: VOID}}
    assert found.mapping.names == ("background", "Street")
    assert "taken for void: 'ignore' (ignore)" in found.notes


def test_regions_are_refused_with_the_way_out(tmp_path):
    content = V2 | {"labels": {"background": 0, "whole tumor": [1, 2], "core": [2], "edema": 1}}
    assert faults_of(write(tmp_path / "dataset.json", json.dumps(content))) == [
        "FILE: labels['whole tumor']: [1, 2]; a region of several labels: write each label with "
        "its own id, and join them in a mapping",
        "FILE: labels['core']: [2]; a region of several labels: write each label with its own id, "
        "and join them in a mapping",
    ]


def test_ids_and_names_that_are_none_are_told(tmp_path):
    content = V1 | {"labels": {"0": "background", "x": "Street", "1": ""}}
    assert faults_of(write(tmp_path / "dataset.json", json.dumps(content))) == [
        "FILE: labels['x']: expected a whole number, once",
        "FILE: labels[1]: ''; expected a word",
    ]
