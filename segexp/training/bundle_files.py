"""The files of a bundle: their names, and whether they are there. Loads no torch."""

from pathlib import Path

from segexp.core.errors import InputError

JSON_FILE = "bundle.json"
WEIGHTS_FILE = "model.safetensors"


def check_files(directory: Path) -> None:
    """Refuse a directory that lacks a file of a bundle.

    Raises:
        InputError: When there is no such directory, or for each file that is missing or a link.
    """
    if not is_directory(directory):
        raise InputError(f"{directory}: no such directory; expected a bundle")
    faults = []
    for name in (JSON_FILE, WEIGHTS_FILE):
        path = directory / name
        if path.is_symlink():
            faults.append(f"{path}: a link; a bundle's files lie in its own directory")
        elif not path.is_file():
            faults.append(f"{path}: missing; no bundle without it")
    if faults:
        raise InputError(faults)


def is_directory(path: Path) -> bool:
    """Whether a path is a directory; a name that no file system takes is none."""
    try:
        return path.is_dir()
    except OSError:
        return False
