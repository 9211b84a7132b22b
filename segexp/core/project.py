"""Where a command's project is: the nearest folder with a `config.yaml` of segexp."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from segexp.core.config import CONFIG_FILE, Config
from segexp.core.errors import InputError, NoProjectError
from segexp.core.yaml import read_yaml_mapping


def find_project(start: Path, passed_over: Callable[[Path], None] = lambda path: None) -> Path:
    """Walk up from ``start`` to the nearest directory that holds a `config.yaml` of segexp.

    Other programs have files of that name, too, and sections called ``model`` and ``training`` in
    them. Ours has ``mappings/`` beside it, or no key but those of `Config`, in every section.

    Args:
        passed_over: Called with each file that is another program's, where there is a project.

    Raises:
        NoProjectError: When there is none.
    """
    start = start.resolve()
    others: list[Path] = []
    for directory in (start, *start.parents):
        path = directory / CONFIG_FILE
        if path.is_file():
            if _is_ours(path):
                for other in others:
                    passed_over(other)
                return directory
            others.append(path)
    found = "".join(f" ({path} is another program's)" for path in others)
    raise NoProjectError(
        f"no {CONFIG_FILE} in {start} or above it{found}; make a project with `segexp init DIR`, "
        "or name one with --project DIR"
    )


def _is_ours(path: Path) -> bool:
    if (path.parent / "mappings").is_dir():
        return True
    try:
        content = read_yaml_mapping(path)
    except InputError:
        return False  # a broken one of ours has mappings/ beside it
    return bool(content) and _has_our_keys(content, Config().to_dict())


def _has_our_keys(content: Mapping[Any, Any], ours: Mapping[str, Any]) -> bool:
    """Whether every key is one of ours, in every section that both have."""
    for key, value in content.items():
        if key not in ours:
            return False
        section = ours[key]
        if not isinstance(section, Mapping) or value is None:
            continue
        if not isinstance(value, Mapping) or not _has_our_keys(value, section):
            return False
    return True
