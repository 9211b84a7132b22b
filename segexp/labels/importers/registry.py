"""From a foreign file to a mapping: the format's reader, then `rows.mapping_from_rows`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segexp.core.errors import InputError
from segexp.core.files import name_fault
from segexp.labels.importers._rows import BACKGROUND, NOT_TRAINED, Row, mapping_from_rows
from segexp.labels.importers._text_file import read_text_file
from segexp.labels.importers.cityscapes_labels import (
    label_table_rows,
    label_table_taxonomy,
    read_label_table,
)
from segexp.labels.importers.csv import label_csv_rows
from segexp.labels.importers.label_list import read_label_list
from segexp.labels.importers.mapping_dict import (
    MappingDict,
    label_names,
    mapping_dict_rows,
    read_mapping_dict,
)
from segexp.labels.importers.mmseg import metainfo_rows, metainfo_taxonomy, read_metainfo
from segexp.labels.importers.mseg import mseg_rows
from segexp.labels.importers.recognise import parse_content, recognise_format
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID, Color, Taxonomy

APPLIES_TO = {
    "by": ("cityscapes-labels",),
    "column": ("mseg",),
    "encoding": ("mapping-dict",),
    "shift": ("mapping-dict",),
    "new_taxonomy": ("cityscapes-labels", "mmseg", "label-list"),
    "ids": ("mmseg", "label-list"),
}
"""Which formats a choice means something for."""


@dataclass(frozen=True)
class Choices:
    """What a person may say about a file beside its format; None or 0 is unsaid.

    Attributes:
        by: What makes the classes of a label table: ``trainId`` (the default) or ``category``.
        column: The data set in an MSeg table.
        encoding: Which numbering of the taxonomy a numeric mapping's raw ids follow.
        shift: What to add to a numeric mapping's raw ids.
        background_as_void: Whether a class called *background* is no class but void.
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
class Imported:
    """A foreign file as a mapping.

    Attributes:
        mapping: The mapping.
        format: The format that the file was read in.
        notes: What a person should know of the reading, a line each.
        choices: What was said of the file.
        new_taxonomy: Whether the taxonomy was made of the file's own labels.
        numeric: The numeric mapping as the file has it, for `numeric_check`; None for others.
        encoding: The numbering that its raw ids follow once they are shifted.
    """

    mapping: Mapping
    format: str
    notes: tuple[str, ...]
    choices: Choices
    new_taxonomy: bool = False
    numeric: MappingDict | None = None
    encoding: str = "default"


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
        format_name: One of `recognise.FORMATS`, or ``auto``.
        taxonomy: Whose labels it maps; None with ``choices.new_taxonomy``.
        choices: What else a person said.
        encoding_of_masks: The numbering of a numeric mapping's raw ids where a person did not
            say it.

    Raises:
        InputError: With every fault that was found in the file, or choices that the format has
            no use for.
    """
    text = read_text_file(path)
    if format_name == "auto":
        format_name = recognise_format(path, text)
    _refuse_idle_choices(format_name, choices)
    name_of_taxonomy = choices.new_taxonomy
    if name_of_taxonomy is not None and (fault := name_fault("--new-taxonomy", name_of_taxonomy)):
        raise InputError(fault)
    encoding = encoding_of_masks if choices.encoding is None else choices.encoding
    read = _read(path, text, format_name, taxonomy, choices, encoding)
    try:
        found = mapping_from_rows(
            str(path),
            name,
            read.taxonomy or _needed(taxonomy),
            read.rows,
            choices.void_classes,
            unlisted_are_void=format_name in ("mmseg", "label-list"),
        )
    except InputError as error:
        if read.taxonomy is not None or format_name not in APPLIES_TO["new_taxonomy"]:
            raise
        hint = "if the labels are of another taxonomy: --taxonomy NAME, or --new-taxonomy NAME"
        raise InputError([*error.faults, f"{path}: {hint} makes one of them"]) from None
    return Imported(
        found.mapping,
        format_name,
        (
            *read.notes,
            *found.notes,
            *_unlabelled_note(found.mapping),
            *(_shared_colors(path, read.taxonomy) if read.taxonomy else ()),
        ),
        choices,
        read.taxonomy is not None,
        read.numeric,
        encoding,
    )


@dataclass(frozen=True)
class _Read:
    """What a format's reader found: rows, and for some formats more."""

    rows: list[Row]
    notes: Sequence[str] = ()
    taxonomy: Taxonomy | None = None
    numeric: MappingDict | None = None


def _read(
    path: Path,
    text: str,
    format_name: str,
    taxonomy: Taxonomy | None,
    choices: Choices,
    encoding: str,
) -> _Read:
    where, suffix, own_name = str(path), path.suffix.lower(), choices.new_taxonomy
    if format_name == "mapping-dict":
        known = label_names(_needed(taxonomy), encoding)
        numeric = read_mapping_dict(parse_content(text, where, suffix), where)
        rows, notes = mapping_dict_rows(numeric, known, choices.shift)
        return _Read(rows, notes, numeric=numeric)
    if format_name == "cityscapes-labels":
        records = read_label_table(text, where, is_python=suffix == ".py")
        own = label_table_taxonomy(where, own_name, records) if own_name is not None else None
        return _Read(label_table_rows(records, choices.by or "trainId"), taxonomy=own)
    if format_name in ("mmseg", "label-list"):
        if format_name == "mmseg":
            metainfo = read_metainfo(text, where, suffix)
        else:
            metainfo = read_label_list(parse_content(text, where, suffix), where)
        if own_name is None:
            return _Read(metainfo_rows(metainfo))
        own = metainfo_taxonomy(own_name, metainfo, choices.ids)
        return _Read(metainfo_rows(metainfo), taxonomy=own)
    if format_name == "mseg":
        return _Read(mseg_rows(text, where, choices.column))
    return _Read(label_csv_rows(text, where, _needed(taxonomy)))


def _unlabelled_note(mapping: Mapping) -> list[str]:
    index = mapping.lookup()[VOID]
    if index == VOID:
        return []
    name = mapping.names[index]
    way_out = "a class called void would leave them out"
    if name.lower() in BACKGROUND:
        way_out = "--background-as-void leaves them out"
    return [f"unlabelled pixels are trained as {name!r}; {way_out}"]


def _shared_colors(path: Path, taxonomy: Taxonomy) -> list[str]:
    """Say which labels of a new taxonomy a mask that holds colours cannot tell apart."""
    of_color: dict[Color, list[str]] = {}
    for name, color in zip(taxonomy.names, taxonomy.colors, strict=True):
        of_color.setdefault(color, []).append(name)
    return [
        f"{' and '.join(map(repr, names))} have one colour, {color}: masks that hold ids can be "
        "read, masks that hold colours (RGB) cannot. For those keep one of them in "
        f"{path.name}{', or none and it is void' if color == (0, 0, 0) else ''}, or give each its "
        "own colour, as in the masks, and import it again with --force and another --new-taxonomy"
        for color, names in of_color.items()
        if len(names) > 1
    ]


def _needed(taxonomy: Taxonomy | None) -> Taxonomy:
    if taxonomy is None:
        raise InputError("--taxonomy: missing; the file does not say what its labels are")
    return taxonomy


def _refuse_idle_choices(format_name: str, choices: Choices) -> None:
    faults = [
        f"--{choice.replace('_', '-')}: is for {' and '.join(formats)}; this file is {format_name}"
        for choice, formats in APPLIES_TO.items()
        if getattr(choices, choice) not in (None, 0, ()) and format_name not in formats
    ]
    if faults:
        raise InputError(faults)
