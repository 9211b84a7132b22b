"""Where a database server of the tests has its data, and the user that it runs as."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class NotInstalledError(Exception):
    """A server, its driver, or a user that it agrees to run as is missing."""


@contextmanager
def server_directory(name: str) -> Iterator[dict[str, Any]]:
    """Give options of `subprocess` for a server that refuses to run as root, while the block runs.

    Args:
        name: The server's, for people.

    Returns:
        ``cwd`` is a new directory that the user owns, and not inside one of root's own.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"segexp-{name.lower()}-"))
    as_user: dict[str, Any] = {}
    try:
        if os.getuid() == 0:
            as_user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            try:
                shutil.chown(directory, "nobody", "nogroup")
            except LookupError:
                raise NotInstalledError(f"there is no user nobody to run {name} as") from None
        yield {"cwd": directory, "stdin": subprocess.DEVNULL, **as_user}
    finally:
        shutil.rmtree(directory, ignore_errors=True)
