"""``segexp worker``."""

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from segexp.cli.console import say
from segexp.cli.options import Data, Debug, Storage, StorageFile, with_storage
from segexp.core.errors import InputError
from segexp.core.overrides import DATA_VARIABLE, host_data
from segexp.core.signals import interruption_leaves


def worker(
    connect: Annotated[
        str,
        typer.Option(
            "--connect",
            metavar="HOST:PORT",
            help="Where the study listens, as `segexp tune --engine remote --listen HOST:PORT` "
            "says when it begins.",
        ),
    ],
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="A file of mode 0600 with the study's token; by default SEGEXP_WORKER_TOKEN of "
            "the environment, or it is asked for.",
        ),
    ] = None,
    directory: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="A directory for caches, checkpoints and models; made when missing.",
        ),
    ] = Path(),
    data: Data = None,
    storage: Storage = None,
    storage_file: StorageFile = None,
    debug: Debug = False,
) -> None:
    """Run trials of a study that another host searches; an empty directory is enough.

    The study's host says what is to be trained. The data is this host's own and has to have the
    same content. It ends with 0 when the study needs it no longer, and with 1 when the connection
    is gone; what was under way is then tried again by another worker.

    A worker executes what the study's host sends, and the reverse: connect hosts that trust each
    other, over a network that you trust or an SSH tunnel.
    """
    from segexp.core.files import may_write
    from segexp.study.engines._link import (
        TOKEN_VARIABLE,
        call,
        read_address,
        token_of_environment,
        token_of_file,
    )

    address = read_address(connect, "--connect")
    token = token_of_environment() if token_file is None else token_of_file(token_file)
    if token is None and sys.stdin is not None and sys.stdin.isatty():
        token = getpass.getpass("token of the study: ").strip() or None
    if token is None:
        raise InputError(
            f"no token: set {TOKEN_VARIABLE} to the one that the study printed when it began, or "
            "name a file that has it with --token-file FILE"
        )
    os.environ.pop(TOKEN_VARIABLE, None)  # no process that is started here needs it
    root = _own_data(data)
    own_storage = with_storage({}, storage, storage_file).get("storage")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--directory {directory}: {error.strerror}") from None
    if not may_write(directory):
        raise InputError(f"--directory {directory}: cannot be written")
    call(address, token).close()  # a wrong port or token is said before torch is loaded
    say("loading torch, optuna and mlflow ...")
    from segexp.study.engines._joined import join
    from segexp.study.engines._sent_task import Own

    with interruption_leaves("what was under way here is tried again"):
        join(address, token, Own(directory.resolve(), root, own_storage), say)


def _own_data(data: Path | None) -> Path | None:
    """Return this host's folder of the data; None where neither option nor environment has one.

    Raises:
        InputError: When there is no such folder.
    """
    own_data = host_data() if data is None else data
    if own_data is None:
        return None
    root = Path(own_data).expanduser().resolve()
    if not root.is_dir():
        name = DATA_VARIABLE if data is None else "--data"
        raise InputError(f"{name} {own_data}: no such folder")
    return root
