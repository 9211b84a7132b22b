"""``segexp data``: look at the data before training on it."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from segexp.cli.console import (
    answer,
    number_table,
    plain,
    print_json,
    print_table,
    prose,
    results_beside,
    say,
)
from segexp.cli.live import LiveDisplay
from segexp.cli.options import (
    Data,
    Debug,
    Format,
    Json,
    MappingName,
    Project,
    Set,
    folder_for,
    open_project,
    read_config,
    write_named,
)
from segexp.core.errors import InputError
from segexp.core.overrides import data_overrides
from segexp.core.wording import percent

data_app = typer.Typer(
    help="Check, count and generate data.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@data_app.command()
def check(
    data: Data = None,
    format_name: Format = None,
    mapping: MappingName = None,
    json_: Json = False,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Decode every file and list all faults: pairing, sizes, types, raw ids, duplicates.

    Warns of images that look the same in two splits, such as in train and test.
    """
    root = open_project(project)
    config = read_config(root, data_overrides(data, format_name, mapping), set_)

    from segexp.data.check import scan_source
    from segexp.data.open import digest_of, find_source
    from segexp.data.resize import describe_stretch
    from segexp.data.warnings import source_warnings
    from segexp.labels.files import find_mappings
    from segexp.labels.score_warnings import objective_faults

    asked = find_mappings(root, [config.mapping] if mapping else [])
    source = find_source(root, config, asked)
    with LiveDisplay(quiet=json_) as display:
        report, counts = scan_source(source, display.caching, config.data.heldout_by)
    told = ", from its layout; set data.taxonomy to use another"
    told = "" if config.data.taxonomy or source.root is None else told
    screen = results_beside(json_)
    say(f"data: {source.format}, {source.name}, taxonomy {source.taxonomy.name}{told}", screen)
    for note in report.notes:
        prose(f"note: {note}", screen)
    if stretch := describe_stretch(report.sizes, config.data.resize, config.data.image_size):
        prose(f"note: at data.image_size: {stretch}", screen)
    if report.faults:
        raise InputError(report.faults)
    if report.void_test:
        del counts["test"]  # it is not used as a test split
    if faults := objective_faults(asked, counts):
        raise InputError(faults)
    counted = ", ".join(f"{count} {part}" for part, count in report.leaks.images.items())
    digest = digest_of(root, source)
    say(f"images: {counted} ({report.heldout}); content {digest}", screen)
    warnings = source_warnings(source, asked, counts, report.leaks)
    for warning in warnings:
        prose(f"warning: {warning.message}", screen)
    say(f"no faults, {len(warnings)} warning(s)" if warnings else "no faults", screen)
    if json_:
        print_json(
            {
                "data": source.name,
                "format": source.format,
                "taxonomy": source.taxonomy.name,
                "hash": digest,
                "images": dict(report.leaks.images),
                "heldout_by": report.heldout_by,
                "notes": list(report.notes),
                "warnings": [asdict(warning) for warning in warnings],
                "near_duplicates": report.leaks.to_dict()["pairs"],
            }
        )


@data_app.command()
def stats(
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where data-stats.html and .json are written; by default the current directory.",
        ),
    ] = None,
    data: Data = None,
    format_name: Format = None,
    mapping: MappingName = None,
    json_: Json = False,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Count pixels and images per label, and per class of every mapping that fits the data."""
    root = open_project(project)
    config = read_config(root, data_overrides(data, format_name, mapping), set_)

    from segexp.data.open import describe_data, find_source, mappings_over, open_data
    from segexp.data.stats import dataset_stats
    from segexp.data.warnings import data_warnings
    from segexp.labels.files import find_mappings, read_mappings
    from segexp.report.contact_sheet import split_sheets
    from segexp.report.data_page import data_page

    asked = find_mappings(root, [config.mapping] if mapping else [])
    source = find_source(root, config, asked)
    with LiveDisplay(quiet=json_) as display:
        dataset = open_data(root, config, source, display.caching)
    if not asked:
        for fault, *others in read_mappings(root).broken.values():
            more = f" (and {len(others)} more; see `segexp mapping list`)" if others else ""
            prose(f"warning: skipped an invalid mapping: {fault}{more}")
    counted = dataset_stats(dataset, asked or mappings_over(root, dataset.taxonomy))
    folder = folder_for(out, "data-stats.html")
    if folder is not None:
        write_named(
            folder / "data-stats.json", json.dumps(counted, indent=2) + "\n", f"--out {folder}"
        )
        page = data_page(counted, data_warnings(dataset, asked), split_sheets(dataset))
        write_named(folder / "data-stats.html", page, f"--out {folder}")
    if json_:
        print_json(counted)
        return
    answer(describe_data(dataset))
    rounded = [[f"{v:.4f}" for v in counted[key]] for key in ("mean", "std")]
    answer(f"train mean (R, G, B in 0..1): {', '.join(rounded[0])}  std: {', '.join(rounded[1])}")
    for split, found in counted["splits"].items():
        void = percent(found["void_pixels"], found["pixels"], digits=1)
        title = f"{split}: {found['images']} images, {void} of the pixels void"
        print_table(_counts_table(title, "label", found["labels"], found["images"]))
    for name, by_split in counted["mappings"].items():
        train = by_split["train"]
        void = percent(train["void_pixels"], counted["splits"]["train"]["pixels"], digits=1)
        title = f"mapping {name}, train: {void} of the pixels void"
        images = counted["splits"]["train"]["images"]
        print_table(_counts_table(title, "class", train["classes"], images))
    if folder is not None:
        answer(f"wrote {folder / 'data-stats.html'} and {folder / 'data-stats.json'}")


@data_app.command()
def synth(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty directory.")],
    png: Annotated[
        bool, typer.Option("--png", help="Pictures in images/ and masks/, by split.")
    ] = False,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Write the synthetic street scenes as files, in the npy layout of Cityscapes on Kaggle.

    data.synthetic and data.image_size set their number, seed and size.
    """
    root = open_project(project)
    config = read_config(root, {}, set_)

    from segexp.data.configured import synthetic_counts
    from segexp.data.layouts.synthetic import write_npy_layout, write_png_layout
    from segexp.data.open import find_taxonomy

    with LiveDisplay() as display:
        taxonomy = find_taxonomy(root, "cityscapes19")
        write = write_png_layout if png else write_npy_layout
        write(directory, synthetic_counts(config.data), taxonomy, display.drawing)
    there = shlex.quote(str(directory))
    labelled = f" --set data.taxonomy={taxonomy.name}" if png else ""
    say(f"wrote synthetic scenes to {directory}; use them with --data {there}{labelled}")


def _counts_table(title: str, what: str, rows: list[dict[str, Any]], images: int) -> Table:
    table = number_table(title, (what, "pixels", "share", "images", "of images"))
    for row in rows:
        table.add_row(
            escape(plain(row["name"])),
            f"{row['pixels']:,}",
            percent(row["share"], 1, digits=2),
            f"{row['images']:,}",
            percent(row["images"], images),
        )
    return table
