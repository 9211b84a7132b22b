"""Mapillary Vistas' ``config_v1.2.json`` and ``config_v2.0.json``: ``labels`` with ``readable``.

Each label also has ``name``, ``color``, ``instances`` and ``evaluate``. Their order numbers the
masks. Labels that are not evaluated are void.
"""

from typing import Any

from segexp.core.errors import InputError, shown
from segexp.labels.importer import Importer
from segexp.labels.importers._listing import Listing, read_listing
from segexp.labels.taxonomy import Color, parse_color


def read_vistas(content: Any, where: str) -> Listing:
    """Read the labels in their order, by their readable names; by ``name`` if two have the same.

    Raises:
        InputError: When there are no such labels; with every name that is no word and every colour
            that is none.
    """
    if not _is_vistas(content):
        raise InputError(f"{where}: expected `labels`, each with `readable` and `color`")
    records = content["labels"]
    readable = {str(record["readable"]) for record in records}
    key = "readable" if len(readable) == len(records) else "name"
    faults: list[str] = []
    names: list[str] = []
    colors: list[Color] = []
    for i, record in enumerate(records):
        at = f"{where}: labels[{i}]"
        name = record.get(key)
        if not isinstance(name, str) or not name.strip():
            faults.append(f"{at}.{key}: {shown(name)}; expected a word")
        names.append(str(name).strip())
        colors.append(parse_color(f"{at}.color", record.get("color"), faults))
    if faults:
        raise InputError(faults)
    untrained = (
        n for n, record in zip(names, records, strict=True) if not record.get("evaluate", 1)
    )
    return Listing(
        where, tuple(names), tuple(colors), untrained=frozenset(untrained), listing="labels"
    )


def _is_vistas(content: Any) -> bool:
    labels = content.get("labels") if isinstance(content, dict) else None
    return (
        isinstance(labels, list)
        and bool(labels)
        and all(isinstance(label, dict) and "readable" in label for label in labels)
    )


IMPORTER = Importer(
    looked_for="`labels` with `readable`, as in Mapillary Vistas' config_v1.2.json",
    kinds=("data",),
    recognised=lambda file: _is_vistas(file.content),
    read=lambda file, taxonomy, choices: read_listing(
        read_vistas(file.content, file.where), choices
    ),
    choices=("new_taxonomy", "ids"),
    rather_than=("label-list",),
    unlisted_are_void=True,
)
