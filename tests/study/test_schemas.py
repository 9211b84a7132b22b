"""JSON schemas of `config.yaml` and of study files: what we ship fits, what is wrong does not."""

from pathlib import Path
from typing import Any

import pytest

from harness.project import ROOT
from segexp.core.yaml import read_yaml_mapping
from segexp.study.schemas import config_schema, schema_of, study_schema
from tests.json_schema import faults_in

SHIPPED = [
    ("config", ROOT / "config.yaml"),
    *(("study", path) for path in sorted((ROOT / "studies").glob("*.yaml"))),
]


@pytest.mark.parametrize(("kind", "path"), SHIPPED, ids=lambda value: getattr(value, "name", value))
def test_shipped_files_fit_their_schema(kind: str, path: Path) -> None:
    schema = schema_of(kind)
    assert faults_in(read_yaml_mapping(path), schema, schema) == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"modle": {}}, ": unknown key modle"),
        ({"training": {"loss": "focl"}}, ".training.loss: 'focl' is none of the choices"),
        ({"training": {"epochs": 0}}, ".training.epochs: 0 is out of range"),
        ({"training": {"epochs": True}}, ".training.epochs: True is not of type integer"),
        ({"training": {"crop": [30, 64]}}, ".training.crop: [30, 64] is none of the choices"),
        ({"data": {"resize": {"short": 1}}}, ".data.resize: {'short': 1} is none of the choices"),
    ],
)
def test_what_is_wrong_in_a_configuration_does_not_fit(content: dict[str, Any], fault: str) -> None:
    schema = config_schema()
    (found,) = faults_in(content, schema, schema)
    assert found.startswith(fault)


def test_other_spellings_of_a_value_fit() -> None:
    schema = config_schema()
    content = {
        "data": {"resize": {"short_side": 256}, "layout": {"images": "a", "masks": "b"}},
        "training": {"crop": "256x512", "zoom": None},
    }
    assert faults_in(content, schema, schema) == []
    schema = study_schema()
    study = {"name": "s", "sampler": {"name": "random", "seed": 1}, "pruner": "none", "space": {}}
    assert faults_in(study, schema, schema) == []
    assert faults_in({**study, "sampler": "tpee"}, schema, schema) != []


def test_an_editor_shows_what_each_key_means_and_the_keys_of_a_space() -> None:
    schema = config_schema()
    training = schema["$defs"]["TrainingConfig"]["properties"]
    assert [key for key, value in training.items() if "description" not in value] == []
    assert training["learning_rate"]["description"] == "The peak of the schedule."
    space = study_schema()["properties"]["space"]["properties"]
    assert {"learning_rate", "training.learning_rate", "mapping", "model.arch"} <= set(space)
