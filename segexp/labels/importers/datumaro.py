"""Datumaro's ``dataset_meta.json``: ``label_map`` as ``"id": name``, and ``segmentation_colors``.

The ids number the masks, and a label's id is the place of its colour. CVAT's and Datumaro's exports
of many formats have one.
"""

from typing import Any

from segexp.core.errors import InputError, shown
from segexp.labels.importer import Importer
from segexp.labels.importers._listing import Listing, names_and_ids, read_listing
from segexp.labels.taxonomy import parse_color

KEY, COLORS = "label_map", "segmentation_colors"


def read_dataset_meta(content: Any, where: str) -> Listing:
    """Read the labels by their ids.

    Raises:
        InputError: With every id that is no whole number or appears twice, every name that is no
            word and every colour that is none or missing.
    """
    if not _is_meta(content):
        raise InputError(f"{where}: expected `{KEY}`, a name for each id")
    faults: list[str] = []
    names, ids = names_and_ids(f"{where}: {KEY}", content[KEY], faults)
    given = content.get(COLORS) or []
    if not isinstance(given, list):
        raise InputError([*faults, f"{where}: {COLORS}: {shown(given)}; expected a list"])
    held = dict(enumerate(given))
    colors = [parse_color(f"{where}: {COLORS}[{i}]", held.get(i), faults) for i in ids if given]
    if faults:
        raise InputError(faults)
    return Listing(where, names, tuple(colors), ids, listing=KEY)


def _is_meta(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get(KEY), dict)


IMPORTER = Importer(
    looked_for=f"`{KEY}`, as in Datumaro's dataset_meta.json",
    kinds=("data",),
    recognised=lambda file: _is_meta(file.content),
    read=lambda file, taxonomy, choices: read_listing(
        read_dataset_meta(file.content, file.where), choices
    ),
    choices=("new_taxonomy", "ids"),
    unlisted_are_void=True,
)
