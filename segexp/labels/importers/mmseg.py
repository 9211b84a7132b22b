"""The ``METAINFO`` of mmsegmentation's data sets: ``classes`` and ``palette``.

As Python source (``METAINFO = dict(...)`` of release 1, ``CLASSES`` and ``PALETTE`` before it),
JSON or YAML, where either spelling and a palette by id or name are read too. It lists the labels
and their colours; every label is a class.
"""

import ast
import re
from collections.abc import Sequence
from typing import Any

from segexp.core.errors import InputError, shown
from segexp.labels.importer import Importer
from segexp.labels.importers._file import ForeignFile
from segexp.labels.importers._listing import Listing, names_and_ids, read_listing
from segexp.labels.importers._nested import (
    is_listing,
    reads_as_names,
    sections_with,
    the_section_with,
    whole_number,
)
from segexp.labels.importers._python_source import assigned, literal, parse_source
from segexp.labels.taxonomy import VOID, parse_color

KEYS = ("classes", "CLASSES")


def names_classes(content: Any) -> bool:
    """Whether a dictionary names classes, at any depth."""
    return isinstance(content, dict) and any(
        sections_with(content, key, reads_as_names) for key in KEYS
    )


def read_metainfo(file: ForeignFile) -> Listing:
    """Read a METAINFO from Python source, JSON or YAML.

    Raises:
        InputError: With every fault: no METAINFO or several, names that are not words, a palette
            of another length, colours that are not colours.
    """
    if file.kind == "python":
        return _checked(_from_python(file.text, file.where), file.where)
    path, section = _section(file.content, file.where)
    return _checked(section, file.where, path)


def _section(content: Any, where: str) -> tuple[str, dict[str, Any]]:
    """Return the dictionary that holds the classes, its keys in lower case, and the path to it."""
    for key in KEYS:
        rather = (
            lambda held: "palette" in held or "PALETTE" in held,
            lambda held, key=key: reads_as_names(held[key]),
        )
        found = the_section_with(content, key, where, is_listing, rather)
        if found is None and isinstance(content, dict) and key in content:
            found = "", content  # `_checked` says what is wrong with them
        if found is not None:
            path, section = found
            return path, {str(k).lower(): v for k, v in section.items() if k != key} | {
                "classes": section[key]
            }
    raise InputError(f"{where}: expected the keys `classes` and `palette`")


def _from_python(text: str, where: str) -> dict[str, Any]:
    tree = parse_source(text, where)
    found = assigned(tree, "METAINFO")
    if len(found) > 1:
        lines = ", ".join(str(node.lineno) for node in found)
        raise InputError(
            f"{where}: METAINFO appears {len(found)} times, in lines {lines}; expected one"
        )
    if found:
        parts = _items(found[0], where)
    else:
        old = {"classes": assigned(tree, "CLASSES"), "palette": assigned(tree, "PALETTE")}
        parts = {key: nodes[0] for key, nodes in old.items() if nodes}
    if not parts:
        raise InputError(f"{where}: no METAINFO with `classes` and `palette` in it")
    content = {
        key: literal(parts[key], where, key) for key in ("classes", "palette") if key in parts
    }
    return content | {"reduce_zero_label": _reduces_zero_label(tree)}


def _items(node: ast.expr, where: str) -> dict[str, ast.expr]:
    """Return the values of ``dict(a=..., b=...)`` or ``{'a': ..., 'b': ...}``, not yet read."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(k.value): value for k, value in pairs if isinstance(k, ast.Constant)}
    raise InputError(f"{where}:{node.lineno}: METAINFO: expected dict(classes=..., palette=...)")


def _reduces_zero_label(tree: ast.Module) -> bool:
    """Whether ``reduce_zero_label=True`` is passed on, or is the default of a constructor."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "reduce_zero_label":
            return _is_true(node.value)
        if isinstance(node, ast.arguments):
            plain = [*node.posonlyargs, *node.args]
            defaults = zip(reversed(plain), reversed(node.defaults), strict=False)
            by_word = zip(node.kwonlyargs, node.kw_defaults, strict=True)
            for argument, default in (*defaults, *by_word):
                if argument.arg == "reduce_zero_label" and _is_true(default):
                    return True
    return False


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _checked(content: dict[str, Any], where: str, path: str = "") -> Listing:
    faults: list[str] = []
    at = f"{where}: {path}"
    names, ids = names_and_ids(f"{at}classes", content.get("classes"), faults)
    palette = content.get("palette") or []
    if isinstance(palette, dict):
        palette = _in_order_of_names(palette, names, ids, f"{at}palette", faults)
    if not isinstance(palette, list | tuple):
        faults.append(f"{at}palette: {shown(palette)}; expected a list of [r, g, b]")
        palette = []
    if palette and len(palette) != len(names):
        faults.append(f"{at}palette: {len(palette)} colours for {len(names)} classes")
        palette = []
    colors = tuple(
        parse_color(f"{at}palette[{i}]", list(c) if isinstance(c, tuple) else c, faults)
        for i, c in enumerate(palette)
    )
    if faults:
        raise InputError(faults)
    reduces = content.get("reduce_zero_label") is True
    return Listing(
        where,
        names,
        colors,
        ids,
        first_id=1 if reduces else 0,
        void=(0, VOID) if reduces else (VOID,),
        listing=f"{path}classes",
    )


def _in_order_of_names(
    palette: dict[Any, Any],
    names: Sequence[str],
    ids: Sequence[int],
    where: str,
    faults: list[str],
) -> list[Any]:
    """Return the colours of ``id: color`` or ``name: color`` in the order of the classes."""
    place_of: dict[Any, int] = {raw_id: i for i, raw_id in enumerate(ids or range(len(names)))}
    place_of |= {name: i for i, name in enumerate(names)}
    by_place: dict[int, Any] = {}
    for key, color in palette.items():
        number = whole_number(key)
        place = place_of.get(key) if number is None else place_of.get(number)
        if place is None:
            faults.append(f"{where}[{shown(key)}]: no class of that id or name in classes")
        elif place in by_place:
            faults.append(f"{where}[{shown(key)}]: a second colour of {shown(names[place])}")
        else:
            by_place[place] = color
    faults += [
        f"{where}: no colour of {shown(name)}" for i, name in enumerate(names) if i not in by_place
    ]
    return [] if faults else [by_place[i] for i in range(len(names))]


def _recognised(file: ForeignFile) -> bool:
    if file.kind == "python":
        return re.search(r"\b(METAINFO|CLASSES)\b", file.text) is not None
    if not isinstance(file.content, dict):
        return False
    return (
        bool({*KEYS, "METAINFO", "metainfo"} & file.content.keys())
        or names_classes(file.content)
        or bool(sections_with(file.content, "classes", is_listing))
    )


IMPORTER = Importer(
    looked_for="`classes` with `palette` in .yaml and .json, METAINFO in .py",
    kinds=("data", "python"),
    recognised=_recognised,
    read=lambda file, taxonomy, choices: read_listing(read_metainfo(file), choices),
    choices=("new_taxonomy", "ids"),
    unlisted_are_void=True,
)
