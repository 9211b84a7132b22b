"""From another project's file to a mapping: the format's reader, then `mapping_from_rows`.

Each module of `segexp.labels.importers` is a format; its name, with ``-`` for ``_``, is the
format's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from segexp.core.choices import module_in
from segexp.core.errors import InputError, collected, did_you_mean
from segexp.core.files import name_fault
from segexp.labels import importers
from segexp.labels.importers import importer_names
from segexp.labels.importers._file import SUFFIXES, ForeignFile, Kind, read_foreign_file
from segexp.labels.importers._notes import shared_colors, unlabelled_note
from segexp.labels.importers._rows import BACKGROUND, NOT_TRAINED, Row, mapping_from_rows
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import Taxonomy

if TYPE_CHECKING:
    from segexp.labels.importers.mapping_dict import MappingDict


@dataclass(frozen=True)
class Choices:
    """What a person may say about a file besides its format; None or 0 is unsaid.

    Attributes:
        by: What makes the classes of a label table: ``trainId`` (the default) or ``category``.
        column: The data set in an MSeg table.
        encoding: Which numbering of the taxonomy a numeric mapping's raw ids follow.
        shift: What to add to a numeric mapping's raw ids.
        background_as_void: Whether a class called *background* becomes void.
        new_taxonomy: The name of a taxonomy to make of the file's own labels.
        ids: The raw ids of the file's classes in that taxonomy, in their order; empty for
            0, 1, ...
    """

    by: str | None = None
    column: str | None = None
    encoding: str | None = None
    shift: int = 0
    background_as_void: bool = False
    new_taxonomy: str | None = None
    ids: tuple[int, ...] = ()

    @property
    def void_classes(self) -> frozenset[str]:
        """The class names, in lower case, that mean "in no class"."""
        return NOT_TRAINED | BACKGROUND if self.background_as_void else NOT_TRAINED


@dataclass(frozen=True)
class Read:
    """What a format's reader found.

    Attributes:
        rows: The labels and their classes.
        notes: What a person should know of the reading, a line each.
        taxonomy: One of the file's own labels, where `Choices.new_taxonomy` asks for it.
        numeric: A numeric mapping as the file has it, to be compared with the masks.
        says: What the file itself says of its labels beside their names: ``ids``, ``colors``.
    """

    rows: Sequence[Row]
    notes: Sequence[str] = ()
    taxonomy: Taxonomy | None = None
    numeric: "MappingDict | None" = None
    says: tuple[str, ...] = ("ids", "colors")


@dataclass(frozen=True)
class Importer:
    """A format of other projects: ``IMPORTER`` in its module.

    Attributes:
        looked_for: What tells the format, for a refusal: ``METAINFO in .py``.
        recognised: Whether a file has the format, by its content and its name.
        read: Reads a file, with the taxonomy whose labels are meant, if one is known.
        kinds: The kinds of files that can have it; empty for any.
        choices: The `Choices` that mean something for it; ``background_as_void`` always does.
        rather_than: Formats that are broader: they give way where both recognise a file.
        unlisted_are_void: Labels that the file does not name are void; else they are a fault.
        told_by_name: The content alone could be anything: in a data folder only files count that
            are called like labels.
    """

    looked_for: str
    recognised: Callable[[ForeignFile], bool]
    read: Callable[[ForeignFile, Taxonomy | None, Choices], Read]
    kinds: tuple[Kind, ...] = ()
    choices: tuple[str, ...] = ()
    rather_than: tuple[str, ...] = ()
    unlisted_are_void: bool = False
    told_by_name: bool = False


@dataclass(frozen=True)
class Imported:
    """A foreign file as a mapping.

    Attributes:
        mapping: The mapping.
        format: The format that the file was read in.
        notes: What a person should know of the reading, a line each.
        choices: What a person said about the file.
        new_taxonomy: Whether the taxonomy was made of the file's own labels.
        numeric: The numeric mapping as the file has it, for `numeric_check`; None for others.
        encoding: The numbering that its raw ids follow once they are shifted.
        says: `Read.says`.
    """

    mapping: Mapping
    format: str
    notes: tuple[str, ...]
    choices: Choices
    new_taxonomy: bool = False
    numeric: "MappingDict | None" = None
    encoding: str = "default"
    says: tuple[str, ...] = ("ids", "colors")


def importer_of(name: str) -> Importer:
    """Return what reads a format.

    Raises:
        InputError: When no format has that name, with a did-you-mean.
    """
    known = importer_names()
    if name not in known:
        raise InputError(
            f"--format {name!r}: expected {', '.join(known)}{did_you_mean(name, known)}"
        )
    importer: Importer = module_in(importers, name).IMPORTER
    return importer


def makes_taxonomies(importer: Importer) -> bool:
    """Whether a format lists the labels themselves, so that a new taxonomy can be made of them."""
    return "new_taxonomy" in importer.choices


def recognise_format(file: ForeignFile) -> str:
    """Tell which format a file has.

    Raises:
        InputError: When it has none that is known or more than one, or is a file of segexp.
    """
    _refuse_our_own(file)
    every = {name: importer_of(name) for name in importer_names()}
    known = {n: each for n, each in every.items() if not each.kinds or file.kind in each.kinds}
    seen: list[str] = []
    faults: list[str] = []
    for name, importer in known.items():
        with collected(faults):
            if importer.recognised(file):
                seen.append(name)
    if faults and not seen:
        raise InputError(list(dict.fromkeys(faults)))
    broader = {other for name in seen for other in known[name].rather_than}
    seen = [name for name in seen if name not in broader]
    if len(seen) == 1:
        return seen[0]
    if seen:
        raise InputError(f"{file.where}: looks like {' and '.join(seen)}; choose one with --format")
    if file.kind == "other":
        raise InputError(
            f"{file.where}: its name ends in none of {', '.join(sorted(SUFFIXES))}: rename it, or "
            f"say what it is with --format {'|'.join(every)}"
        )
    listing = "; ".join(f"{importer.looked_for} ({name})" for name, importer in known.items())
    raise InputError(
        f"{file.where}: unknown format; looked for {listing}. Write the labels into labels.json, "
        '{"classes": ["name of 0", "name of 1"], "palette": [[0, 0, 0], [255, 0, 0]]}, and import '
        "that"
    )


def import_mapping(
    path: Path,
    name: str,
    format_name: str,
    taxonomy: Taxonomy | None,
    choices: Choices,
    encoding_of_masks: str = "default",
) -> Imported:
    """Read a foreign file as a mapping.

    Args:
        path: The file; at most 256 KiB, a YAML at most 64 KiB.
        name: The mapping's name.
        format_name: One of `importer_names`, or ``auto``.
        taxonomy: Whose labels it maps; None with ``choices.new_taxonomy``.
        choices: What else a person said.
        encoding_of_masks: The numbering of a numeric mapping's raw ids where a person did not
            say it.

    Raises:
        InputError: With every fault that was found in the file, or choices that mean
            nothing for the format.
    """
    file = read_foreign_file(path)
    if format_name == "auto":
        format_name = recognise_format(file)
    importer = importer_of(format_name)
    _refuse_idle_choices(format_name, choices)
    name_of_taxonomy = choices.new_taxonomy
    if name_of_taxonomy is not None and (fault := name_fault("--new-taxonomy", name_of_taxonomy)):
        raise InputError(fault)
    encoding = encoding_of_masks if choices.encoding is None else choices.encoding
    read = importer.read(file, taxonomy, replace(choices, encoding=encoding))
    try:
        found = mapping_from_rows(
            file.where,
            name,
            read.taxonomy or needed(taxonomy),
            read.rows,
            choices.void_classes,
            importer.unlisted_are_void,
        )
    except InputError as error:
        if read.taxonomy is not None or not makes_taxonomies(importer):
            raise
        hint = "if the labels are of another taxonomy: --taxonomy NAME, or --new-taxonomy NAME"
        raise InputError([*error.faults, f"{path}: {hint} makes one of them"]) from None
    return Imported(
        found.mapping,
        format_name,
        (
            *read.notes,
            *found.notes,
            *unlabelled_note(found.mapping),
            *(shared_colors(path, read.taxonomy) if read.taxonomy else ()),
        ),
        choices,
        read.taxonomy is not None,
        read.numeric,
        encoding,
        read.says,
    )


def needed(taxonomy: Taxonomy | None) -> Taxonomy:
    """Return the taxonomy whose labels a file names.

    Raises:
        InputError: When it is not known.
    """
    if taxonomy is None:
        raise InputError("--taxonomy: missing; the file does not say what its labels are")
    return taxonomy


def _refuse_idle_choices(format_name: str, choices: Choices) -> None:
    """Refuse choices that mean nothing for the format."""
    known = {name: importer_of(name).choices for name in importer_names()}
    idle = [
        field.name
        for field in fields(choices)
        if field.name != "background_as_void"
        and getattr(choices, field.name) != field.default
        and field.name not in known[format_name]
    ]
    faults = []
    for choice in idle:
        those = ", ".join(name for name, has in known.items() if choice in has)
        option = f"--{choice.replace('_', '-')}"
        faults.append(f"{option}: is for {those}; this file is {format_name}")
    if faults:
        raise InputError(faults)


def _refuse_our_own(file: ForeignFile) -> None:
    content = file.content if file.kind == "data" else None
    if not isinstance(content, dict):
        return
    if "taxonomy" in content and "classes" in content:
        raise InputError(f"{file.where}: is a mapping of segexp already; copy it into mappings/")
    if {"name", "labels", "void"} <= content.keys():
        raise InputError(
            f"{file.where}: is a taxonomy of segexp already; copy it into mappings/taxonomies/"
        )
