"""``segexp studies``: the studies of a project, and how to be rid of one."""

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from segexp.cli.completion import study_names
from segexp.cli.console import (
    answer,
    is_too_wide,
    number_table,
    print_json,
    print_table,
    results,
    say,
)
from segexp.cli.options import (
    Debug,
    Json,
    Project,
    Set,
    Storage,
    StorageFile,
    configured_project,
)
from segexp.core.errors import InputError

if TYPE_CHECKING:
    from segexp.study.listing import Row

studies_app = typer.Typer(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@studies_app.callback()
def studies(
    context: typer.Context,
    json_: Json = False,
    storage: Storage = None,
    storage_file: StorageFile = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """List the project's studies, or remove one with `rm`.

    Shows kind, trials, the best one, when they last ran, and the disk they use, MLflow's artifacts
    included. The last one is first. The trials of an A/B study are those of all its arms.
    """
    if context.invoked_subcommand is not None:
        return
    root, config = configured_project(project, storage, storage_file, set_)

    from segexp.study.listing import list_studies
    from segexp.study.storage.open import read_storage

    rows = list_studies(root, read_storage(config.storage, root))
    if json_:
        print_json({"studies": [row.to_dict() for row in rows]})
        return
    if not rows:
        say("no study has been run in this project yet; start one with `segexp tune`")
        return
    print_table(studies_table(rows))


def studies_table(rows: Sequence["Row"], screen: Console = results) -> Table:
    """Build the table of studies; on a narrow screen each state of trials has its own line."""
    table = _table(rows, ", ")
    return _table(rows, ",\n") if is_too_wide(table, screen) else table


def _table(rows: Sequence["Row"], between: str) -> Table:
    table = number_table("", ("study", "kind", "trials", "best", "last", "disk"))
    for row in rows:
        table.add_row(*map(escape, _cells(row, between)))
    return table


def _cells(row: "Row", between: str) -> list[str]:
    from segexp.report.trials import score_text

    states = between.join(f"{count} {name.lower()}" for name, count in row.states.items())
    best = "-" if row.score is None else f"{score_text(row.score)} (trial {row.best})"
    last = "runs now" if row.is_running else row.last and f"{row.last:%Y-%m-%d %H:%M}"
    return [row.name, row.kind, states or "-", best, last or "-", f"{row.megabytes:,.1f} MB"]


@studies_app.command()
def rm(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A study that `segexp studies` lists.",
            autocompletion=study_names,
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    storage: Storage = None,
    storage_file: StorageFile = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Remove a study: from Optuna's storage and MLflow, with its files in this project.

    Says what would go, and asks. A study that runs now is refused. If it is interrupted, the same
    command removes the rest.
    """
    root, config = configured_project(project, storage, storage_file, set_)

    from segexp.study.removal import plan_removal, remove
    from segexp.study.storage.open import open_storage, read_storage

    read_storage(config.storage, root)  # refuses one that is not there, which would be made
    opened = open_storage(config.storage, root)
    found = plan_removal(root, opened, name, config.tracking.uri)
    for line in found.lines():
        answer(line)
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(f"studies rm {name}: nothing was removed; confirm with --yes")
        if not typer.confirm(f"remove {name} for good?", err=True):
            raise InputError("nothing was removed")
    remove(found, opened, say)
    if found.artifacts:
        say(
            f"MLflow keeps {found.artifacts:,.1f} MB of deleted runs in mlruns/ until `mlflow gc` "
            "deletes them"
        )
        if found.experiment is not None and found.experiment.uri.startswith("sqlite:"):
            uri = found.experiment.uri
            words = ["mlflow", "gc", "--backend-store-uri", uri, "--tracking-uri", uri]
            say(f"look next:  {shlex.join(words)}")
