"""Files that are whole or absent, and names that are safe as file names."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from filelock import FileLock

from segexp.core import failpoint
from segexp.core.errors import InputError, shown

NAME_PATTERN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.+-]{0,98}[A-Za-z0-9_+-])?")

_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?:\..*)?", re.IGNORECASE)
"""Names that Windows takes for a device in any folder, also with an ending.

https://learn.microsoft.com/windows/win32/fileio/naming-a-file
"""


LONGEST_FILE_NAME = 255
"""In bytes; what Linux's, Apple's and Windows' file systems allow."""


def name_fault(what: str, name: str) -> str | None:
    """Say what is wrong with a name that will be a file name and an MLflow experiment name.

    Args:
        what: What the name names, for the message, such as ``"study name"``.

    Returns:
        One line, or None when the name is good.
    """
    if not NAME_PATTERN.fullmatch(name):
        return (
            f"{what} {shown(name)}: use 1 to 100 letters (a-z, A-Z), digits, '_', '.', '+' and "
            "'-', beginning with a letter or a digit and not ending in '.'"
        )
    if _DEVICE.fullmatch(name):
        return f"{what} {name!r}: is a device on Windows, not a file; choose another one"
    return None


def inside(directory: Path, name: str | Path) -> Path:
    """Return the path of something in a directory that a name from outside may not lead out of.

    The directory itself may be a link: whoever made it chose that. Links below it are followed
    to where they lead, since that is where a file would be written.

    Raises:
        InputError: When it leads out, as ``../x`` does, an absolute path, or a link.
    """
    path = directory / name
    try:
        leads_out = not path.resolve().is_relative_to(directory.resolve())
    except (OSError, RuntimeError, ValueError):  # a ring of links; a NUL
        leads_out = True
    if leads_out:
        raise InputError(f"{directory}: {shown(str(name))} leads out of it; nothing is written")
    return path


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Read a regular file of at most so many bytes.

    Raises:
        InputError: When it is larger, is not a regular file (a device, a folder) or cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: is not a file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            # Not the bound alone: memory is reserved for all that is asked for.
            content = file.read(min(size, max_bytes) + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > max_bytes:
        raise InputError(f"{path}: {size} bytes; at most {max_bytes} are read")
    return content


def may_write(path: Path) -> bool:
    """Whether this process may write a file or a folder, or make it where it is not there yet."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return os.access(path, os.W_OK | os.X_OK if path.is_dir() else os.W_OK)


def folder_fault(path: Path) -> str | None:
    """Say why no file can be written into a folder, which may not be there yet; None if it can."""
    there = path.absolute()
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return f"{there} is no folder; name another one"
    return None if may_write(there) else f"{there} cannot be written; name another folder"


def write_atomic(path: Path, content: bytes | str, *, is_private: bool = False) -> None:
    """Write a file beside its place, sync it and rename it into its place.

    A reader sees the old file or the new one, never a part, also after a crash.

    Args:
        path: The file; a missing folder is made.
        content: What is in it; a text is written in UTF-8.
        is_private: Whether nobody but the user may read it (mode 0600), from its first byte on.

    Raises:
        OSError: When the disk is full or the folder cannot be written; ``path`` is untouched then.
    """
    data = content.encode() if isinstance(content, str) else content
    with (
        written_beside(path) as beside,
        open(beside, "xb", opener=partial(os.open, mode=0o600) if is_private else None) as file,
    ):
        file.write(data)
        failpoint.passed("mid_checkpoint")


def make_private(directory: Path) -> None:
    """Make a folder that nobody but the user can look into (mode 0700), or make it one.

    Raises:
        OSError: When it cannot be made.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_mode & 0o077:
        with suppress(PermissionError):  # it is another user's
            directory.chmod(0o700)


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Let the block write a file beside its place; it is synced and renamed into it then.

    Yields:
        Where to write; there is no such file yet.

    Raises:
        OSError: When it cannot be synced or renamed; ``path`` is untouched then, as it is when the
            block raises anything.
    """
    from segexp.core.leftovers import place_beside  # noqa: PLC0415 - many commands write nothing

    beside = place_beside(path)
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes while the block runs; the system frees it when they die."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path):
        yield
