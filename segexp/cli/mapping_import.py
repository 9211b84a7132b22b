"""``segexp mapping import``."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segexp.cli.console import LiveDisplay, print_json, say
from segexp.cli.options import (
    Data,
    Debug,
    Json,
    Project,
    Set,
    check_choice,
    data_overrides,
    open_project,
    read_config,
    set_overrides,
)
from segexp.errors import InputError

if TYPE_CHECKING:
    from segexp.config import Config
    from segexp.dataset.source import Source
    from segexp.mapping_import.importing import Choices, Imported
    from segexp.mapping_warning import MappingWarning


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file of another project.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The mapping's name; by default FILE's.")
    ] = None,
    format_name: Annotated[
        str,
        typer.Option(
            "--format",
            help="mapping-dict, cityscapes-labels, mmseg, mseg or csv; by default recognised.",
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
            help="mapping-dict: which of the taxonomy's numberings its raw ids follow, such as "
            "labelIds; by default the one of the data's masks."
        ),
    ] = None,
    shift: Annotated[
        int, typer.Option(help="mapping-dict: what to add to its raw ids, such as -1.")
    ] = 0,
    by: Annotated[
        str | None,
        typer.Option(help="cityscapes-labels: trainId (the default) or category makes a class."),
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="mseg: the data set's column, such as cityscapes-19.")
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
            help="cityscapes-labels, mmseg: make a taxonomy of the file's own labels.",
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

    FILE: a numeric mapping_dict, a cityscapesScripts label table, a METAINFO of mmsegmentation,
    a table of MSeg, or CSV with label and class names. Nothing in it is executed.
    """
    from segexp.mapping_import.importing import Choices, import_mapping
    from segexp.mapping_import.label_table import BY
    from segexp.mapping_import.recognise import FORMATS
    from segexp.mapping_import.writing import target_of, write_imported
    from segexp.mapping_on_data import find_data, names_data
    from segexp.project import find_taxonomy

    check_choice("--format", format_name, ("auto", *FORMATS))
    if by is not None:
        check_choice("--by", by, BY)
    if new_taxonomy is not None and taxonomy_name is not None:
        raise InputError("--new-taxonomy and --taxonomy: one or the other")
    root = open_project(project)
    overrides = data_overrides(data, None, None)
    if data is not None and taxonomy_name is not None:
        overrides["data.taxonomy"] = taxonomy_name  # what the masks mean is said, too
    config = read_config(root, overrides, set_)
    name, path = target_of(root, file, name, out, force)

    taxonomy = None if taxonomy_name is None else find_taxonomy(root, taxonomy_name)
    source: Source | None = None
    unchecked: str | None = "its taxonomy is new"
    if new_taxonomy is None:
        named = names_data([*overrides, *set_overrides(set_)])
        source, unchecked = find_data(root, config, [], taxonomy, named)
        if source is not None:
            taxonomy = source.taxonomy
    of_masks = "default"
    if source is not None and source.reading in source.taxonomy.encodings:
        of_masks = source.reading
    choices = Choices(by, column, encoding, shift, background_as_void, new_taxonomy)
    imported = import_mapping(file, name, format_name, taxonomy, choices, of_masks)
    warnings = _warnings(imported, root, config, source, json_)
    written = write_imported(imported, path, _comment(file, imported, choices))
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
        f"{', '.join(mapping.names)}; void: {', '.join(mapping.void_labels) or 'none'}"
    )
    for note in imported.notes:
        say(f"note: {note}")
    if unchecked is not None:
        say(f"note: not checked against data: {unchecked}")
    for warning in warnings:
        say(f"warning: {warning.message}")
    say(f"wrote {' and '.join(map(str, written))}")


def _warnings(
    imported: "Imported", root: Path, config: "Config", source: "Source | None", quiet: bool
) -> "list[MappingWarning]":
    from segexp.dataset.raw_ids import count_raw_ids
    from segexp.dataset.stats import label_pixels
    from segexp.mapping_check import color_warnings
    from segexp.mapping_import.numeric_check import numeric_warnings
    from segexp.mapping_on_data import check_on_data
    from segexp.mapping_warning import MAX_VOID, MIN_SHARE

    warnings = color_warnings(imported.mapping)
    if source is None:
        return warnings
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


def _comment(file: Path, imported: "Imported", choices: "Choices") -> str:
    said = [imported.format]
    if choices.by:
        said.append(f"by {choices.by}")
    if choices.column:
        said.append(f"column {choices.column}")
    if choices.shift:
        said.append(f"raw ids shifted by {choices.shift}")
    return f"Imported from {file.name} ({', '.join(said)})."
