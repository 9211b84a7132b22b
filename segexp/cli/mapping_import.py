"""``segexp mapping import``."""

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segexp.cli.console import print_json, prose, say
from segexp.cli.live import LiveDisplay
from segexp.cli.options import (
    Data,
    Debug,
    Json,
    Project,
    Set,
    check_choice,
    open_project,
    read_config,
    set_overrides,
)
from segexp.core.errors import InputError
from segexp.core.overrides import data_overrides
from segexp.labels.importers import importer_names

if TYPE_CHECKING:
    from segexp.core.config import Config
    from segexp.data.source import Source
    from segexp.labels.importer import Imported
    from segexp.labels.mapping import Mapping
    from segexp.labels.warning import MappingWarning


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file of another project.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The mapping's name; by default FILE's.")
    ] = None,
    format_name: Annotated[
        str,
        typer.Option(
            "--format",
            help=f"{', '.join(importer_names())}; by default recognised.",
        ),
    ] = "auto",
    taxonomy_name: Annotated[
        str | None,
        typer.Option(
            "--taxonomy",
            metavar="NAME",
            help="Whose labels it maps, in mappings/taxonomies/; by default the data's.",
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            help="Which of the taxonomy's numberings the raw ids in FILE follow, such as labelIds; "
            "by default the one of the data's masks."
        ),
    ] = None,
    shift: Annotated[int, typer.Option(help="What to add to the raw ids in FILE, such as -1.")] = 0,
    by: Annotated[
        str | None,
        typer.Option(
            help="What makes the classes of a label table: trainId (default) or category."
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Which column of FILE is meant, such as cityscapes-19.")
    ] = None,
    background_as_void: Annotated[
        bool,
        typer.Option(
            "--background-as-void", help="Leave a class called background out of training."
        ),
    ] = False,
    new_taxonomy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Make a taxonomy of this name of the labels in FILE.",
        ),
    ] = None,
    ids: Annotated[
        str | None,
        typer.Option(
            metavar="I,J,...",
            help="With --new-taxonomy: the raw ids of the classes in the masks, in their order, "
            "such as 0,255; by default 0,1,... with 255 void.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write this file, not mappings/NAME.yaml."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the mapping's file.")] = False,
    data: Data = None,
    json_: Json = False,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Turn another project's classes into a mapping, and check it against the data.

    FILE: such as a label file that came with data (labels.txt, class_dict.csv, labelmap.txt,
    id2label.json, ...), a METAINFO of mmsegmentation, a cityscapesScripts label table or a numeric
    mapping_dict. Nothing in it is executed. --format lists all formats; an option that means
    nothing for one is refused.
    """
    from segexp.data.mapping_check import names_data
    from segexp.data.mapping_import import import_on_data
    from segexp.labels.importer import Choices
    from segexp.labels.importers._writing import target_of, write_imported

    check_choice("--format", format_name, ("auto", *importer_names()))
    if new_taxonomy is not None and taxonomy_name is not None:
        raise InputError("--new-taxonomy and --taxonomy: one or the other")
    if ids is not None and new_taxonomy is None:
        raise InputError("--ids: is for --new-taxonomy; an existing taxonomy has its own ids")
    root = open_project(project)
    overrides = data_overrides(data, None, None)
    if data is not None and taxonomy_name is not None:
        overrides["data.taxonomy"] = taxonomy_name  # that is what the masks mean, too
    config = read_config(root, overrides, set_)
    name, path = target_of(root, file, name, out, force)

    choices = Choices(
        by, column, encoding, shift, background_as_void, new_taxonomy, _whole_numbers(ids)
    )
    read = import_on_data(
        *(root, config, file, choices),
        name=name,
        format_name=format_name,
        taxonomy=taxonomy_name,
        named=names_data([*overrides, *set_overrides(set_)]),
    )
    imported, source, unchecked = read.imported, read.source, read.unchecked
    warnings = _warnings(imported, root, config, source, json_)
    written = write_imported(imported, path, _comment(file, imported))
    if json_:
        print_json(
            {
                "name": name,
                "path": str(path),
                "format": imported.format,
                "mapping": imported.mapping.to_dict(),
                "notes": list(imported.notes),
                "data": source and {"dataset": source.name, "format": source.format},
                "unchecked": unchecked,
                "warnings": [{"kind": w.kind, "message": w.message} for w in warnings],
            }
        )
        return
    mapping = imported.mapping
    say(
        f"{file}: {imported.format}, {len(mapping.classes)} classes over {mapping.taxonomy.name}: "
        f"{', '.join(mapping.names)}; void: {_void_of(mapping)}"
    )
    for note in imported.notes:
        prose(f"note: {note}")
    if unchecked is not None:
        prose(f"note: not checked against data: {unchecked}")
    for warning in warnings:
        prose(f"warning: {warning.message}")
    say(f"wrote {' and '.join(map(str, written))}")


def _warnings(
    imported: "Imported", root: Path, config: "Config", source: "Source | None", quiet: bool
) -> "list[MappingWarning]":
    from segexp.data.mapping_check import check_on_data
    from segexp.data.raw_ids import count_raw_ids
    from segexp.data.stats import label_pixels
    from segexp.labels.checks import color_warnings
    from segexp.labels.numeric_check import numbering_warnings, numeric_warnings
    from segexp.labels.warning import MAX_VOID, MIN_SHARE

    warnings = color_warnings(imported.mapping)
    if source is None:
        return [*numbering_warnings(imported), *warnings]
    raw_counts: Counter[int] = Counter()
    with LiveDisplay(quiet=quiet) as display:
        dataset, found = check_on_data(
            *(root, config, source, imported.mapping),
            min_share=MIN_SHARE,
            max_void=MAX_VOID,
            progress=display.caching,
        )
        if imported.numeric is None:  # names were matched: there are no ids to compare
            return [*found, *warnings]
        if source.reading == imported.encoding:
            for split in source.splits:
                raw_counts.update(count_raw_ids(source, split, display.caching))
    pixels = label_pixels(dataset.train) + label_pixels(dataset.val) + label_pixels(dataset.heldout)
    return [*numeric_warnings(imported, raw_counts, pixels), *found, *warnings]


def _whole_numbers(text: str | None) -> tuple[int, ...]:
    words = [] if text is None else [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"-?[0-9]{1,9}", word) for word in words):
        raise InputError(f"--ids {text}: expected whole numbers, such as 0,255")
    return tuple(map(int, words))


def _void_of(mapping: "Mapping") -> str:
    """Name what is neither learned nor scored: labels, and the ids that the taxonomy calls void."""
    from segexp.labels.taxonomy import VOID

    words = list(mapping.void_labels)
    if not mapping.scores_void:
        default = mapping.taxonomy.encodings["default"]
        words += [f"raw id {i}" for i, index in default.items() if index == VOID]
    return ", ".join(words) or "none"


def _comment(file: Path, imported: "Imported") -> str:
    choices = imported.choices
    said = [imported.format]
    if choices.by:
        said.append(f"by {choices.by}")
    if choices.column:
        said.append(f"column {choices.column}")
    if choices.shift:
        said.append(f"raw ids shifted by {choices.shift}")
    if choices.ids:
        said.append(f"raw ids {', '.join(map(str, choices.ids))}")
    return f"Imported from {file.name} ({', '.join(said)})."
