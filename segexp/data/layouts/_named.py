"""What layouts share that know where their images and masks lie, and what these are called."""

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice, takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.data.files.masks import read_labels
from segexp.data.files.pictures import IMAGE_SUFFIXES
from segexp.data.layouts._any_folders import pair_files
from segexp.data.layouts._names import Affixes, FileNames
from segexp.data.layouts._pairing import MASK_SUFFIXES, source_of
from segexp.data.layouts._tree import File, files_below
from segexp.data.layouts._words import Role
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

LEVELS = 2
"""Folders around a data set that are looked through: ``VOCdevkit/VOC2012/``."""

MOST_ENTRIES = 1000
"""How many entries of a folder are looked at for a folder: one of images has no others."""


def folder_with(root: Path, *patterns: str) -> Path | None:
    """Return the folder, ``root`` or up to LEVELS below, where something fits each glob pattern."""
    level = [root]
    for _ in range(LEVELS + 1):
        for folder in level:
            if all(next(folder.glob(pattern), None) for pattern in patterns):
                return folder
        level = [inner for folder in level for inner in _folders_in(folder)]
    return None


def recognised_by(*patterns: str) -> Callable[[Path], str | None]:
    """Return a `Layout.recognised` that names the patterns if `folder_with` finds them."""
    return lambda root: ", ".join(patterns) if folder_with(root, *patterns) else None


def with_roles(root: Path, images: str, masks: str) -> list[File]:
    r"""List all files below a folder, those that two patterns fit as images and as masks.

    Folders around all of these are no part of where they lie, nor of their ids.

    Args:
        root: The folder.
        images: Fits the end of an image's path, from some folder on: ``images/.+\.jpg``.
        masks: Likewise of a mask's.
    """
    is_image, is_mask = (re.compile(f"(?:.*/)?(?:{p})", re.IGNORECASE) for p in (images, masks))
    found = []
    for file in files_below(root):
        path = file.path.relative_to(root).as_posix()
        role: Role = "other"
        if is_mask.fullmatch(path):
            role = "mask"
        elif is_image.fullmatch(path):
            role = "image"
        found.append(replace(file, role=role, kind=()))
    around = _folders_around(root, [file for file in found if file.role != "other"])
    return [replace(file, rest=file.rest[around:]) for file in found]


def named_source(
    root: Path,
    taxonomy: Taxonomy,
    files: Sequence[File],
    *,
    image_ends: str = "",
    mask_ends: str = "",
    suffixes: tuple[tuple[str, ...], tuple[str, ...]] = (IMAGE_SUFFIXES, MASK_SUFFIXES),
    encoding: str = "default",
    notes: Iterable[str] = (),
    read_labels: Callable[..., NDArray[np.uint8]] = read_labels,
) -> Source:
    """Join images and masks whose names are known; other files are left out with a note.

    Args:
        root: The data set's folder.
        taxonomy: What its masks' raw ids mean.
        files: From `with_roles`.
        image_ends: What the stems of images end in: ``_leftImg8bit``.
        mask_ends: What those of masks end in.
        suffixes: The suffixes of images and of masks.
        encoding: The taxonomy's encoding that the masks are written in.
        notes: What else a person should know.
        read_labels: As `source_of` takes it.

    Raises:
        InputError: When the taxonomy has no such encoding.
    """
    affixes = (Affixes(after=image_ends), Affixes(after=mask_ends))
    found = pair_files(root, files, FileNames(*suffixes, affixes))
    return source_of(
        root,
        taxonomy,
        found.listings,
        encoding=encoding,
        faults=found.faults,
        notes=(*notes, *found.notes),
        read_labels=read_labels,
    )


def no_encoding(root: Path, taxonomy: Taxonomy, encoding: str) -> InputError:
    """Say that a taxonomy cannot read a layout's masks."""
    return InputError(
        f"{root}: the masks are written in {encoding}, but the taxonomy {taxonomy.name} has "
        f"no encoding {encoding!r}; it has {', '.join(taxonomy.encodings)}"
    )


def _folders_around(root: Path, files: Sequence[File]) -> int:
    """Count the folders below the root that hold all files and say nothing: ``VOCdevkit``."""
    if not files:
        return 0
    shared = os.path.commonpath([file.path.parent for file in files])
    names = Path(unicodedata.normalize("NFC", os.path.relpath(shared, root))).parts
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(names, files[0].rest, strict=False))
    return sum(1 for _ in alike)


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            looked_at = islice(entries, MOST_ENTRIES)
            return sorted(folder / e.name for e in looked_at if e.is_dir() and e.name[0] != ".")
    except OSError:
        return []  # `open` says what cannot be read
