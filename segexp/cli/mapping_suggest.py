"""``segexp mapping suggest``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from segexp.cli.completion import study_names
from segexp.cli.console import answer, print_json, prose, results, say
from segexp.cli.options import (
    Debug,
    Json,
    Project,
    Set,
    Storage,
    StorageFile,
    configured_project,
    folder_for,
    write_named,
)
from segexp.core.errors import InputError
from segexp.core.wording import signed

if TYPE_CHECKING:
    from segexp.compare.suggest import SuggestedFile, Suggestion

PAGE = "mapping-ladder.html"


def suggest(
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="The MLflow run of a trained model."),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            metavar="NAME",
            help="A study: its best trial's run; by default that of the last one that began a "
            "trial, A/B studies aside.",
            autocompletion=study_names,
        ),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(
            "--classes",
            metavar="N",
            help="How many classes to suggest; by default 10, or one fewer than the model has.",
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Classes that are never merged, such as person,rider."),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            metavar="MAPPING", help="Merge only what falls into the same class of this mapping."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The new mapping; by default MAPPING_suggestedN."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the mapping's file.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help=f"Where {PAGE} is written; by default the current directory."
        ),
    ] = None,
    json_: Json = False,
    storage: Storage = None,
    storage_file: StorageFile = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Suggest which classes to merge, from what a trained model confuses.

    Merges its classes one pair at a time, down to two. Writes the rung with N classes into
    mappings/, for `segexp ab`, and the page mapping-ladder.html. The predicted gain is the ruler
    effect: only an A/B study shows more.
    """
    if run is not None and study is not None:
        raise InputError("name one trained model: --run RUN or --study NAME")
    root, config = configured_project(project, storage, storage_file, set_)

    from segexp.compare.suggest import best_run, suggest_mapping, suggested_file
    from segexp.labels.files import find_mapping
    from segexp.report.ladder_page import ladder_page
    from segexp.study.recorded_bundle import trial_of_run

    uri = config.tracking.uri
    if run is None:
        run, uri = best_run(root, config.storage, study, uri)
    found = suggest_mapping(
        root,
        uri,
        run,
        classes=classes,
        name=name,
        keep=[word.strip() for word in (keep or "").split(",") if word.strip()],
        within=find_mapping(root, within) if within else None,
        left_by=trial_of_run(root, config, uri, run),
        say=say,
    )
    file = suggested_file(root, found, force)
    folder = folder_for(out, PAGE)
    path, is_kept = file.path, file.text is None
    # The page first: if it cannot be written, no mapping is left behind without one.
    written = []
    if folder is not None:
        page = ladder_page(found.ladder, found.rung, found.notes, found.study_command)
        say(f"writing {folder / PAGE} ...")
        write_named(folder / PAGE, page, f"--out {folder}")
        written.append(folder / PAGE)
    own = _write_mapping(file, folder)
    path = own[0] if own else path
    written = [*own, *written]
    if json_:
        files = {
            "path": str(path) if is_kept or path in written else None,
            "kept": is_kept,
            "page": str(folder / PAGE) if folder else None,
        }
        print_json({**found.to_dict(), **files})
        return
    _show(found)
    if is_kept:
        answer(f"kept {path}, which holds this label space already; --force writes it anew")
    if written:
        answer(f"wrote {' and '.join(map(str, written))}")
    command = found.study_command or f"segexp mapping show {found.rung.space.name}"
    first = ""
    if path not in written and not is_kept:
        say(f"not written: {path} is not writable")
        first = "the same command with --out DIR writes it; copy it"
    elif path != file.path:
        say(f"{file.path} cannot be written here")
        first = f"copy {path}"
    if first:
        say(f"look next:  {first} into mappings/ of a project that you can write to, and there")
        say(f"            {command}")
    else:
        say(f"look next:  {command}")


def _write_mapping(file: "SuggestedFile", folder: Path | None) -> list[Path]:
    """Write a suggested mapping, and its taxonomy where the project lacks it; return the files.

    Args:
        folder: Where they go if the project cannot be written, as another user's or on a read-only
            disk; None for nowhere.
    """
    from segexp.core.files import may_write

    is_home = may_write(file.path)
    if file.text is None or not (is_home or folder):
        return []
    files = [(file.path, file.text), *([file.taxonomy] if file.taxonomy else [])]
    if not is_home and folder is not None:
        files = [(folder / path.name, text) for path, text in files]
    say(f"writing {files[0][0]} ...")
    for path, text in files:
        write_named(path, text, str(path))
    return [path for path, _ in files]


def _show(found: "Suggestion") -> None:
    from segexp.cli.mapping_table import mapping_table
    from segexp.labels.ladder import RULER_EFFECT

    ladder, chosen = found.ladder, found.rung
    table = Table(
        title=f"{ladder.base.name}, run {found.run_id}, {found.images} images of val",
        title_justify="left",
        caption=RULER_EFFECT,
        caption_justify="left",
        header_style="bold",
    )
    table.add_column("classes", justify="right", no_wrap=True)
    table.add_column("merged", overflow="fold")
    for column in ("mIoU", "gain", "resolved", "bits\nlost", "bits\nkept"):
        table.add_column(column, justify="right", no_wrap=True)
    count = str(len(ladder.base.classes))
    table.add_row(count, "", f"{ladder.miou:.4f}", "", "", "", f"{ladder.bits_kept:.4f}")
    for rung in ladder.rungs:
        is_chosen = len(rung.space.classes) == len(chosen.space.classes)
        table.add_row(
            str(len(rung.space.classes)),
            Text(" + ".join(rung.merged)),
            f"{rung.miou:.4f}",
            signed(rung.gain, 4),
            f"{rung.resolved:.4f}",
            f"{rung.bits_lost:.4f}",
            f"{rung.bits_kept:.4f}",
            style="bold" if is_chosen else "",
        )
    results.print(table)
    answer("gain: of predicted mIoU; resolved: its part that is confusion between the two merged.")
    for text in found.notes:
        prose(f"note: {text}", results)
    results.print(mapping_table(chosen.space))
