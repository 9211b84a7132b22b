"""Supervisely's ``meta.json`` (``classes`` with ``title`` and ``color``), and what lies beside it.

Its exports hold two kinds of masks: ``masks_human`` in the colours, ``masks_machine`` with the
places of the classes, from 1, which ``obj_class_to_machine_color.json`` repeats (``{"cat": [1, 1,
1]}``). In both 0, or black, is what no object covers: the background.
"""

from typing import Any

from segexp.core.errors import InputError, shown
from segexp.labels.importer import Importer
from segexp.labels.importers._listing import Listing, hex_color, read_listing
from segexp.labels.importers._rows import BACKGROUND
from segexp.labels.taxonomy import Color, free_void_color, parse_color


def read_meta(content: Any, where: str) -> Listing:
    """Read the classes, after the background.

    Raises:
        InputError: When there are no classes; with every title that is no word and every colour
            that is none.
    """
    if not _is_meta(content):
        raise InputError(f"{where}: expected `classes`, each with `title` and `color`")
    faults: list[str] = []
    names: list[str] = []
    ids: list[int] = []
    colors: list[Color] = []
    if _is_machine(content):
        names, ids = [*content], [value[0] for value in content.values()]
    else:
        for i, record in enumerate(content["classes"]):
            at = f"{where}: classes[{i}]"
            if not isinstance(record["title"], str) or not record["title"].strip():
                faults.append(f"{at}.title: {shown(record['title'])}; expected a word")
            names.append(str(record["title"]).strip())
            colors.append(parse_color(f"{at}.color", hex_color(record["color"]), faults))
    if faults:
        raise InputError(faults)
    first = 1
    if not any(name.lower() in BACKGROUND for name in names):
        first = 0
        names.insert(0, "background")
        ids = [0, *ids] if ids else []
        colors = [free_void_color(colors), *colors] if colors else []
    return Listing(where, tuple(names), tuple(colors), tuple(ids), first_id=first)


def _is_machine(content: dict[str, Any]) -> bool:
    """Whether each name has one grey, three times."""
    return bool(content) and all(
        isinstance(value, list)
        and len(value) == 3
        and all(type(grey) is int and grey == value[0] for grey in value)
        for value in content.values()
    )


def _is_meta(content: Any) -> bool:
    if not isinstance(content, dict):
        return False
    classes = content.get("classes")
    return _is_machine(content) or (
        isinstance(classes, list)
        and bool(classes)
        and all(isinstance(c, dict) and {"title", "color"} <= c.keys() for c in classes)
    )


IMPORTER = Importer(
    looked_for="`classes` with `title` and `color`, as in Supervisely's meta.json",
    kinds=("data",),
    recognised=lambda file: _is_meta(file.content),
    read=lambda file, taxonomy, choices: read_listing(read_meta(file.content, file.where), choices),
    choices=("new_taxonomy", "ids"),
    rather_than=("mmseg",),
    unlisted_are_void=True,
)
