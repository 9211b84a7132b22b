"""The keys of `config.yaml` and their values: read, with overrides over them, and flattened."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from segexp.core.config import Config
from segexp.core.credentials import url_without_credentials
from segexp.core.data_config import DataConfig, LayoutConfig, MasksConfig
from segexp.core.errors import InputError, at_most, collected, did_you_mean, named
from segexp.core.overrides import host_data
from segexp.core.validation import describe_validation
from segexp.core.yaml import parse_yaml, read_yaml_mapping

WHICH_DATA = (
    "data.root",
    "data.format",
    "data.synthetic.",
    "data.layout",
    "data.relabel",
    "data.masks",
    "data.heldout",
)
"""How the keys begin that say which images and masks there are. A study's definition has the hash
that they come to; of ``heldout_by`` it has how val was halved."""

NO_SETTINGS = ("tracking.", "engine.", "storage", *WHICH_DATA)
"""How the keys begin that no score depends on but by the data's hash."""


@cache
def config_keys(model: type[BaseModel] = Config, prefix: str = "") -> tuple[str, ...]:
    """Return every key of `config.yaml` with dots, such as ``training.learning_rate``."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += config_keys(field.annotation, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return tuple(keys)


def resolve_key(key: str) -> str | None:
    """Return the whole key for a key or for its last part; None when there is no such key.

    ``lr`` is nothing, ``learning_rate`` is ``training.learning_rate``, and ``seed`` is
    ``training.seed``: the keys under ``data.synthetic`` have no short form.
    """
    keys = config_keys()
    if key in keys:
        return key
    short = (k for k in keys if not k.startswith("data.synthetic."))
    return next((k for k in short if k.rpartition(".")[2] == key), None)


def no_such_key(key: str, known: Sequence[str]) -> str:
    """Say what is wrong with a key that `resolve_key` does not know.

    Args:
        known: What it may have meant.
    """
    inside = next((k for k in config_keys() if k.startswith(f"{key}.")), None)
    if inside:
        return f"no such key but a section: name its keys one by one, such as {inside}"
    return f"no such key{did_you_mean(key, known)}"


def parse_overrides(items: Sequence[str]) -> dict[str, Any]:
    """Parse ``--set key=value`` items; the value is YAML.

    Raises:
        InputError: For items without ``=`` and values that are not YAML, all at once.
    """
    overrides: dict[str, Any] = {}
    faults: list[str] = []
    for item in items:
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            text = url_without_credentials(item)
            faults.append(f"--set {text}: expected key=value, such as training.epochs=2")
            continue
        with collected(faults):
            overrides[key.strip()] = parse_yaml(text, f"--set {key.strip()}")
    if faults:
        raise InputError(faults)
    return overrides


def load_config(path: Path, overrides: Mapping[str, Any]) -> Config:
    """Read `config.yaml` and put overrides (key or last part of it -> value) over it.

    Where the environment has SEGEXP_DATA, this is ``data.root`` unless an override says otherwise.

    Raises:
        InputError: With every fault: its file, key path, value and what would be right.
    """
    return build_config(str(path), _on_this_host(read_yaml_mapping(path)), overrides)


def _on_this_host(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a `config.yaml` with the folder that this host has its data in."""
    root, section = host_data(), content.get("data") or {}
    if root is None or not isinstance(section, dict):
        return content
    drawn = DataConfig().format  # which has no folder
    own = section.get("format", drawn)
    return {**content, "data": {**section, "root": root, "format": "auto" if own == drawn else own}}


def build_config(where: str, content: Mapping[str, Any], overrides: Mapping[str, Any]) -> Config:
    """Validate the content of a `config.yaml` with overrides over it; see `load_config`."""
    nested = deepcopy(dict(content))
    faults: list[str] = []
    overridden: set[str] = set()
    unknown: list[str] = []
    for key, value in overrides.items():
        full = resolve_key(key)
        if full is None:
            unknown.append(key)
            continue
        put_key(nested, full, value)
        overridden.add(full)
    known = [word for word in _known_words() if resolve_key(word)]
    told, more = at_most(unknown, "config")
    faults += [f"{named(key)}: {no_such_key(key, known)}" for key in told] + more
    try:
        config = Config.model_validate(nested)
    except ValidationError as error:
        faults += describe_validation(where, error, _known_words(), overridden)
    if faults:
        raise InputError(faults)
    return config


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """Return the configuration with some keys (or their last parts) set to other values.

    Raises:
        InputError: When a value does not fit its key.
    """
    return build_config("config", config.to_dict(), values)


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested keys with dots: ``{"a": {"b": 1}}`` -> ``{"a.b": 1}``.

    What is a value to `config.yaml` stays whole, such as ``data.masks``.
    """
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and prefix + key not in config_keys():
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


@cache
def _known_words() -> tuple[str, ...]:
    """Return the whole keys of `config.yaml`, their sections and their last parts."""
    keys = config_keys()
    parts = [part for key in keys for part in key.split(".")]
    return (*dict.fromkeys([*parts, *keys, *MasksConfig.model_fields, *LayoutConfig.model_fields]),)


def put_key(nested: dict[str, Any], key: str, value: Any) -> None:
    """Set a key with dots in nested dictionaries, and make the sections that are not there.

    Where a section is not a dictionary nothing is set; validation reports it.
    """
    section, _, rest = key.partition(".")
    if not rest:
        nested[key] = value
    elif isinstance(inner := nested.setdefault(section, {}), dict):
        put_key(inner, rest, value)
