"""The files below a data set's folder, and what the folders around them say."""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segexp.core.errors import InputError
from segexp.data.layouts._words import Role, meaning_of, says_other

MAX_DEPTH = 8
"""Folders inside folders that are looked into."""

MAX_FILES = 2_000_000
"""More than the largest public data set of street scenes has, masks of every kind included."""

_JUNK = frozenset(("__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir"))


@dataclass(frozen=True)
class File:
    """A file below the root of a data set.

    Attributes:
        path: The file.
        role: What the folders say that it is: the innermost folder that says something counts.
        split: The split that the folders name: the outermost one counts.
        split_word: The word for it in the folder's name, such as ``valid``.
        kind: The folders that say that it is an image or a mask, without the words of a split.
        rest: The names of all other folders, such as a city or a video.
        stem: Its name without the suffix, in composed Unicode (NFC): macOS stores it decomposed.
        suffix: In lower case, with the dot.
    """

    path: Path
    role: Role | None
    split: str | None
    split_word: str
    kind: tuple[str, ...]
    rest: tuple[str, ...]
    stem: str
    suffix: str


def files_below(root: Path) -> Iterator[File]:
    """Walk through a folder; hidden files and those of operating systems are not looked at.

    Raises:
        InputError: When a folder cannot be read, or there are more than MAX_FILES.
    """
    for number, (folders, path) in enumerate(_walk(root, (), frozenset())):
        if number == MAX_FILES:
            raise InputError(f"{root}: more than {MAX_FILES:,} files; give the data set's folder")
        yield _read(folders, path)


def _walk(
    folder: Path, names: tuple[str, ...], above: frozenset[str]
) -> Iterator[tuple[tuple[str, ...], Path]]:
    real = os.path.realpath(folder)
    if real in above or len(names) > MAX_DEPTH:  # a link that leads back up
        return
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}") from None
    for entry in found:
        if entry.name.startswith(".") or entry.name in _JUNK:
            continue
        if entry.is_dir():
            yield from _walk(folder / entry.name, (*names, entry.name), above | {real})
        else:
            yield names, folder / entry.name


def file_at(root: Path, path: Path) -> File:
    """Read what the folders between a root and a file say."""
    return _read(path.relative_to(root).parts[:-1], path)


def _read(folders: tuple[str, ...], path: Path) -> File:
    role: Role | None = None
    split, split_word = None, ""
    kind: list[str] = []
    rest: list[str] = []
    for name in folders:
        meaning = meaning_of(name)
        if split is None:
            split, split_word = meaning.split, meaning.split_word
        if meaning.role or (role == "mask" and says_other(name)):
            role = role if role == "other" else meaning.role or role
            kind.append(meaning.kind)
        elif not meaning.split:
            rest.append(unicodedata.normalize("NFC", name))
    stem = unicodedata.normalize("NFC", path.stem)
    return File(path, role, split, split_word, tuple(kind), tuple(rest), stem, path.suffix.lower())
