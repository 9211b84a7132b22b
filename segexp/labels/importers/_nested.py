"""Sections and listings in a YAML or JSON file of another project, at any depth, in any form."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from segexp.core.errors import InputError, named


def sections_with(
    content: Any, key: str, is_one: Callable[[Any], bool] = lambda value: True
) -> list[tuple[str, dict[Any, Any]]]:
    """Find the dictionaries that hold a key, the outermost first.

    Args:
        content: What was parsed; its depth is bounded where it was.
        key: The key.
        is_one: Whether the value of the key is what is looked for.

    Returns:
        Each with the path to it, such as ``dataset.train[0].``; empty for the content itself.
    """
    found = []
    layer: list[tuple[str, Any]] = [("", content)]
    while layer:
        inner: list[tuple[str, Any]] = []
        for path, value in layer:
            if isinstance(value, dict):
                if key in value and is_one(value[key]):
                    found.append((path, value))
                inner += [(f"{path}{named(str(k))}.", v) for k, v in value.items()]
            elif isinstance(value, list):
                inner += [(f"{path.removesuffix('.')}[{i}].", v) for i, v in enumerate(value)]
        layer = [(path, value) for path, value in inner if isinstance(value, dict | list)]
    return found


def the_section_with(
    content: Any,
    key: str,
    where: str,
    is_one: Callable[[Any], bool] = lambda value: True,
    rather: Sequence[Callable[[dict[Any, Any]], bool]] = (),
) -> tuple[str, dict[Any, Any]] | None:
    """Return the only dictionary that holds a key, and the path to it; None if none does.

    Args:
        content: What was parsed.
        key: The key.
        where: What to call the file in a fault.
        is_one: Whether the value of the key is what is looked for.
        rather: Tests that decide where several hold it: the first that is true of exactly one.

    Raises:
        InputError: When several hold it and the outermost is not the file itself.
    """
    found = sections_with(content, key, is_one)
    if not found:
        return None
    if len(found) > 1 and found[0][0]:
        for is_meant in rather:
            meant = [section for section in found if is_meant(section[1])]
            if len(meant) == 1:
                return meant[0]
        places = ", ".join(f"{path}{key}" for path, _ in found)
        raise InputError(f"{where}: {key} appears {len(found)} times: {places}; keep one of them")
    return found[0]


def is_listing(value: Any) -> bool:
    """Whether a value can be a listing of classes."""
    return isinstance(value, list | dict) and bool(value)


def reads_as_names(value: Any) -> bool:
    """Whether a value is a listing of two or more words, in one of the forms of `numbered`."""
    pairs = numbered(value)
    ids = {whole_number(i) for i, _ in pairs}
    return (
        len(pairs) > 1
        and all(isinstance(name, str) and name.strip() for _, name in pairs)
        and len(ids - {None}) == len(pairs)
    )


def numbered(value: Any) -> list[tuple[Any, Any]]:
    """Return a listing of classes as ids with names, whichever of three forms it has.

    A list, whose places are the ids; ``id: name``; or ``name: id``, if all values are whole numbers
    and not all keys are.
    """
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    if not isinstance(value, dict):
        return []
    pairs = list(value.items())
    if all(type(right) is int for _, right in pairs) and not all(
        whole_number(left) is not None for left, _ in pairs
    ):
        return [(right, left) for left, right in pairs]
    return pairs


def whole_number(value: Any) -> int | None:
    """Return a number of at most 9 digits, also from text, as JSON's keys are; else None."""
    if type(value) is int:
        return value if abs(value) < 10**9 else None
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value.strip()):
        return int(value)
    return None
