"""``segexp compare``."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from segexp.cli.console import (
    answer,
    number_table,
    plain,
    print_json,
    prose,
    results,
    say,
)
from segexp.cli.live import LiveDisplay
from segexp.cli.options import (
    Data,
    Debug,
    Format,
    Json,
    Project,
    Set,
    check_choice,
    open_project,
    read_config,
    with_storage,
)
from segexp.core.config import RUNS_DIRECTORY
from segexp.core.errors import InputError, collected
from segexp.core.overrides import data_overrides


def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL MODEL...",
            help="Two or more: each a study's name (its best trial), the id of an MLflow run, or "
            "the folder of a bundle or of results. Differences are to the first.",
        ),
    ],
    split: Annotated[
        str, typer.Option(help="train, val (what tuning saw), heldout or test.")
    ] = "heldout",
    full_size: Annotated[
        bool | None,
        typer.Option(
            "--full-size/--no-full-size",
            help="Score at the masks' own size, or as images are resized; by default as "
            "data.scored_at says, and at the masks' own size where the models see different ones.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the page gallery.html is written; by default runs/compare-MODEL-MODEL.",
        ),
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the page in the web browser, too.")
    ] = False,
    json_: Json = False,
    data: Data = None,
    format_name: Format = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Compare saved models on the same images, in the common space of their mappings.

    Nothing is trained. The page has the images side by side, where the models differ most first.
    """
    check_choice("--split", split, ("train", "val", "heldout", "test"))
    if len(models) < 2:
        raise InputError(f"{models[0]}: one model; name two or more: segexp compare {models[0]} B")
    root = open_project(project)
    overrides = with_storage(data_overrides(data, format_name, None), None, None)
    config = read_config(root, overrides, set_)

    from segexp.compare.version import GALLERY_FILE
    from segexp.core.files import folder_fault, write_atomic
    from segexp.data.open import find_source
    from segexp.study.model_reference import find_bundle
    from segexp.training.bundle_files import check_files

    directory = out or root / RUNS_DIRECTORY / f"compare-{_folder_name(models)}"
    faults: list[str] = []  # all before torch is loaded
    if fault := folder_fault(directory):
        faults.append(f"--out {directory}: {fault}")
    with collected(faults):
        find_source(root, config, [])
    bundles = []
    for model in models:
        with collected(faults):
            bundle = find_bundle(model, lambda: (root, config), say)
            check_files(bundle)
            bundles.append((model, bundle))
    if faults:
        raise InputError(faults)

    from segexp.compare.model_comparison import compare_models, comparison_to_dict
    from segexp.compare.page.models_page import models_page
    from segexp.compare.saved_models import load_models

    with LiveDisplay(quiet=json_) as display:
        found = compare_models(
            root,
            config,
            load_models(bundles),
            split=split,
            full_size=full_size,
            caching=display.caching,
        )
    content = comparison_to_dict(found)
    page = directory / GALLERY_FILE
    write_atomic(page, models_page(content, found.shown))
    if json_:
        print_json({**content, "page": str(page)})
    else:
        _show(content)
        answer(f"page: {page}")
    if open_:
        typer.launch(str(page))


def _folder_name(models: list[str]) -> str:
    """Return a folder's name that says which models were compared."""
    parts = [re.sub(r"[^A-Za-z0-9_.+-]+", "_", model).strip("_.")[-60:] for model in models]
    return "-".join(parts)[:200]


def _show(content: Mapping[str, Any]) -> None:
    from segexp.compare.page.models_page import LUCK, class_rows, score_rows

    answer(content["data"])
    answer(
        f"{content['split']} ({content['images']} images), {content['size']}, "
        f"{len(content['common_space'])} common classes"
    )
    for title, (header, rows) in (
        ("mIoU in the common space", score_rows(content["models"])),
        ("per class", class_rows(content["models"])),
    ):
        table = number_table(title, header)
        for row in rows:
            table.add_row(*map(plain, row))
        results.print(table)
    prose(LUCK, results)
    for caveat in content["caveats"]:
        prose(f"caveat: {caveat}")
    for warning in content["warnings"]:
        prose(f"warning: {warning}")
