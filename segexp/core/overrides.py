"""What a caller and this host say beside `config.yaml`, as the config keys that it stands for."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STORAGE_VARIABLE = "SEGEXP_STORAGE"
DATA_VARIABLE = "SEGEXP_DATA"
"""The data's folder on this host, which hosts that share a study may each have elsewhere."""


def data_overrides(
    data: str | Path | None, format_name: str | None, mapping: str | None
) -> dict[str, Any]:
    """Return the config keys that a folder of data, its format and a mapping stand for."""
    overrides: dict[str, Any] = {}
    if data is not None:
        # The user's path is relative to the current directory, one in config.yaml to the project.
        overrides["data.root"] = str(Path(data).expanduser().resolve())
        overrides["data.format"] = format_name or "auto"
    elif format_name is not None:
        overrides["data.format"] = format_name
    if mapping is not None:
        overrides["mapping"] = mapping
    return overrides


def host_data() -> str | None:
    """Return the data's folder as the environment of this host says; None where it does not."""
    inherited = os.environ.get(DATA_VARIABLE)
    return str(Path(inherited).expanduser().resolve()) if inherited else None


def storage_override(overrides: Mapping[str, Any], storage: str | None) -> dict[str, Any]:
    """Return config keys with ``storage`` as the caller has it, or else the environment."""
    if storage is not None:
        return {**overrides, "storage": storage}
    inherited = os.environ.get(STORAGE_VARIABLE)
    return {"storage": inherited, **overrides} if inherited else dict(overrides)
