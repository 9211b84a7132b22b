"""Lists of labels, ``[{id, name, color}, ...]`` in JSON or YAML.

COCO lists its ``categories`` like this; CVAT and other tools list their labels.
"""

from typing import Any

from segexp.core.errors import InputError, shown
from segexp.labels.importer import Importer
from segexp.labels.importers._file import MAX_ROWS, ForeignFile
from segexp.labels.importers._listing import Listing, hex_color, read_listing
from segexp.labels.importers._nested import whole_number
from segexp.labels.importers.mmseg import names_classes
from segexp.labels.taxonomy import Color, parse_color

LISTS = ("categories", "labels", "classes")
"""The keys of such lists; COCO's other lists, such as its licenses, have ids and names too."""


def label_list_in(content: Any) -> tuple[str, list[dict[str, Any]]] | None:
    """Find the list and its key: the content itself, or the first of LISTS in it.

    Each of its records has a ``name``, and beside it an ``id`` or a ``color``.
    """
    held = [("", content)]
    if isinstance(content, dict):
        held = [(key, content[key]) for key in LISTS if key in content]
    return next(((key, value) for key, value in held if _is_label_list(value)), None)


def _is_label_list(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(record, dict) and "name" in record and {"id", "color"} & record.keys()
            for record in value
        )
    )


def read_label_list(content: Any, where: str) -> Listing:
    """Read the labels in the order of their ids, or of the list where it gives none.

    A colour is ``[r, g, b]`` or ``#rrggbb``.

    Raises:
        InputError: With every fault: names that are not words, ids that are not whole numbers,
            appear twice or are missing for some, and the same for colours.
    """
    found = label_list_in(content)
    if found is None:
        raise InputError(f"{where}: expected a list of labels, each with `name`, `id` and `color`")
    key, records = found
    if len(records) > MAX_ROWS:
        raise InputError(f"{where}: {len(records)} labels; at most {MAX_ROWS} are read")
    faults: list[str] = []
    ids = _ids(where, key, records, faults)
    names: list[str] = []
    colors: list[Color] = []
    some_have_one = any("color" in record for record in records)
    for i, record in enumerate(records):
        at = f"{where}: {key}[{i}]"
        name = record["name"]
        if not isinstance(name, str) or not name.strip():
            faults.append(f"{at}.name: {shown(name)}; expected a word")
        names.append(str(name).strip())
        if "color" in record:
            colors.append(parse_color(f"{at}.color", hex_color(record["color"]), faults))
        elif some_have_one:
            faults.append(f"{at}.color: missing; other labels have one")
    if faults:
        raise InputError(faults)
    order = sorted(range(len(names)), key=lambda i: ids[i] if ids else i)
    return Listing(
        where,
        tuple(names[i] for i in order),
        tuple(colors[i] for i in order) if colors else (),
        ids=tuple(ids[i] for i in order) if ids else (),
        listing=key,
    )


def _ids(where: str, key: str, records: list[dict[str, Any]], faults: list[str]) -> list[int]:
    """Return the ids of the records; empty where none has one."""
    if not any("id" in record for record in records):
        return []
    ids: list[int] = []
    for i, record in enumerate(records):
        number = whole_number(record.get("id"))
        if number is None or number in ids:
            faults.append(
                f"{where}: {key}[{i}].id: {shown(record.get('id'))}; expected a whole number, once"
            )
        ids.append(0 if number is None else number)
    return ids


def _recognised(file: ForeignFile) -> bool:
    return label_list_in(file.content) is not None and not names_classes(file.content)


IMPORTER = Importer(
    looked_for="a list of labels with `name`, `id` and `color` in .yaml and .json",
    kinds=("data",),
    recognised=_recognised,
    read=lambda file, taxonomy, choices: read_listing(
        read_label_list(file.content, file.where), choices
    ),
    choices=("new_taxonomy", "ids"),
    rather_than=("mmseg",),
    unlisted_are_void=True,
)
