"""Numeric mappings: ``mapping_dict`` (raw id: class id) with ``classes`` and ``color_map``."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from segexp.core.errors import InputError, at_most, did_you_mean, shown
from segexp.labels.importer import Choices, Importer, Read, needed
from segexp.labels.importers._file import ForeignFile
from segexp.labels.importers._nested import (
    is_listing,
    numbered,
    reads_as_names,
    sections_with,
    the_section_with,
    whole_number,
)
from segexp.labels.importers._rows import BACKGROUND, NOT_TRAINED, Row
from segexp.labels.raw_ids import id_ranges, shifted_ids
from segexp.labels.taxonomy import VOID, VOID_NAME, Color, Taxonomy, parse_color

IGNORED_CLASS_IDS = (255, -1)
"""Class ids that mean "not trained" where ``classes`` does not name them."""

MAX_CLASSES = 256


@dataclass(frozen=True)
class MappingDict:
    """A numeric mapping, its classes numbered 0, 1, ... in the order of their ids in the file.

    Attributes:
        where: The file.
        class_of: Raw id -> place in ``class_names``.
        class_names: The names; those of ignored class ids that the file does not name are ``void``.
        colors: Place -> colour, where the file gives one.
    """

    where: str
    class_of: Mapping[int, int]
    class_names: tuple[str, ...]
    colors: Mapping[int, Color]

    @property
    def background(self) -> tuple[int, ...]:
        """The places of the classes that stand for void, background, unlabelled or ignored."""
        meant = NOT_TRAINED | BACKGROUND
        return tuple(i for i, name in enumerate(self.class_names) if name.lower() in meant)


def read_mapping_dict(content: Any, where: str) -> MappingDict:
    """Check the content of a numeric mapping's file.

    ``mapping_dict`` may be at any depth, and ``classes`` and ``color_map`` beside it or
    elsewhere. ``classes`` is a list (the place is the class id), ``id: name`` or ``name: id``;
    ``mapping_dict`` a list (the place is the raw id) or ``raw id: class id``, where the class may
    be a name too; ``color_map`` a list, or colours by class id or name, or missing. Other keys
    are left alone.

    Raises:
        InputError: With every fault: ids that are not whole numbers, class ids without a
            name, invalid colours; and when one of the three appears more than once.
    """
    found = the_section_with(content, "mapping_dict", where)
    if found is None:
        raise InputError(f"{where}: mapping_dict: missing; expected `raw id: class id` below it")
    path, section = found
    faults: list[str] = []
    at, listing = _beside(content, section, path, "classes", where)
    names = _class_names(at, listing, faults)
    where_ids = f"{where}: {path}mapping_dict"
    class_of = _ids(where_ids, section["mapping_dict"], names, faults)
    unnamed: list[int] = []
    has_names = bool(names)  # if not, there is a fault already
    for raw_id, class_id in class_of.items():
        if class_id not in names and class_id in IGNORED_CLASS_IDS:
            names[class_id] = VOID_NAME
        elif has_names and class_id not in names:
            unnamed.append(raw_id)
    told, more = at_most(unnamed, where_ids)
    faults += [
        f"{where_ids}[{raw_id}]: class id {class_of[raw_id]} has no name in classes, "
        f"which has {id_ranges(names) or 'none'}"
        for raw_id in told
    ] + more
    at, listing = _beside(content, section, path, "color_map", where)
    colors = _colors(at, listing, names, faults)
    if faults:
        raise InputError(faults)
    place = {class_id: i for i, class_id in enumerate(sorted(names))}
    return MappingDict(
        where,
        {raw_id: place[class_id] for raw_id, class_id in class_of.items()},
        tuple(names[class_id] for class_id in sorted(names)),
        {place[class_id]: color for class_id, color in colors.items()},
    )


def shifted(numeric: MappingDict, shift: int) -> MappingDict:
    """Add a number to the raw ids that a numeric mapping lists, as `shifted_ids` does."""
    return replace(numeric, class_of=shifted_ids(numeric.class_of, shift))


def label_names(taxonomy: Taxonomy, encoding: str) -> dict[int, str]:
    """Return what each raw id of an encoding is called, ``void`` for its void ids.

    Raises:
        InputError: When the taxonomy has no such encoding.
    """
    if encoding not in taxonomy.encodings:
        known = tuple(taxonomy.encodings)
        raise InputError(
            f"--encoding {shown(encoding)}: {taxonomy.name} has {', '.join(known)}"
            f"{did_you_mean(encoding, known)}"
        )
    return {
        raw_id: VOID_NAME if index == VOID else taxonomy.names[index]
        for raw_id, index in taxonomy.encodings[encoding].items()
    }


def mapping_dict_rows(
    numeric: MappingDict, names: Mapping[int, str], shift: int = 0
) -> tuple[list[Row], list[str]]:
    """Return the label of each raw id with its class, in the order of the class ids; and notes.

    Args:
        numeric: The numeric mapping.
        names: What the raw ids are called: `label_names`.
        shift: What is added to its raw ids first, by `shifted`.

    Raises:
        InputError: When it lacks raw ids of labels, all in one line.
    """
    at = f"{numeric.where}: mapping_dict"
    as_in_file, numeric = numeric, shifted(numeric, shift)
    missing = unlisted_ids(numeric, names)
    if missing:
        nearby = (shift - 1, shift + 1)
        covering = [by for by in nearby if not unlisted_ids(shifted(as_in_file, by), names)]
        hint = f" (--shift {covering[0]} would list them all)" if covering else ""
        listing = ", ".join(f"{raw_id} ({names[raw_id]})" for raw_id in missing)
        raise InputError(
            f"{at}: no entry for the raw ids {listing}; the taxonomy knows {id_ranges(names)}, "
            f"the file lists {id_ranges(numeric.class_of)}{hint}"
        )
    rows = [
        Row(
            f"{at}[{raw_id}]",
            names[raw_id],
            numeric.class_names[place],
            numeric.colors.get(place),
        )
        for raw_id, place in sorted(numeric.class_of.items(), key=lambda item: (item[1], item[0]))
        if raw_id in names
    ]
    unknown: dict[str, list[int]] = {}
    for raw_id, place in numeric.class_of.items():
        if raw_id not in names:
            unknown.setdefault(numeric.class_names[place], []).append(raw_id)
    notes = []
    if unknown:
        entries = "; ".join(f"{id_ranges(ids)} -> {name}" for name, ids in unknown.items())
        notes.append(
            f"not a raw id of the taxonomy, which has {id_ranges(names)}, so ignored: {entries}"
        )
    reached = {row.class_name for row in rows}
    empty = [name for name in dict.fromkeys(numeric.class_names) if name not in reached]
    if empty:
        notes.append(
            f"no label falls into {', '.join(empty)}: left out, the classes after it move up"
        )
    return rows, notes


def unlisted_ids(numeric: MappingDict, names: Mapping[int, str]) -> list[int]:
    """Return the raw ids of labels that a numeric mapping does not list."""
    return [i for i, name in names.items() if name != VOID_NAME and i not in numeric.class_of]


def _beside(
    content: Any, section: dict[Any, Any], path: str, key: str, where: str
) -> tuple[str, Any]:
    """Return the value of a key beside ``mapping_dict``, or else elsewhere, and its path."""
    if key not in section:
        rather = (lambda held: reads_as_names(held["classes"]),) if key == "classes" else ()
        found = the_section_with(content, key, where, is_listing, rather)
        if found is not None:
            path, section = found
    return f"{where}: {path}{key}", section.get(key)


def _class_names(where: str, value: Any, faults: list[str]) -> dict[int, str]:
    pairs = numbered(value)
    if not pairs or len(pairs) > MAX_CLASSES:
        faults.append(
            f"{where}: {shown(value)}; expected 1 to {MAX_CLASSES} names, as a list, `id: name` or "
            "`name: id`"
        )
        return {}
    names: dict[int, str] = {}
    for key, name in pairs:
        class_id = whole_number(key)
        if class_id is None or class_id in names:
            faults.append(f"{where}[{shown(key)}]: expected a whole number, once")
        elif not isinstance(name, str) or not name.strip() or not name.isprintable():
            faults.append(f"{where}[{class_id}]: {shown(name)}; expected a word")
            names[class_id] = ""
        else:
            names[class_id] = name.strip()
    words = [name.lower() for name in names.values() if name.lower() not in NOT_TRAINED]
    faults.extend(
        f"{where}[{class_id}]: {shown(name)} appears twice"
        for class_id, name in names.items()
        if name and words.count(name.lower()) > 1
    )
    return names


def _ids(where: str, value: Any, names: Mapping[int, str], faults: list[str]) -> dict[int, int]:
    if not is_listing(value):
        faults.append(f"{where}: {shown(value)}; expected `raw id: class id` lines")
        return {}
    by_name = {name: class_id for class_id, name in names.items()}
    ids: dict[int, int] = {}
    for key, target in enumerate(value) if isinstance(value, list) else value.items():
        raw_id = whole_number(key)
        class_id = by_name.get(target) if isinstance(target, str) else None
        class_id = whole_number(target) if class_id is None else class_id
        if raw_id is None or raw_id in ids:
            faults.append(f"{where}[{shown(key)}]: expected a whole number for a raw id, once")
        elif class_id is None:
            faults.append(f"{where}[{raw_id}]: {shown(target)}; expected a class id")
        else:
            ids[raw_id] = class_id
    return ids


def _colors(
    where: str, value: Any, names: Mapping[int, str], faults: list[str]
) -> dict[int, Color]:
    if value is None:
        return {}
    if not isinstance(value, list | dict):
        faults.append(f"{where}: {shown(value)}; expected colours as a list, or by id or name")
        return {}
    by_name = {name: class_id for class_id, name in names.items()}
    colors: dict[int, Color] = {}
    for key, color in enumerate(value) if isinstance(value, list) else value.items():
        class_id = by_name.get(key) if isinstance(key, str) else None
        class_id = whole_number(key) if class_id is None else class_id
        parsed = parse_color(f"{where}[{shown(key)}]", color, faults)
        if class_id is not None and class_id in names:
            colors[class_id] = parsed
        elif class_id not in IGNORED_CLASS_IDS:
            faults.append(f"{where}[{shown(key)}]: no class of that id or name in classes")
    return colors


def _recognised(file: ForeignFile) -> bool:
    return isinstance(file.content, dict) and bool(sections_with(file.content, "mapping_dict"))


def _read(file: ForeignFile, taxonomy: Taxonomy | None, choices: Choices) -> Read:
    known = label_names(needed(taxonomy), choices.encoding or "default")
    numeric = read_mapping_dict(file.content, file.where)
    rows, notes = mapping_dict_rows(numeric, known, choices.shift)
    return Read(rows, notes, numeric=numeric)


IMPORTER = Importer(
    looked_for="`mapping_dict` in .yaml and .json",
    kinds=("data",),
    recognised=_recognised,
    read=_read,
    choices=("encoding", "shift"),
    rather_than=("mmseg", "label-list"),
)
