"""``segexp storage-proxy``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segexp.cli.console import say
from segexp.cli.options import (
    Debug,
    Project,
    Set,
    Storage,
    StorageFile,
    open_project,
    read_config,
    set_overrides,
    with_storage,
)
from segexp.core.errors import InputError, Interrupted, NoProjectError

if TYPE_CHECKING:
    from segexp.core.config import Config

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def storage_proxy(
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where to listen: this machine alone, or as 0.0.0.0 on all of its networks. "
            "Whoever reaches it may read and change the studies.",
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port.")] = 13000,
    storage: Storage = None,
    storage_file: StorageFile = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Answer for a storage by gRPC, so that many workers need one connection to its database.

    They name it as `--storage grpc://HOST:PORT`, without a password: only this command has the
    database's. It may be restarted at any time; whoever asks meanwhile waits. Ctrl-C ends it. It
    needs no project where --storage, --storage-file or SEGEXP_STORAGE names the database.
    """
    root, config = _where(project, with_storage({}, storage, storage_file), set_)

    from segexp.core.credentials import without_credentials
    from segexp.core.database_url import DEFAULT_STORAGE
    from segexp.study.storage.open import open_storage
    from segexp.study.storage.proxy import (
        SERVED_PATIENCE,
        refuse_as_source,
        refuse_without_grpc,
        serve,
    )

    refuse_without_grpc()
    refuse_as_source(config.storage)
    opened = open_storage(config.storage, root, SERVED_PATIENCE)
    if host not in LOOPBACK:
        say(f"{host} is not this machine alone: whoever reaches it may change the studies")
    say(f"answering for {without_credentials(config.storage or DEFAULT_STORAGE)}; Ctrl-C ends it")
    typer.echo(f"grpc://{host}:{port}")
    try:
        serve(opened, host, port)
    except Interrupted as error:
        raise typer.Exit(128 + error.signal_number) from None


def _where(
    project: Path | None, overrides: Mapping[str, Any], set_: list[str] | None
) -> tuple[Path, "Config"]:
    """Return the project and its configuration, or without one the current directory.

    Raises:
        InputError: When there is no project, and no option names the storage.
    """
    try:
        root = open_project(project)
    except NoProjectError as error:
        named = {**overrides, **set_overrides(set_)}
        if named.get("storage") is None:
            raise InputError(
                f"{error}; without one, name the database with --storage URL"
            ) from None
        from segexp.core.config_keys import build_config

        return Path.cwd(), build_config("config.yaml", {}, named)
    return root, read_config(root, overrides, set_)
