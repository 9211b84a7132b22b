"""Ultralytics' ``data.yaml``: ``names`` beside ``train``, ``val``, ``path`` or ``nc``.

The place in the list of names, or the id, numbers the masks and 255 is void, unless
``label_mapping`` (raw id: place) says which raw ids the masks hold.

Without ``masks_dir`` the labels are polygons. What none of them covers is then a label of its own,
the last one: Ultralytics appends it, too.
"""

from dataclasses import replace
from typing import Any

from segexp.core.errors import InputError, shown
from segexp.labels.importer import Choices, Importer, Read
from segexp.labels.importers._file import ForeignFile
from segexp.labels.importers._listing import Listing, names_and_ids, read_listing
from segexp.labels.importers._nested import is_listing, whole_number
from segexp.labels.taxonomy import VOID, Taxonomy

BESIDE = ("train", "val", "path", "nc", "masks_dir")
"""The keys that such a file has beside its names."""

BACKGROUND = "background"

IGNORED = ("ignore_label", VOID, -1)


def read_data_yaml(content: Any, where: str) -> Listing:
    """Read the labels, and their raw ids where ``label_mapping`` has them.

    Raises:
        InputError: With every id or name that is none, and raw ids that share a label or have none.
    """
    faults: list[str] = []
    content = content if isinstance(content, dict) else {}
    names, ids = names_and_ids(f"{where}: names", content.get("names"), faults)
    void: tuple[int, ...] = (VOID,)
    if content.get("label_mapping") is not None:
        numbers = ids or tuple(range(len(names)))
        raw_ids, void = _raw_ids(f"{where}: label_mapping", content["label_mapping"], faults)
        faults += [
            f"{where}: label_mapping: no raw id becomes {number} ({name})"
            for number, name in zip(numbers, names, strict=True)
            if number not in raw_ids and not faults
        ]
        ids = tuple(raw_ids.get(number, 0) for number in numbers)
    if faults:
        raise InputError(faults)
    doubt = ""
    if not {"masks_dir", "label_mapping"} & content.keys():
        doubt = (
            "without masks_dir the file numbers polygons, and segexp draws them so; masks that "
            "another tool drew may have 0 for the background, and each number one higher"
        )
    return Listing(where, names, ids=ids, void=void, listing="names", doubt=doubt)


def is_of_polygons(content: Any) -> bool:
    """Whether a data.yaml lists names and says of no folder that it holds masks."""
    return (
        isinstance(content, dict)
        and is_listing(content.get("names"))
        and not content.get("masks_dir")
        and content.get("label_mapping") is None
    )


def polygon_labels(content: Any, where: str) -> tuple[Listing, int]:
    """Return the labels of polygons, and the id of what none covers.

    That is the label ``background``, or one after the last label where there is none.

    Raises:
        InputError: As `read_data_yaml` does.
    """
    listing = read_data_yaml(content, where)
    if BACKGROUND in listing.names:
        return listing, listing.numbers[listing.names.index(BACKGROUND)]
    ids = (*listing.numbers, max(listing.numbers, default=-1) + 1)
    return replace(listing, names=(*listing.names, BACKGROUND), ids=ids), ids[-1]


def _read(file: ForeignFile, taxonomy: Taxonomy | None, choices: Choices) -> Read:
    if choices.new_taxonomy is not None and is_of_polygons(file.content):
        return read_listing(polygon_labels(file.content, file.where)[0], choices)
    return read_listing(read_data_yaml(file.content, file.where), choices)


def _raw_ids(where: str, value: Any, faults: list[str]) -> tuple[dict[int, int], tuple[int, ...]]:
    """Return the raw id of each number, and the raw ids that are void."""
    if not isinstance(value, dict):
        raise InputError(f"{where}: {shown(value)}; expected `raw id: id` lines")
    raw_ids: dict[int, int] = {}
    void: list[int] = []
    for key, target in value.items():
        raw_id, number = whole_number(key), whole_number(target)
        if raw_id is None or (number is None and target not in IGNORED):
            faults.append(f"{where}[{shown(key)}]: {shown(target)}; expected `raw id: id`")
        elif target in IGNORED or number is None:
            void.append(raw_id)
        elif number in raw_ids:
            faults.append(
                f"{where}[{raw_id}]: {number}, as {raw_ids[number]} is; give each raw id a name of "
                "its own, and join them in a mapping"
            )
        else:
            raw_ids[number] = raw_id
    return raw_ids, (*void, *({VOID} - {*void}))


def _recognised(file: ForeignFile) -> bool:
    content = file.content
    if not isinstance(content, dict) or not is_listing(content.get("names")):
        return False
    return any(key in content for key in BESIDE)


IMPORTER = Importer(
    looked_for="`names` beside `train`, `val` or `nc`, as in Ultralytics' data.yaml",
    kinds=("data",),
    recognised=_recognised,
    read=_read,
    choices=("new_taxonomy", "ids"),
    unlisted_are_void=True,
)
