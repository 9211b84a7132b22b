"""The file that came along with a data set and says what its masks mean.

It is read as ``segexp mapping import --new-taxonomy`` reads it: every label of the file becomes a
label of a new taxonomy and a class of a mapping.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from segexp.core.errors import InputError
from segexp.labels.importer import (
    Choices,
    Imported,
    import_mapping,
    importer_of,
    makes_taxonomies,
    recognise_format,
)
from segexp.labels.importers._file import SUFFIXES, read_foreign_file
from segexp.labels.importers._writing import as_name
from segexp.labels.taxonomy import VOID, Taxonomy

LEVELS = 2
"""How many folders below the data folder are looked into."""

MOST_FOLDERS = 200
"""How many folders are looked into on one level; a data set by city or video has more."""

MOST_ALIKE = 16
"""A folder with more files of one ending than this has one for each image, not labels."""

_CALLED = re.compile(r"label|class|categor|names", re.IGNORECASE)


@dataclass(frozen=True)
class LabelFile:
    """A file that lists the labels of a data set.

    Attributes:
        path: The file.
        imported: What was read: a mapping whose classes are the labels, over a new taxonomy.
        notes: What a person should know, a line each: how it was read, what was left aside.
    """

    path: Path
    imported: Imported
    notes: tuple[str, ...]

    @property
    def taxonomy(self) -> Taxonomy:
        """The labels of the file."""
        return self.imported.mapping.taxonomy


def read_label_file(path: Path, name: str) -> LabelFile:
    """Read the labels of a file as a taxonomy and a mapping of all of them.

    Args:
        path: The file, in a format of `segexp mapping import`.
        name: The name of both.

    Raises:
        InputError: With every fault of the file, or when its format lists no labels of its own.
    """
    imported = import_mapping(path, name, "auto", None, Choices(new_taxonomy=name))
    return LabelFile(path, imported, imported.notes)


def find_label_file(folder: Path, name: str | None = None) -> LabelFile | None:
    """Look for a file that lists the labels of a data set, in its folder and two levels below.

    Of files that agree about the labels and their raw ids, the one that says most of them (ids,
    colours) is taken. One that gives raw ids is taken rather than those that merely list the same
    labels in an order.

    Args:
        folder: The data folder.
        name: The name of the taxonomy and the mapping; by default the folder's.

    Returns:
        The labels, with notes of what was taken and what was left aside; None where no file lists
        any.

    Raises:
        InputError: When files disagree, with what each says; when the only ones have faults.
    """
    name = as_name(folder.resolve().name) if name is None else name
    found: list[LabelFile] = []
    faults: list[str] = []
    for path in _candidates(folder):
        if _lists_labels(path):
            try:
                found.append(read_label_file(path, name))
            except InputError as error:
                faults += error.faults
    if not found:
        if faults:
            raise InputError(faults)
        return None
    best = _most_telling(folder, found)
    aside = [
        f"left aside: {f.path.relative_to(folder)} ({f.imported.format}), "
        f"{'the same labels' if _numbers(f) == _numbers(best) else 'which does not say their ids'}"
        for f in found
        if f is not best
    ]
    notes = (*best.notes, *aside, *(f"left aside: {fault}" for fault in faults))
    return LabelFile(best.path, best.imported, notes)


def called_label_file(folder: Path) -> list[Path]:
    """Return the files right in a data set's folder that are called as if they listed labels."""
    return [
        Path(entry.path)
        for entry in _entries(folder)
        if Path(entry.name).suffix.lower() in SUFFIXES
        and _CALLED.search(entry.name)
        and entry.is_file()
    ]


def _most_telling(folder: Path, found: Sequence[LabelFile]) -> LabelFile:
    """Return the file that says most, if no other contradicts it.

    Raises:
        InputError: When one does.
    """
    leader = max(found, key=lambda f: ("ids" in f.imported.says, len(f.imported.says)))
    same = [f for f in found if _numbers(f) == _numbers(leader)]
    contradict = [f for f in found if f not in same and not _yields(f, leader)]
    if contradict:
        readings = "; ".join(_reading(folder, f) for f in (leader, *contradict))
        raise InputError(
            f"{folder}: its label files disagree: {readings}; name the one that is meant with "
            "--classes FILE"
        )
    return max(same, key=lambda f: (len(f.imported.says), "colors" in f.imported.says))


def _yields(file: LabelFile, leader: LabelFile) -> bool:
    """Whether a file lists the same labels without ids, and another gives ids."""
    same_names = {*_numbers(file).values()} == {*_numbers(leader).values()}
    return same_names and "ids" in leader.imported.says and "ids" not in file.imported.says


def _numbers(file: LabelFile) -> dict[int, str]:
    """Return the labels' names by their raw ids."""
    names = file.taxonomy.names
    default = file.taxonomy.encodings["default"]
    return {raw_id: names[index] for raw_id, index in default.items() if index != VOID}


def _reading(folder: Path, file: LabelFile) -> str:
    numbers = [f"{raw_id} {name}" for raw_id, name in sorted(_numbers(file).items())]
    listing = ", ".join(numbers if len(numbers) <= 4 else [*numbers[:3], "...", numbers[-1]])
    return f"{file.path.relative_to(folder)} ({file.imported.format}) has {listing}"


def _lists_labels(path: Path) -> bool:
    """Whether a file has a format that lists labels, and is called so where that is needed."""
    try:
        importer = importer_of(recognise_format(read_foreign_file(path)))
    except InputError:
        return False
    named_well = not importer.told_by_name or _CALLED.search(path.name) is not None
    return makes_taxonomies(importer) and named_well


def _candidates(folder: Path) -> Iterator[Path]:
    """Yield the files that may be one, the nearest first."""
    level = [folder]
    for _ in range(LEVELS + 1):
        below: list[Path] = []
        for directory in level:
            by_suffix: dict[str, list[Path]] = {}
            for entry in _entries(directory):
                if entry.is_dir():
                    below.append(Path(entry.path))
                elif (suffix := Path(entry.name).suffix.lower()) in SUFFIXES:
                    by_suffix.setdefault(suffix, []).append(Path(entry.path))
            for paths in by_suffix.values():
                called = [path for path in paths if _CALLED.search(path.name)]
                yield from paths if len(paths) <= MOST_ALIKE else called[:MOST_ALIKE]
        level = below[:MOST_FOLDERS]


def _entries(directory: Path) -> list["os.DirEntry[str]"]:
    """List a folder by name; hidden files, and a folder that cannot be read, are left out."""
    try:
        with os.scandir(directory) as entries:
            return sorted((e for e in entries if e.name[0] != "."), key=lambda e: e.name)
    except OSError:
        return []
