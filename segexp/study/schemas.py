"""JSON schemas of `config.yaml` and of study files, for editors; pydantic checks the files."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel

from segexp.core.config import Config
from segexp.core.config_keys import flatten
from segexp.labels.schemas import DIALECT, MAPPING, TAXONOMY
from segexp.study.config import StudyConfig

_ENTRY = re.compile(r"^    (\w+): (.*(?:\n {6,}.*)*)", re.MULTILINE)
"""An attribute in a docstring: its name, and what it means, over one line or more."""


def schema_of(kind: str) -> dict[str, Any]:
    """Return the schema of a kind of file, one of `KINDS`."""
    return KINDS[kind]()


def config_schema() -> dict[str, Any]:
    """Return the schema of `config.yaml`; what a key means is from the docstring of its section."""
    return _described(Config, "config.yaml")


def study_schema() -> dict[str, Any]:
    """Return the schema of a study file; keys of the configuration go by their last part, too."""
    schema = _described(StudyConfig, "study")
    properties = schema["properties"]
    for key in ("sampler", "pruner"):  # a bare name says the same
        names = schema["$defs"][key.title()]["properties"]["name"]["enum"]
        properties[key] = {**properties[key], "anyOf": [{"enum": names}, properties[key]]}
        properties[key].pop("$ref", None)
    known: dict[str, dict[str, Any]] = {
        key: {} for whole in flatten(Config().to_dict()) for key in _spellings(whole)
    }
    for key in ("space", "baseline", "config"):
        properties[key]["properties"] = known
    return schema


KINDS: dict[str, Callable[[], dict[str, Any]]] = {
    "config": config_schema,
    "study": study_schema,
    "mapping": lambda: MAPPING,
    "taxonomy": lambda: TAXONOMY,
}


def _described(model: type[BaseModel], title: str) -> dict[str, Any]:
    schema = model.model_json_schema()
    for section in _sections(model):
        inner = schema["$defs"].get(section.__name__, schema) if section is not model else schema
        for name, text in _ENTRY.findall(inspect.getdoc(section) or ""):
            if name in inner["properties"]:
                inner["properties"][name]["description"] = " ".join(text.split())
    for each in [schema, *schema["$defs"].values()]:
        each.pop("description", None)  # of the code
    return {"$schema": DIALECT, **schema, "title": title}


def _sections(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model and all those in its fields."""
    yield model
    for field in model.model_fields.values():
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _sections(kind)


def _spellings(key: str) -> tuple[str, str]:
    return key, key.rpartition(".")[2]
