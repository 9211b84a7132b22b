"""JSON schemas of mapping and taxonomy files: what we ship fits, what is wrong does not."""

from pathlib import Path
from typing import Any

import pytest

from harness.project import ROOT
from segexp.core.yaml import read_yaml_mapping
from segexp.labels.schemas import MAPPING, TAXONOMY
from tests.json_schema import faults_in

MAPPINGS = sorted((ROOT / "mappings").glob("*.yaml"))
TAXONOMIES = sorted((ROOT / "mappings" / "taxonomies").glob("*.yaml"))


@pytest.mark.parametrize("path", [*MAPPINGS, *TAXONOMIES], ids=lambda path: path.name)
def test_shipped_files_fit_their_schema(path: Path) -> None:
    schema = MAPPING if path in MAPPINGS else TAXONOMY
    assert faults_in(read_yaml_mapping(path), schema, schema) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"classes": [{"name": "a", "color": [1, 2, 3], "labels": ["road"]}]}, ".classes: 1 items"),
        ({"classes": [{"name": "a", "color": [1, 2], "labels": []}] * 2}, ".classes[0].color: 2"),
        ({"void": [3]}, ".void[0]: 3 is not of type string"),
        ({"voids": []}, ": unknown key voids"),
        ({"taxonomy": None}, ".taxonomy: None is not of type string"),
    ],
)
def test_what_is_wrong_in_a_mapping_does_not_fit(change: dict[str, Any], fault: str) -> None:
    good = read_yaml_mapping(ROOT / "mappings" / "merged10.yaml")
    found = faults_in({**good, **change}, MAPPING, MAPPING)
    assert found[0].startswith(fault)
