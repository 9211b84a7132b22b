"""``segexp mapping``: look at mappings, compare them, check them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from segexp.cli.completion import mapping_names
from segexp.cli.console import answer, print_json, prose, results
from segexp.cli.live import LiveDisplay
from segexp.cli.options import (
    Data,
    Debug,
    Format,
    Json,
    Project,
    Set,
    open_project,
    read_config,
    set_overrides,
)
from segexp.core.errors import InputError, WorkError
from segexp.core.overrides import data_overrides
from segexp.labels.warning import MAX_VOID, MIN_SHARE

if TYPE_CHECKING:
    from segexp.labels.diff import CommonSpace, MappingDiff
    from segexp.labels.files import MappingFiles

mapping_app = typer.Typer(
    help="Look at mappings, compare and check them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Name = Annotated[
    str,
    typer.Argument(metavar="MAPPING", help="A mapping in mappings/.", autocompletion=mapping_names),
]


@mapping_app.command("list")
def list_(json_: Json = False, project: Project = None, debug: Debug = False) -> None:
    """List the project's mappings, and what is wrong with files that cannot be read."""
    from segexp.cli.mapping_table import fitted, list_table
    from segexp.labels.diff import coarsened_by
    from segexp.labels.files import read_mappings

    root = open_project(project)
    files = read_mappings(root)
    coarsened = {m.name: coarsened_by(m, files.mappings) for m in files.mappings}
    if json_:
        print_json(_list_json(files, coarsened))
    elif not files.mappings and not files.broken:
        answer(f"no mappings in {root / 'mappings'}")
    else:
        results.print(fitted(list_table(files.mappings, coarsened), results.width))
        answer("A mapping coarsens another when the other's scores can be given in its classes.")
        for path, faults in files.broken.items():
            results.print(Text(f"broken: {path.name}", "bold red"))
            for fault in faults:
                answer(f"  {fault}")


@mapping_app.command()
def show(mapping: Name, json_: Json = False, project: Project = None, debug: Debug = False) -> None:
    """Show the classes of a mapping with their colours and labels."""
    from segexp.cli.mapping_table import fitted, mapping_table
    from segexp.labels.files import find_mapping

    root = open_project(project)
    found = find_mapping(root, mapping)
    if json_:
        print_json({**found.to_dict(), "hash": found.hash})
    else:
        results.print(fitted(mapping_table(found), results.width))


@mapping_app.command()
def diff(
    first: Annotated[
        str,
        typer.Argument(metavar="A", help="A mapping in mappings/.", autocompletion=mapping_names),
    ],
    second: Annotated[
        str,
        typer.Argument(
            metavar="B", help="Another over the same taxonomy.", autocompletion=mapping_names
        ),
    ],
    json_: Json = False,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Show label by label what changes from one mapping to another."""
    from segexp.cli.mapping_table import diff_table, fitted
    from segexp.labels.diff import diff_mappings
    from segexp.labels.files import find_mappings

    root = open_project(project)
    before, after = find_mappings(root, [first, second])
    found = diff_mappings(before, after)
    if json_:
        print_json({"first": before.name, "second": after.name, **asdict(found)})
    else:
        if found.labels:
            results.print(fitted(diff_table(before, after, found), results.width))
        for line in _diff_lines(before.name, after.name, found):
            answer(line)


@mapping_app.command()
def common(
    mappings: Annotated[
        list[str],
        typer.Argument(
            metavar="A B...",
            help="Two or more mappings in mappings/.",
            autocompletion=mapping_names,
        ),
    ],
    json_: Json = False,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Show the common space of mappings: where their scores can be compared."""
    from segexp.cli.mapping_table import common_table, fitted
    from segexp.labels.diff import describe_common_space
    from segexp.labels.files import find_mappings

    root = open_project(project)
    names = list(dict.fromkeys(mappings))
    if len(names) < 2:
        raise InputError(f"mapping common {names[0]}: one mapping; name two or more")
    found = describe_common_space(find_mappings(root, names))
    if json_:
        print_json(_common_json(names, found))
    else:
        results.print(fitted(common_table(names, found), results.width))
        if any(found.none.values()):
            answer("A class that falls into none can still be predicted; that is then wrong.")


@mapping_app.command()
def check(
    mapping: Name,
    data: Data = None,
    format_name: Format = None,
    min_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Warn of classes with less of the scored pixels."),
    ] = MIN_SHARE,
    max_void: Annotated[
        float,
        typer.Option(min=0, max=1, help="Warn when more of the labelled pixels become void."),
    ] = MAX_VOID,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 on any warning.")] = False,
    json_: Json = False,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Check a mapping against the train split: labels, shares, void, raw ids; and its colours.

    Labels are counted at data.image_size, by default in the data of config.yaml; if that cannot
    be used with the mapping, only the colours are checked. Warnings exit with 0; --strict: 1.
    """
    root = open_project(project)
    overrides = data_overrides(data, format_name, mapping)
    config = read_config(root, overrides, set_)

    from segexp.data.mapping_check import check_on_data, find_data, names_data
    from segexp.data.open import describe_data
    from segexp.labels.checks import color_warnings
    from segexp.labels.files import find_mapping

    found = find_mapping(root, mapping)
    warnings = color_warnings(found)
    named = names_data([*overrides, *set_overrides(set_)])
    source, unchecked = find_data(root, config, [found], found.taxonomy, named)
    dataset = None
    if source is not None:
        with LiveDisplay(quiet=json_) as display:
            dataset, of_data = check_on_data(
                *(root, config, source, found),
                min_share=min_share,
                max_void=max_void,
                progress=display.caching,
            )
        warnings = of_data + warnings
    if json_:
        about = {"dataset": dataset.name, "format": dataset.format} if dataset else None
        print_json(
            {
                "mapping": found.name,
                "data": about,
                "unchecked": unchecked,
                "warnings": [asdict(warning) for warning in warnings],
            }
        )
    else:
        if unchecked is not None:
            prose(f"note: only the colours are checked, without data: {unchecked}", results)
        if dataset:
            answer(describe_data(dataset))
        for warning in warnings:
            line = Text.assemble(("warning: ", "bold yellow"), warning.message)
            results.print(line, soft_wrap=not results.is_terminal)
        answer(f"{len(warnings)} warning(s)" if warnings else "no warnings")
    if strict and unchecked is not None:
        raise WorkError(f"--strict: nothing was counted in data: {unchecked}")
    if strict and warnings:
        raise WorkError(f"--strict: {len(warnings)} warning(s) about mapping {found.name!r}")


def _list_json(files: "MappingFiles", coarsened: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "mappings": [
            {
                "name": m.name,
                "taxonomy": m.taxonomy.name,
                "classes": list(m.names),
                "void": list(m.void_labels),
                "coarsens": coarsened[m.name],
            }
            for m in files.mappings
        ],
        "broken": [{"file": str(path), "faults": list(f)} for path, f in files.broken.items()],
    }


def _common_json(names: list[str], found: "CommonSpace") -> dict[str, Any]:
    return {
        "mappings": names,
        "space": found.space.name,
        "classes": [
            {
                "name": c.name,
                "color": list(c.color),
                "labels": list(c.labels),
                "from": {name: list(found.classes[name][c.name]) for name in names},
            }
            for c in found.space.classes
        ],
        "none": {name: list(found.none[name]) for name in names},
        "void": list(found.space.void_labels),
    }


def _diff_lines(first: str, second: str, found: "MappingDiff") -> list[str]:
    lines = [f"merged: {', '.join(parts)} -> {name}" for name, parts in found.merged.items()]
    lines += [f"split: {name} -> {', '.join(parts)}" for name, parts in found.split.items()]
    lines += [f"dropped: {', '.join(found.dropped)}"] if found.dropped else []
    lines += [f"added: {', '.join(found.added)}"] if found.added else []
    lines += [f"renamed: {before} -> {after}" for before, after in found.renamed]
    relations = {
        "same": f"{first} and {second} are the same label space",
        "coarser": f"{second} coarsens {first}: scores of {first} can be given in its classes",
        "finer": f"{first} coarsens {second}: scores of {second} can be given in its classes",
        "neither": f"neither coarsens the other; see `segexp mapping common {first} {second}`",
    }
    return [*lines, relations[found.relation]]
