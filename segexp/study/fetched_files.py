"""What was fetched from MLflow stays in the directories of trials that ran elsewhere, for a while.

A file in such a directory says so. Its time is that of the last use: when all of them together are
too large, those that were not used for longest go, and are fetched again when they are needed.
"""

import shutil
import time
from contextlib import suppress
from pathlib import Path

from segexp.core.config import WORK_DIRECTORY
from segexp.core.files import write_atomic

MARK = ".fetched"

MOST_BYTES = 4 * 2**30
"""How much is kept of what was fetched, in all studies of a project."""

IN_USE = 3600.0
"""What was used within this time is kept, in seconds: an answer needs many trials at once."""


def note_fetched(directory: Path, *, is_new: bool) -> None:
    """Note that a trial's directory is used now.

    Args:
        is_new: Whether all of it will be fetched: another directory is never marked.
    """
    with suppress(OSError):  # a read-only project: only what is fetched needs to be written
        if is_new:
            write_atomic(directory / MARK, "")
        elif (directory / MARK).is_file():
            (directory / MARK).touch()


def forget_old(project: Path) -> None:
    """Delete what was fetched and not used for longest, if there is too much of it."""
    marks = []
    for mark in (project / WORK_DIRECTORY / "studies").glob(f"*/trial-*/{MARK}"):
        with suppress(OSError):  # another process deletes it just now
            marks.append((mark.stat().st_mtime, mark.parent))
    sizes = {directory: _bytes_in(directory) for _, directory in marks}
    too_much = sum(sizes.values()) - MOST_BYTES
    for used, directory in sorted(marks):
        if too_much <= 0 or time.time() - used < IN_USE:
            return
        shutil.rmtree(directory, ignore_errors=True)
        too_much -= sizes[directory]


def _bytes_in(directory: Path) -> int:
    size = 0
    for path in directory.rglob("*"):
        with suppress(OSError):
            size += path.lstat().st_size
    return size
