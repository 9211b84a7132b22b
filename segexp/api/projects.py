"""The project that a call is about, and its configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segexp.core.config import CONFIG_FILE, Config
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError
from segexp.core.overrides import data_overrides, storage_override
from segexp.core.project import find_project


def project_of(project: str | Path | None) -> Path:
    """Return the directory of a project.

    Args:
        project: A directory in it, or None for the current one.

    Raises:
        InputError: When it is in no project.
    """
    return find_project(Path.cwd() if project is None else Path(project).expanduser())


def overrides_of(
    settings: Mapping[str, Any] | None,
    *,
    data: str | Path | None = None,
    mapping: str | None = None,
    storage: str | None = None,
) -> dict[str, Any]:
    """Return the config keys that the arguments of a call stand for.

    Args:
        settings: Config keys, or their last parts, with their values.
        data: A folder of images and masks, relative to the current directory.
        mapping: The name of one.
        storage: Optuna's; by default SEGEXP_STORAGE of the environment.

    Raises:
        InputError: When settings are no dict.
    """
    if not isinstance(settings, Mapping | None):
        raise InputError(f"settings={settings!r}: a dict, such as {{'training.epochs': 2}}")
    overrides = {**data_overrides(data, None, mapping), **(settings or {})}
    return storage_override(overrides, storage)


def configured(
    project: str | Path | None,
    settings: Mapping[str, Any] | None = None,
    *,
    data: str | Path | None = None,
) -> tuple[Path, Config]:
    """Return a project's directory and its configuration, with settings over it.

    Raises:
        InputError: When there is no project, or with every fault of the configuration.
    """
    root = project_of(project)
    return root, load_config(root / CONFIG_FILE, overrides_of(settings, data=data))
