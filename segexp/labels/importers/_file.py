"""A file of another project: bounded in size, UTF-8, and parsed once."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from segexp.core.beginning import not_the_file
from segexp.core.errors import InputError, shown
from segexp.core.files import read_bounded
from segexp.core.yaml import MAX_DEPTH, parse_yaml

MAX_BYTES = 1 << 18
"""The syntax tree of Python source takes a thousand times as much memory, and seconds."""

MAX_ROWS = 4096
"""More rows than any label table has: at most 255 labels fit into a mask."""

Kind = Literal["data", "python", "table", "other"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys((".yaml", ".yml", ".json"), "data"),
    **dict.fromkeys((".csv", ".tsv", ".txt", ".names"), "table"),
    ".py": "python",
}

SUFFIXES = frozenset(_KINDS)
"""How the names of files end that can be read."""


@dataclass(frozen=True)
class ForeignFile:
    """A file of another project.

    Attributes:
        path: Where it is.
        text: What is in it.
    """

    path: Path
    text: str

    @property
    def where(self) -> str:
        """What errors call the file."""
        return str(self.path)

    @property
    def kind(self) -> Kind:
        """What its name says that it is: YAML or JSON, Python source, a table, or neither."""
        return _KINDS.get(self.path.suffix.lower(), "other")

    @cached_property
    def content(self) -> Any:
        """What it holds as JSON, if it is called so, else as YAML.

        Raises:
            InputError: With the line of the fault.
        """
        is_json = self.path.suffix.lower() == ".json"
        return (_parse_json if is_json else parse_yaml)(self.text, self.where)


def read_foreign_file(path: Path) -> ForeignFile:
    """Read a text file of at most MAX_BYTES; a byte order mark is dropped.

    Raises:
        InputError: When it cannot be read, is too large, is not UTF-8, or is another file in its
            place, such as a Git LFS pointer.
    """
    content = read_bounded(path, MAX_BYTES)
    if what := not_the_file(content):
        raise InputError(f"{path}: {what}")
    try:
        return ForeignFile(path, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None


def _parse_json(text: str, where: str) -> Any:
    """Parse JSON; a key that appears twice is refused."""

    def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise InputError(f"{where}: the key {shown(key)} appears twice")
            seen[key] = value
        return seen

    try:
        content = json.loads(text, object_pairs_hook=without_duplicates)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}:{error.lineno}:{error.colno}: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{where}: cannot be parsed: nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{where}: cannot be parsed: {shown(str(error))}") from None
    if _is_deeper(content, MAX_DEPTH):
        raise InputError(f"{where}: nested deeper than {MAX_DEPTH} levels")
    return content


def _is_deeper(content: Any, levels: int) -> bool:
    """Whether lists and dictionaries are nested deeper than some levels, without recursion."""
    layer = [content]
    for _ in range(levels + 1):
        inner: list[Any] = []
        for value in layer:
            if isinstance(value, list | dict):
                inner += value.values() if isinstance(value, dict) else value
        layer = inner
    return bool(layer)
