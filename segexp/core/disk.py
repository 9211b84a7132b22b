"""A full disk: how it is recognised in what libraries raise, and what a person can free."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segexp.core.config import WORK_DIRECTORY
from segexp.core.errors import InputError, WorkError, first_line

_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
_TEXTS = ("no space left on device", "database or disk is full", "disk quota exceeded")


class FullDiskError(WorkError):
    """A disk is full or a quota used up; says what can be freed."""


@contextmanager
def full_disk_explained(project: Path) -> Iterator[None]:
    """Turn whatever a full disk makes the block raise into an error that says what to free.

    Raises:
        FullDiskError: In its place.
    """
    try:
        yield
    except FullDiskError:
        raise
    except Exception as error:
        if not is_full(error):
            raise
        is_own = isinstance(error, InputError | WorkError)
        reason = first_line(error) if is_own else f"{type(error).__name__}: {first_line(error)}"
        raise FullDiskError(f"{reason}; {what_to_free(project)}") from error


def is_full(error: BaseException) -> bool:
    """Whether an error, or what it came from, says that a disk is full or a quota used up.

    SQLite and safetensors say so in their text alone.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, OSError) and current.errno in _ERRNOS:
            return True
        if any(text in str(current).lower() for text in _TEXTS):
            return True
        current = current.__cause__ or current.__context__
    return False


def what_to_free(project: Path) -> str:
    """Say what takes room in a project, and what of it can be deleted."""
    free = shutil.disk_usage(project).free / 1e6
    sizes = ", ".join(
        f"{name}/ {_megabytes(project / name):,.0f} MB ({meaning})"
        for name, meaning in (
            (f"{WORK_DIRECTORY}/cache", "decoded data, made again when missing"),
            (f"{WORK_DIRECTORY}/studies", "checkpoints and saved models"),
            ("mlruns", "artifacts of runs that `mlflow gc` can delete"),
        )
    )
    return (
        f"{free:,.0f} MB are free in {project}; free some, of {sizes}, and run the same command "
        "again: everything finished so far is kept"
    )


def _megabytes(directory: Path) -> float:
    total = 0
    for folder, _, files in os.walk(directory):
        for name in files:
            try:
                total += (Path(folder) / name).lstat().st_size
            except OSError:  # it was deleted meanwhile
                continue
    return total / 1e6
