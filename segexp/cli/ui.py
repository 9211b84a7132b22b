"""``segexp ui``."""

from typing import Annotated

import typer

from segexp.cli.browser import open_page
from segexp.cli.console import say
from segexp.cli.options import (
    Debug,
    Project,
    Set,
    Storage,
    StorageFile,
    configured_project,
)
from segexp.core.errors import InputError, Interrupted


def ui(
    study: Annotated[
        str | None,
        typer.Argument(help="A study's name; by default the study that last began a trial."),
    ] = None,
    port: Annotated[
        int,
        typer.Option(min=1, max=65535, help="Where MLflow is to listen, on this machine alone."),
    ] = 5000,
    open_: Annotated[
        bool, typer.Option("--open/--no-open", help="Whether to open the address in a browser.")
    ] = True,
    storage: Storage = None,
    storage_file: StorageFile = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Show a study in MLflow: all of its trials in one list, the best first.

    Starts MLflow on 127.0.0.1 and prints the address; Ctrl-C ends it. Where the study is recorded
    on a tracking server, only opens that server's page.
    """
    root, config = configured_project(project, storage, storage_file, set_)

    from segexp import tracking
    from segexp.study.best import objective_of
    from segexp.study.recorded_place import recorded_place, recorded_uri
    from segexp.study.storage.open import load_study, read_storage
    from segexp.tracking.ui import HOST, leaderboard_address, served, share_view, view_address

    chosen = load_study(read_storage(config.storage, root), study)
    place = recorded_place(chosen.user_attrs)
    uri = recorded_uri(root, chosen.user_attrs, config.tracking.uri)
    experiment = None if place is None else place.id
    if experiment is None and place is not None:  # a study of an earlier version
        experiment = tracking.experiment_of_run(root, uri, place.run)
    if experiment is None:
        raise InputError(
            f"study {chosen.study_name!r} is not recorded in MLflow yet: `segexp tune` does that"
        )
    metric = f"best/{objective_of(chosen).removeprefix('val/')}"

    def show(address: str) -> None:
        typer.echo(address)
        if open_:
            open_page(address)

    if uri is not None and tracking.is_server(uri):
        show(leaderboard_address(tracking.address_of(uri), experiment, metric))
        return
    say("starting MLflow, which takes some seconds ...")
    is_shared = share_view(root, uri, experiment, metric)
    with served(root, uri, port) as server:
        here = f"http://{HOST}:{port}"
        show(
            view_address(here, experiment)
            if is_shared
            else leaderboard_address(here, experiment, metric)
        )
        say("Ctrl-C ends it")
        try:
            server.wait()
        except Interrupted as error:
            raise typer.Exit(128 + error.signal_number) from None
