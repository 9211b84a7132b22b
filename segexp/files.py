"""Files that are whole or absent, and names that are safe as file names."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")


def name_fault(what: str, name: str) -> str | None:
    """Say what is wrong with a name that will be a file name and an MLflow experiment name.

    Args:
        what: What the name names, for the message, such as ``"study name"``.
        name: The name.

    Returns:
        One line, or None when the name is good.
    """
    if NAME_PATTERN.fullmatch(name):
        return None
    return (
        f"{what} {name!r}: use 1 to 100 letters, digits, '_', '.', '+' and '-', "
        "beginning with a letter or a digit"
    )


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file beside its place, sync it and rename it into its place.

    A reader sees the old file or the new one, never a part, also after a crash.

    Raises:
        OSError: When the disk is full or the folder cannot be written; ``path`` is untouched then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
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
