"""``segexp compare``."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from segexp.cli.browser import open_page
from segexp.cli.console import (
    answer,
    number_table,
    plain,
    print_json,
    print_table,
    prose,
    results,
    say,
)
from segexp.cli.live import LiveDisplay
from segexp.cli.options import (
    SPLITS,
    Data,
    Debug,
    Format,
    Json,
    Project,
    Set,
    SplitName,
    check_choice,
    configured_project,
)
from segexp.core.config import RUNS_DIRECTORY
from segexp.core.errors import InputError, collected
from segexp.core.overrides import data_overrides

if TYPE_CHECKING:
    from optuna import Study

    from segexp.core.config import Config


def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Two or more: each a study's name (its best trial), the id of an MLflow run, or "
            "the folder of a bundle or of results. Differences are to the first. Or one study: its "
            "best trial and its baseline.",
        ),
    ],
    split: SplitName = "heldout",
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
            help="Where the page gallery.html is written; by default runs/compare-MODEL-MODEL, or "
            "runs/STUDY/best.",
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
    check_choice("--split", split, SPLITS)
    overrides = data_overrides(data, format_name, None)
    root, config = configured_project(project, set_=set_, overrides=overrides)

    from segexp.core.files import folder_fault
    from segexp.data.open import find_source

    faults: list[str] = []  # all before torch is loaded
    if out and (fault := folder_fault(out)):
        faults.append(f"--out {out}: {fault}")
    with collected(faults):
        find_source(root, config, [])
    study = None
    with collected(faults):
        study = _study_of(root, config, models[0]) if len(models) == 1 else None
    bundles = _bundles(root, config, models, faults) if len(models) > 1 else []
    if faults:
        raise InputError(faults)
    if study is not None:
        from segexp.study.recorded_bundle import bundles_of_study

        bundles = bundles_of_study(root, config, study, say)

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
    drawn = models_page(content, found.shown)
    if study is not None and out is None:
        from segexp.study.abandoned import is_running
        from segexp.study.results_folder import write_gallery

        page = write_gallery(root, study, drawn, is_live=is_running(study))
    else:
        from segexp.core.files import write_atomic
        from segexp.report.gallery import GALLERY_FILE

        page = (out or root / RUNS_DIRECTORY / f"compare-{_folder_name(models)}") / GALLERY_FILE
        for file, written in drawn.items():
            write_atomic(page.parent / file, written)
    if json_:
        print_json({**content, "page": str(page)})
    else:
        _show(content)
        answer(f"page: {page}")
    if open_:
        open_page(page)


def _study_of(root: Path, config: "Config", name: str) -> "Study":
    """Return the study of a name."""
    from segexp.study.storage.open import load_study, read_storage

    try:
        return load_study(read_storage(config.storage, root), name)
    except InputError as error:
        advice = f"one model; name two or more, as in segexp compare {name} MODEL, or one study"
        raise InputError([f"{advice}: {fault}" for fault in error.faults]) from None


def _bundles(
    root: Path, config: "Config", models: list[str], faults: list[str]
) -> list[tuple[str, Path]]:
    """Return each model with its bundle's directory; append what names none to ``faults``."""
    from segexp.study.model_reference import find_bundle

    found = []
    for model in models:
        with collected(faults):
            bundle = find_bundle(model, lambda: (root, config), say)
            found.append((model, bundle))
    return found


def _folder_name(models: list[str]) -> str:
    """Return a folder's name that says which models were compared."""
    parts = [re.sub(r"[^A-Za-z0-9_.+-]+", "_", model).strip("_.")[-60:] for model in models]
    return "-".join(parts)[:200]


def _show(content: Mapping[str, Any]) -> None:
    from segexp.compare.page.models_page import (
        LUCK,
        class_rows,
        further_caveats,
        score_rows,
    )

    answer(content["data"])
    answer(
        f"{content['split']} ({content['images']} images), {content['size']}, "
        f"{len(content['common_space'])} common classes"
    )
    first, *others = content["models"]
    for model in content["models"]:
        answer(f"{model['name']}: {model['mapping']}, {model['arch']} with {model['encoder']}")
    header, rows = score_rows(content["models"])
    numbers = [[name, *cells] for name, _mapping, _network, *cells in (header, *rows)]
    _print_rows("mIoU in the common space", numbers)
    prose(LUCK, results)
    for other in others:
        class_header, classes = class_rows([first, other])
        _print_rows("per class", [class_header, *classes])
    for caveat in further_caveats(content):
        prose(f"caveat: {caveat}")
    for warning in content["warnings"]:
        prose(f"warning: {warning}")


def _print_rows(title: str, rows: Sequence[Sequence[str]]) -> None:
    header, *cells = rows
    table = number_table(title, header)
    for row in cells:
        table.add_row(*(escape(plain(cell)) for cell in row))
    print_table(table)
