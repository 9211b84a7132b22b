"""Rows of a label and its class, which every format becomes, and a mapping from them."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass

from segexp.core.errors import InputError, at_most, did_you_mean, shown
from segexp.labels.files import parse_mapping
from segexp.labels.importers._file import MAX_ROWS
from segexp.labels.mapping import MappedClass, Mapping
from segexp.labels.taxonomy import LONGEST_NAME, VOID_NAME, Color, Taxonomy

NOT_TRAINED = frozenset({"void", "ignore", "ignored", "unlabeled", "unlabelled"})
"""Class names that mean "in no class" in other projects. A *background* is a trained class."""

BACKGROUND = frozenset({"background"})


@dataclass(frozen=True)
class Row:
    """One label of a foreign file and what becomes of it.

    Attributes:
        at: Where it is, for an error: ``<file>:<line>`` or ``<file>: <key>``.
        label: The label's name as the file spells it; ``void`` for the unlabelled pixels.
        class_name: The class that it falls into; None for none.
        color: The colour that the file gives the class, or None.
        optional: The file itself leaves the label out of training, so a taxonomy may lack it.
    """

    at: str
    label: str
    class_name: str | None
    color: Color | None = None
    optional: bool = False


@dataclass(frozen=True)
class FromRows:
    """A mapping, and what a person should know about how it was made."""

    mapping: Mapping
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Trained:
    """A row, and the class that it is trained as; None for void."""

    row: Row
    class_name: str | None


def mapping_from_rows(
    where: str,
    name: str,
    taxonomy: Taxonomy,
    rows: Sequence[Row],
    void_classes: Collection[str] = NOT_TRAINED,
    unlisted_are_void: bool = False,
) -> FromRows:
    """Turn rows into a mapping; its classes are in the order of the rows.

    A label is found by its name, or where it is unambiguous by its letters and digits alone:
    ``Traffic_Light`` is ``traffic light``. A class takes the colour of its first row that has
    one, else that of its first label.

    Args:
        where: The file, for errors that have no line.
        name: The mapping's name.
        taxonomy: Whose labels the rows name.
        rows: The rows of the file.
        void_classes: Class names, in lower case, that mean "in no class".
        unlisted_are_void: Whether labels of the taxonomy that no row names become void, with a
            note; else they are a fault.

    Raises:
        InputError: With every label that the taxonomy lacks, that two classes hold or that no row
            names, and every name that is invalid.
    """
    if len(rows) > MAX_ROWS:
        raise InputError(f"{where}: {len(rows)} labels; at most {MAX_ROWS} are read")
    trained = [_Trained(row, _class_name(row, void_classes)) for row in rows]
    known, absent, faults = _in_taxonomy(trained, taxonomy)
    placed, contradictions = _once_each(known)
    faults = [fault for row in rows for fault in _name_faults(row)] + faults + contradictions
    unlisted = _listed(label for label in taxonomy.names if label not in placed)
    if unlisted and not unlisted_are_void:
        faults.append(
            f"{where}: does not mention {unlisted} of {taxonomy.name}; every label needs a class, "
            f"or {VOID_NAME!r} for its class"
        )
    classes = _classes(placed, taxonomy)
    if len(classes) < 2 and not faults:
        only = "; ".join(f"{c.name}: {_listed(c.labels)}" for c in classes) or "every label is void"
        faults.append(f"{where}: {len(classes)} class(es) ({only}); a mapping needs two or more")
    if faults:
        raise InputError(faults)
    mapping = Mapping(name, taxonomy, classes)
    _, faults = parse_mapping(where, mapping.to_dict(), taxonomy)
    if faults:
        raise InputError(faults)
    notes = [f"taken for void: {text!r} ({held})" for text, held in _dropped(trained)]
    if unlisted:
        notes.append(f"in no class of the file, so void: {unlisted}")
    if absent:
        notes.append(f"not in the taxonomy {taxonomy.name}, so ignored: {_listed(absent)}")
    return FromRows(mapping, tuple(notes))


def label_finder(taxonomy: Taxonomy) -> Callable[[str], str | None]:
    """Return the function from a foreign spelling to the label that is meant, or None."""
    names = (*taxonomy.names, VOID_NAME)
    by_key: dict[str, list[str]] = {}
    for name in names:
        by_key.setdefault(_key(name), []).append(name)

    def find(spelling: str) -> str | None:
        word = spelling.strip()
        if word in names:
            return word
        similar = by_key.get(_key(word), [])
        return similar[0] if len(similar) == 1 else None

    return find


def _key(name: str) -> str:
    """Return a name's letters and digits; the whole name where it has none."""
    return re.sub(r"[\W_]+", "", name).casefold() or name


def _class_name(row: Row, void_classes: Collection[str]) -> str | None:
    name = (row.class_name or "").strip()
    return name if name and name.lower() not in void_classes else None


def _in_taxonomy(
    trained: Sequence[_Trained], taxonomy: Taxonomy
) -> tuple[list[tuple[str, _Trained]], list[str], list[str]]:
    """Return the rows by their labels, the labels that may be absent, and faults."""
    find = label_finder(taxonomy)
    known: list[tuple[str, _Trained]] = []
    absent: list[str] = []
    unknown: list[Row] = []
    for each in trained:
        label = find(each.row.label)
        if label is not None:
            known.append((label, each))
        elif each.class_name is None or each.row.optional:
            absent.append(each.row.label)
        else:
            unknown.append(each.row)
    told, more = at_most(unknown, taxonomy.name)
    faults = [
        f"{row.at}: {shown(row.label)} is not a label of {taxonomy.name}"
        f"{did_you_mean(row.label, (*taxonomy.names, VOID_NAME))}"
        for row in told
    ]
    return known, absent, faults + more


def _once_each(known: Iterable[tuple[str, _Trained]]) -> tuple[dict[str, _Trained], list[str]]:
    """Return the class of each label, and a fault for each row that contradicts an earlier one."""
    placed: dict[str, _Trained] = {}
    faults: list[str] = []
    for label, each in known:
        before = placed.setdefault(label, each)
        if before.class_name != each.class_name:
            faults.append(
                f"{each.row.at}: {label!r} falls into {each.class_name or VOID_NAME!r}, but at "
                f"{before.row.at} into {before.class_name or VOID_NAME!r}; one class only"
            )
    return placed, faults


def _classes(placed: Dict[str, _Trained], taxonomy: Taxonomy) -> tuple[MappedClass, ...]:
    labels: dict[str, list[str]] = {}
    colors: dict[str, Color] = {}
    for label, each in placed.items():
        if each.class_name is not None:
            labels.setdefault(each.class_name, []).append(label)
            if each.row.color is not None:
                colors.setdefault(each.class_name, each.row.color)
    return tuple(
        MappedClass(name, colors.get(name, _color(taxonomy, held[0])), tuple(held))
        for name, held in labels.items()
    )


def _dropped(trained: Iterable[_Trained]) -> list[tuple[str, str]]:
    """Return the class names that were taken for void, each with its labels."""
    labels: dict[str, list[str]] = {}
    for each in trained:
        if each.class_name is None and each.row.class_name:
            labels.setdefault(each.row.class_name, []).append(each.row.label)
    return [(name, _listed(held)) for name, held in labels.items()]


def _name_faults(row: Row) -> list[str]:
    faults = []
    if not row.label.strip():
        faults.append(f"{row.at}: the name of the label is missing")
    for what, text in (("label", row.label), ("class", row.class_name or "")):
        if not text.isprintable():
            faults.append(f"{row.at}: {what} {shown(text)}: has characters that cannot be printed")
        if len(text) > LONGEST_NAME:
            faults.append(f"{row.at}: {what} {shown(text)}: longer than {LONGEST_NAME} characters")
    return faults


def _color(taxonomy: Taxonomy, label: str) -> Color:
    if label == VOID_NAME:
        return taxonomy.void_color
    return taxonomy.colors[taxonomy.names.index(label)]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))
