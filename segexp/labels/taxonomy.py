"""Taxonomies: the raw label set of a data set, and the one way from raw ids to label indices."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError, at_most, did_you_mean, named, shown
from segexp.core.files import name_fault
from segexp.core.yaml import read_yaml_mapping

VOID = 255
"""The index of pixels that loss and metrics leave out (``ignore_index``), in every uint8 array."""

VOID_NAME = "void"
"""How a mapping file names the pixels that the taxonomy leaves unlabelled."""

LONGEST_NAME = 100
"""How many characters the name of a label or a class may have."""

MAX_ENCODINGS = 32
MAX_RAW_ID = (1 << 32) - 1

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Label:
    """One entry of a taxonomy: its name and its colour (R, G, B in 0..255)."""

    name: str
    color: Color


@dataclass(frozen=True)
class Taxonomy:
    """The raw label set of a data set.

    Label indices 0..L-1 are the places of ``labels``; they are what the data cache stores.

    Attributes:
        name: The taxonomy's name, also of its file in ``mappings/taxonomies/``.
        labels: The labels, in the order of the file.
        encodings: For each way in which masks write the labels as numbers (``default`` and
            others, such as Cityscapes' ``labelIds``): raw id -> label index or VOID.
        void_color: The colour of void in pictures, and in RGB masks where no label has it.
    """

    name: str
    labels: tuple[Label, ...]
    encodings: Mapping[str, Mapping[int, int]]
    void_color: Color = (0, 0, 0)

    @property
    def names(self) -> tuple[str, ...]:
        """The labels' names, in order."""
        return tuple(label.name for label in self.labels)

    @property
    def colors(self) -> tuple[Color, ...]:
        """The labels' colours, in order."""
        return tuple(label.color for label in self.labels)

    @property
    def hash(self) -> str:
        """A digest of everything that decides what a mask means; not of the taxonomy's name."""
        encodings = {name: sorted(ids.items()) for name, ids in sorted(self.encodings.items())}
        content = repr((self.labels, self.void_color, encodings))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return the content of the taxonomy's YAML file."""
        ids = {name: _raw_ids(encoding) for name, encoding in self.encodings.items()}
        default, default_void = ids.pop("default")
        return {
            "name": self.name,
            "labels": [
                {"name": label.name, "id": default[index], "color": list(label.color)}
                for index, label in enumerate(self.labels)
            ],
            "void": default_void,
            "void_color": list(self.void_color),
            "encodings": {
                name: {
                    "labels": {self.names[index]: raw_id for index, raw_id in by_label.items()},
                    "void": void,
                }
                for name, (by_label, void) in ids.items()
            },
        }


def _raw_ids(encoding: Mapping[int, int]) -> tuple[dict[int, int], list[int]]:
    """Return the raw id by label index, in order, and the raw ids of void."""
    by_label = sorted((index, raw_id) for raw_id, index in encoding.items() if index != VOID)
    return dict(by_label), [raw_id for raw_id, index in encoding.items() if index == VOID]


def to_label_indices(
    raw: NDArray[Any], encoding: Mapping[int, int]
) -> tuple[NDArray[np.uint8], dict[int, int]]:
    """Turn a mask of raw ids into label indices by a lookup table whose default is an error.

    Args:
        raw: Integers of any width and shape; negative ids and 255 work.
        encoding: Raw id -> label index or VOID, from ``Taxonomy.encodings``.

    Returns:
        The label indices (uint8, same shape; VOID where the id is unknown) and the unknown
        raw ids with their pixel counts. The caller refuses the mask if there are any.
    """
    if raw.size == 0:
        return np.full(raw.shape, VOID, np.uint8), {}
    lowest, highest = int(raw.min()), int(raw.max())
    # 32-bit nonsense: a table over the range would be too large, or overflow int64.
    if highest - lowest > 1 << 17 or highest > np.iinfo(np.int64).max:
        ids, inverse, counts = np.unique(raw, return_inverse=True, return_counts=True)
        table = np.array([encoding.get(int(i), VOID) for i in ids], np.uint8)
        unknown = {int(i): int(n) for i, n in zip(ids, counts, strict=True) if i not in encoding}
        return table[inverse].reshape(raw.shape), unknown
    table = np.full(highest - lowest + 1, VOID, np.uint8)
    known = np.zeros(highest - lowest + 1, bool)
    for raw_id, index in encoding.items():
        if lowest <= raw_id <= highest:
            table[raw_id - lowest] = index
            known[raw_id - lowest] = True
    places = raw.astype(np.int64) - lowest
    unknown = {}
    if not known.all():
        counts = np.bincount(places.ravel(), minlength=known.size)
        unknown = {int(i) + lowest: int(counts[i]) for i in np.flatnonzero(~known & (counts > 0))}
    return table[places], unknown


def load_taxonomy(path: Path) -> Taxonomy:
    """Read a taxonomy from its YAML file.

    Raises:
        InputError: With every fault in the file.
    """
    content = read_yaml_mapping(path)
    taxonomy, faults = parse_taxonomy(str(path), content)
    keys = ("name", "description", "labels", "void", "void_color", "encodings")
    faults = unknown_keys(path, content, keys) + faults
    if content.get("name") != path.stem:
        name_now = content.get("name")
        faults.append(
            f"{path}: name: {shown(name_now)}; must be the file's own name, {path.stem!r}"
        )
    if faults:
        raise InputError(faults)
    return taxonomy


def parse_taxonomy(where: str, content: Mapping[str, Any]) -> tuple[Taxonomy, list[str]]:
    """Build a taxonomy from the content of its file, and list every fault in it.

    Args:
        where: What to call the file in a fault.
        content: As ``Taxonomy.to_dict`` writes it.

    Returns:
        The taxonomy (of use only without faults) and the faults.
    """
    faults = file_name_faults(where, content)
    labels: list[Label] = []
    ids: dict[int, int] = {}
    rows = content.get("labels")
    if not isinstance(rows, list) or not rows:
        faults.append(f"{where}: labels: expected a list of {{name, id, color}}")
        rows = []
    if len(rows) > VOID:
        faults.append(f"{where}: labels: {len(rows)}; at most {VOID} fit into 8 bits beside void")
        rows = []
    for place, row in enumerate(rows):
        at = f"{where}: labels[{place}]"
        if not isinstance(row, dict) or set(row) != {"name", "id", "color"}:
            faults.append(f"{at}: {shown(row)}; expected {{name: ..., id: ..., color: [r, g, b]}}")
            continue
        label = row["name"]
        if fault := word_fault(label, [known.name for known in labels]):
            faults.append(f"{at}: name: {fault}")
        color = parse_color(f"{at}: color", row["color"], faults)
        _add_id(f"{at}: id", row["id"], place, ids, faults)
        labels.append(Label(str(label), color))
    _add_voids(f"{where}: void", content.get("void", []), ids, faults)
    encodings = {"default": ids}
    others = content.get("encodings") or {}
    if (
        not isinstance(others, dict)
        or "default" in others
        or len(others) > MAX_ENCODINGS
        or not all(isinstance(encoding, str) for encoding in others)
    ):
        faults.append(
            f"{where}: encodings: expected names other than `default` with their ids, at most "
            f"{MAX_ENCODINGS}"
        )
        others = {}
    for encoding, ids_of in others.items():
        at = f"{where}: encodings.{named(encoding)}"
        if fault := name_fault("name", encoding):
            faults.append(f"{where}: encodings: {fault}")
        encodings[encoding] = _parse_encoding(at, ids_of, [label.name for label in labels], faults)
    void_color = parse_color(f"{where}: void_color", content.get("void_color", [0, 0, 0]), faults)
    name = str(content.get("name"))
    return Taxonomy(name, tuple(labels), encodings, void_color), faults


def unknown_keys(path: Path, content: Mapping[str, Any], known: tuple[str, ...]) -> list[str]:
    """Return a fault for every key of a YAML file that is not one of the known ones."""
    unknown, more = at_most([key for key in content if key not in known], str(path))
    return [
        f"{path}: {named(key)}: unknown key{did_you_mean(key, known)}; known are {', '.join(known)}"
        for key in unknown
    ] + more


def file_name_faults(where: str, content: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the name of a mapping or taxonomy, which names its file."""
    name = content.get("name")
    if not isinstance(name, str):
        return [f"{where}: name: {shown(name)}; expected a word"]
    fault = name_fault("name", name)
    return [f"{where}: {fault}"] if fault else []


def word_fault(name: Any, taken: Collection[str]) -> str | None:
    """Return what is wrong with the name of a label or a class, or None.

    Args:
        name: The value in the file.
        taken: The names before it.
    """
    if not isinstance(name, str) or not name.strip() or name == VOID_NAME:
        return f"{shown(name)}; must be a word other than {VOID_NAME!r}"
    if len(name) > LONGEST_NAME:
        return f"{name[:40] + '...'!r}: longer than {LONGEST_NAME} characters"
    if not name.isprintable():
        return f"{name!r}: has characters that cannot be printed"
    return f"{name!r} appears twice" if name in taken else None


def parse_color(where: str, value: Any, faults: list[str]) -> Color:
    """Read ``[r, g, b]``; a fault is appended to ``faults`` and black returned."""
    if (
        isinstance(value, list)
        and len(value) == 3
        and all(type(v) is int and 0 <= v <= 255 for v in value)
    ):
        return (value[0], value[1], value[2])
    faults.append(f"{where}: {shown(value)}; expected [r, g, b] with whole numbers from 0 to 255")
    return (0, 0, 0)


def _parse_encoding(where: str, rows: Any, names: list[str], faults: list[str]) -> dict[int, int]:
    ids: dict[int, int] = {}
    if not isinstance(rows, dict) or set(rows) != {"labels", "void"}:
        faults.append(f"{where}: expected the keys `labels` (name: id) and `void` (a list of ids)")
        return ids
    by_name = rows["labels"] if isinstance(rows["labels"], dict) else {}
    unknown, more = at_most([name for name in by_name if name not in names], f"{where}.labels")
    faults += [
        f"{where}.labels.{named(name)}: no such label{did_you_mean(str(name), names)}"
        for name in unknown
    ]
    faults += more
    for index, name in enumerate(names):
        if name in by_name:
            _add_id(f"{where}.labels.{name}", by_name[name], index, ids, faults)
        else:
            faults.append(f"{where}.labels: {name!r} is missing")
    _add_voids(f"{where}.void", rows["void"], ids, faults)
    return ids


def _add_voids(where: str, value: Any, ids: dict[int, int], faults: list[str]) -> None:
    wrong: list[str] = []
    for place, raw_id in enumerate(_list_of(where, value, faults)):
        _add_id(f"{where}[{place}]", raw_id, VOID, ids, wrong)
    told, more = at_most(wrong, where)
    faults += [*told, *more]


def _add_id(where: str, raw_id: Any, index: int, ids: dict[int, int], faults: list[str]) -> None:
    if type(raw_id) is not int:
        faults.append(f"{where}: {shown(raw_id)}; expected a whole number")
    elif abs(raw_id) > MAX_RAW_ID:
        faults.append(f"{where}: {raw_id}; expected a whole number of at most 32 bits")
    elif raw_id in ids:
        faults.append(f"{where}: the raw id {raw_id} is already taken")
    else:
        ids[raw_id] = index


def free_void_color(colors: Collection[Color]) -> Color:
    """Return a colour for void that no label has: black if it is free, else another usual one."""
    usual = ((0, 0, 0), (224, 224, 192), (255, 255, 255))  # Cityscapes, Pascal VOC, ADE20K
    others = ((grey, grey, grey) for grey in range(1, VOID))  # a taxonomy has at most 255 labels
    return next(color for color in (*usual, *others) if color not in colors)


def _list_of(where: str, value: Any, faults: list[str]) -> list[Any]:
    if isinstance(value, list):
        return value
    faults.append(f"{where}: {shown(value)}; expected a list of raw ids")
    return []
