"""Label tables in the manner of cityscapesScripts' ``helpers/labels.py``, as Python or as CSV."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segexp.core.errors import InputError, collected, did_you_mean, named, shown
from segexp.labels.importer import Choices, Importer, Read
from segexp.labels.importers._file import MAX_ROWS, ForeignFile
from segexp.labels.importers._python_source import calls_of, literal, parse_source
from segexp.labels.importers._rows import Row
from segexp.labels.importers._tables import header_of, read_table
from segexp.labels.taxonomy import Color, Taxonomy, free_void_color, parse_color, parse_taxonomy

BY = ("trainId", "category")
FIELDS = (
    *("name", "id", "trainId", "category", "categoryId"),
    *("hasInstances", "ignoreInEval", "color"),
)
"""The fields of a ``Label``, in order, where the source does not define its own."""

IGNORED_TRAIN_IDS = (255, -1)


@dataclass(frozen=True)
class LabelRecord:
    """One ``Label``: its raw id, its id in training (255 and -1: none), category and colour."""

    at: str
    name: str
    id: int | None
    train_id: int
    category: str
    color: Color | None

    @property
    def ignored(self) -> bool:
        """Whether the table leaves the label out of training."""
        return self.train_id in IGNORED_TRAIN_IDS


def read_label_table(text: str, where: str, is_python: bool) -> list[LabelRecord]:
    """Read the records of a label table, in the order of the file.

    Args:
        text: Python source with ``Label('road', 7, 0, 'flat', ...)`` calls, whose fields are named
            by its ``namedtuple('Label', [...])`` if it has one, or a CSV headed by such names.
        where: What to call the file in an error.
        is_python: Whether it is Python source.

    Raises:
        InputError: With every record that lacks a field or has a value that cannot be one.
    """
    faults: list[str] = []
    fields = _python_records(text, where, faults) if is_python else _csv_records(text, where)
    if len(fields) > MAX_ROWS:
        raise InputError(f"{where}: {len(fields)} labels; at most {MAX_ROWS} are read")
    records = [_record(at, values, faults) for at, values in fields]
    if not records and not faults:
        faults.append(f"{where}: no Label(...) in it; expected the source of cityscapesScripts")
    if faults:
        raise InputError(faults)
    return records


def label_table_rows(records: Sequence[LabelRecord], by: str) -> list[Row]:
    """Return the class of each label: its training class, or its category.

    By ``trainId`` the classes are in the order of the train ids, each with the name and colour
    of the first label that has the id, as cityscapesScripts does it. By ``category`` they are
    in the order of the table.
    """
    if by == "category":
        return [Row(r.at, r.name, r.category, r.color, optional=r.ignored) for r in records]
    first: dict[int, LabelRecord] = {}
    for record in records:
        first.setdefault(record.train_id, record)
    rows = []
    for record in sorted(records, key=lambda r: r.train_id):
        named_by = first[record.train_id]
        class_name = None if record.ignored else named_by.name
        rows.append(Row(record.at, record.name, class_name, named_by.color, record.ignored))
    return rows


def label_table_taxonomy(where: str, name: str, records: Sequence[LabelRecord]) -> Taxonomy:
    """Return the taxonomy of a label table: the labels that it trains, the others void.

    Where each label has its own train id, that is the default encoding, and the ``id`` column
    the encoding ``labelIds``, as in our ``cityscapes19``; else the ids alone are.

    Raises:
        InputError: When ids or names appear twice, or an id or colour is missing.
    """
    trained = [r for r in records if not r.ignored]
    faults = [f"{r.at}: {r.name!r} has no colour" for r in trained if r.color is None]
    faults += [f"{r.at}: {r.name!r} has no id" for r in records if r.id is None]
    if faults:
        raise InputError(faults)
    used = {r.id for r in trained}
    void = list(dict.fromkeys(r.id for r in records if r.id not in used))
    one_each = len({r.train_id for r in trained}) == len(trained)
    content: dict[str, Any] = {
        "name": name,
        "labels": [
            {"name": r.name, "id": r.train_id if one_each else r.id, "color": list(r.color or ())}
            for r in trained
        ],
        "void": [-1, 255] if one_each else void,
        "void_color": list(free_void_color([r.color for r in trained if r.color])),
    }
    if one_each:
        label_ids = {"labels": {r.name: r.id for r in trained}, "void": void}
        content["encodings"] = {"labelIds": label_ids}
    taxonomy, faults = parse_taxonomy(where, content)
    if faults:
        raise InputError(faults)
    return taxonomy


def _python_records(text: str, where: str, faults: list[str]) -> list[tuple[str, dict[str, Any]]]:
    tree = parse_source(text, where)
    fields = _field_names(tree, where)
    records = []
    for call in calls_of(tree, "Label"):
        at = f"{where}:{call.lineno}"
        if len(call.args) > len(fields):
            faults.append(f"{at}: Label has {len(call.args)} values for the {len(fields)} fields")
            continue
        with collected(faults):
            named = zip(fields, call.args, strict=False)
            values = {name: literal(node, where, f"Label {name}") for name, node in named}
            for keyword in call.keywords:
                field = keyword.arg or "**"
                values[field] = literal(keyword.value, where, f"Label {field}")
            records.append((at, values))
    return records


def _field_names(tree: ast.Module, where: str) -> tuple[str, ...]:
    for call in calls_of(tree, "namedtuple"):
        if len(call.args) == 2:
            typename, names = (literal(node, where, "the namedtuple") for node in call.args)
            if typename == "Label" and isinstance(names, str):
                return tuple(names.replace(",", " ").split())
            if typename == "Label":
                return tuple(map(str, names)) if isinstance(names, list | tuple) else FIELDS
    return FIELDS


def _csv_records(text: str, where: str) -> list[tuple[str, dict[str, Any]]]:
    header, *lines = read_table(text, where)
    needed = ("name", "trainId", "category")
    faults = [
        f"{where}:{header.number}: no column {name!r}{did_you_mean(name, header.cells)}; "
        f"found {named(', '.join(header.cells))}"
        for name in needed
        if name not in header.cells
    ]
    faults += [
        f"{where}:{line.number}: {len(line.cells)} cells for the {len(header.cells)} columns"
        for line in lines
        if len(line.cells) != len(header.cells)
    ]
    if faults:
        raise InputError(faults)
    return [
        (
            f"{where}:{line.number}",
            {k: _cell_value(k, v) for k, v in zip(header.cells, line.cells, strict=True)},
        )
        for line in lines
    ]


def _cell_value(column: str, cell: str) -> Any:
    """Return a cell of a CSV as the Python source would have it."""
    if column in ("id", "trainId") and re.fullmatch(r"[-+]?[0-9]{1,9}", cell):
        return int(cell)
    if column == "color":
        number = r"\s*([0-9]{1,3})\s*"
        parts = re.fullmatch(rf"[(\[]?{number}[, ]{number}[, ]{number}[)\]]?", cell)
        return [int(part) for part in parts.groups()] if parts else cell or None
    return cell


def _record(at: str, values: dict[str, Any], faults: list[str]) -> LabelRecord:
    name, train_id, category = (values.get(key) for key in ("name", "trainId", "category"))
    raw_id, color = values.get("id"), values.get("color")
    for key, value in (("name", name), ("category", category)):
        if not isinstance(value, str):
            faults.append(f"{at}: {key}: {shown(value)}; expected a word")
    for key, number in (("trainId", train_id), ("id", raw_id if "id" in values else 0)):
        if type(number) is not int:
            faults.append(f"{at}: {key}: {shown(number)}; expected a whole number")
    parsed = None
    if color is not None:
        as_list = list(color) if isinstance(color, tuple) else color
        parsed = parse_color(f"{at}: color", as_list, faults)
    return LabelRecord(
        at,
        str(name).strip(),
        raw_id if type(raw_id) is int else None,
        train_id if type(train_id) is int else 255,
        str(category),
        parsed,
    )


def _recognised(file: ForeignFile) -> bool:
    if file.kind == "python":
        return re.search(r"\bLabel\s*\(", file.text) is not None
    return "trainId" in header_of(file)


def _read(file: ForeignFile, choices: Choices) -> Read:
    by, name = choices.by or BY[0], choices.new_taxonomy
    if by not in BY:
        raise InputError(f"--by {by!r}: expected {', '.join(BY)}{did_you_mean(by, BY)}")
    records = read_label_table(file.text, file.where, is_python=file.kind == "python")
    own = None if name is None else label_table_taxonomy(file.where, name, records)
    return Read(label_table_rows(records, by), taxonomy=own)


IMPORTER = Importer(
    looked_for="Label(...) in .py, a table with the column `trainId`",
    kinds=("python", "table"),
    recognised=_recognised,
    read=lambda file, taxonomy, choices: _read(file, choices),
    choices=("by", "new_taxonomy"),
    rather_than=("mmseg", "csv", "id-table"),
)
