"""Where files are written before they are renamed into their place, and what a kill left there."""

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from segexp.core.lease import Owner, is_gone, this_process

FOREIGN_SECONDS = 24 * 60 * 60
"""How long what a process on another machine writes has not changed when it is taken for dead."""

_WRITTEN = re.compile(r"\..+\.[0-9a-f]{12}-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]{8})(?:\.mp4)?")
"""Not a bundle that gives way to a new one (``.old``): of two renames a kill may part them."""


def place_beside(path: Path) -> Path:
    """Return where a file or a folder is written before it is renamed to ``path``.

    The name is hidden, no other process or thread is given it, and it says which process writes.
    The folder is made when it is missing. The first time that a process writes into it, what
    processes that were killed have left there is removed.

    Raises:
        OSError: When the folder cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers_once(path.parent.absolute(), os.getpid())
    # A long name, kept whole, would leave no room for the rest.
    return path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}-{_mark(os.getpid())}")


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Make a folder beside a place for the block to fill and rename; what it leaves is deleted.

    Raises:
        OSError: When it cannot be made.
    """
    beside = place_beside(path)
    try:
        beside.mkdir()
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove the files and folders of `place_beside` that no living process writes any more."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if (found := _WRITTEN.fullmatch(entry.name)) and _is_left(entry, *found.groups()):
                shutil.rmtree(entry, ignore_errors=True)
                with suppress(OSError):  # it was a folder, or it is not ours
                    Path(entry.path).unlink()


@cache
def _remove_leftovers_once(folder: Path, pid: int) -> None:
    remove_leftovers(folder)


@cache
def _mark(pid: int) -> str:
    owner = this_process()
    return f"{owner.pid:x}-{round(owner.started * 100):x}-{_machine(owner)}"


def _is_left(entry: os.DirEntry[str], pid: str, started: str, machine: str) -> bool:
    here = this_process()
    if machine == _machine(here):
        return is_gone(Owner(here.host, here.boot, int(pid, 16), int(started, 16) / 100), None)
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > FOREIGN_SECONDS
    except OSError:
        return False


def _machine(owner: Owner) -> str:
    return hashlib.sha256(f"{owner.host} {owner.boot}".encode()).hexdigest()[:8]
