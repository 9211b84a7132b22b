"""A data set whose tree a person describes: patterns for images and masks, and what they share."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segexp.core.config import LayoutConfig
from segexp.core.errors import InputError, at_most, collected
from segexp.core.wording import counted
from segexp.data.layouts._any_folders import as_paired
from segexp.data.layouts._names import Affixes, FileNames, Key, Rule
from segexp.data.layouts._pairing import source_of
from segexp.data.layouts._readings import Reading, by_key, readings_of
from segexp.data.layouts._tree import File, file_at
from segexp.data.layouts._words import SPLIT_WORDS, Role
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

FORMAT = "described"

SEARCH_SECONDS = 30.0
"""An expression that backtracks may take longer than anybody waits: `re` knows no end."""

_SEARCH = """
import json, re, sys
expression, paths = json.load(sys.stdin)
matches = map(re.compile(expression).search, paths)
json.dump([match and match.groups() for match in matches], sys.stdout)
"""


def open_described(root: Path, taxonomy: Taxonomy, described: LayoutConfig) -> Source:
    """List the images and masks that patterns find below ``root``.

    Args:
        root: The data set's folder.
        taxonomy: What the masks' raw ids mean.
        described: ``data.layout``: the patterns.

    Raises:
        InputError: When a pattern finds nothing, or an expression matches no part of a file's path.
    """
    faults: list[str] = []
    masks: list[File] = []
    images: list[File] = []
    with collected(faults):
        masks = _found(root, described.masks, "mask")
    drawn = {file.path for file in masks}
    with collected(faults):
        images = [f for f in _found(root, described.images, "image") if f.path not in drawn]
    faults = faults or [
        f"data.layout.{key}: {pattern!r} finds no file below {root}{beside}"
        for key, pattern, files, beside in (
            ("images", described.images, images, " that data.layout.masks does not find"),
            ("masks", described.masks, masks, ""),
        )
        if not files
    ]
    if faults:
        raise InputError(faults)
    if described.split is not None:  # folders are not asked
        images, masks = ([replace(f, split=None) for f in side] for side in (images, masks))
    if isinstance(described.split, str):
        images = _in_splits(root, images, described.split)
    names = FileNames(_suffixes(images), _suffixes(masks))
    if described.join is None:
        readings = readings_of([*images, *masks], names)
    else:
        readings = [_joined(root, images, masks, described.join)]
    skipped: list[str] = []
    if described.unpaired == "skip" and readings:
        readings, skipped = _paired_alone(root, readings)
    found = as_paired(root, [*images, *masks], readings, names)
    return replace(
        source_of(
            root,
            taxonomy,
            found.listings,
            faults=found.faults,
            notes=(*found.notes, *skipped),
        ),
        format=FORMAT,
    )


def _found(root: Path, pattern: str, role: Role) -> list[File]:
    try:
        paths = sorted(path for path in root.glob(pattern) if path.is_file())
    except (ValueError, IndexError, NotImplementedError):  # what is invalid depends on Python
        raise InputError(
            f"data.layout.{role}s: {pattern!r} is no glob pattern; one is '{role}s/**/*.png', "
            "where ** stands for folders and is alone between slashes"
        ) from None
    return [replace(file_at(root, path), role=role, kind=()) for path in paths]


def _suffixes(files: Sequence[File]) -> tuple[str, ...]:
    return tuple({file.suffix for file in files})


def _in_splits(root: Path, images: Sequence[File], expression: str) -> list[File]:
    """Return images with the split that an expression finds in their paths.

    Raises:
        InputError: When it finds nothing in some of them, or what is not a word for a split.
    """
    found, faults = [], []
    paths = _paths(root, images)
    groups = _searched("data.layout.split", expression, paths)
    for file, path, match in zip(images, paths, groups, strict=True):
        word = match[0] if match else None
        split = SPLIT_WORDS.get((word or "").lower())
        if split is None:
            said = (
                "matches no part" if match is None else f"finds {word!r}, not a word for a split,"
            )
            faults.append(f"data.layout.split: {expression!r} {said} of {path}")
        else:
            found.append(replace(file, split=split, split_word=split))
    _raise(faults, "data.layout.split")
    return found


def _joined(root: Path, images: Sequence[File], masks: Sequence[File], expression: str) -> Reading:
    """Join files by what the groups of an expression find in their paths.

    Raises:
        InputError: When it finds nothing in some of them.
    """
    faults: list[str] = []
    doubled: list[tuple[File, File]] = []
    sides: list[dict[Key, File]] = []
    for files in (images, masks):
        found: list[tuple[Key, File]] = []
        paths = _paths(root, files)
        groups = _searched("data.layout.join", expression, paths)
        for file, path, match in zip(files, paths, groups, strict=True):
            if match is None:
                faults.append(f"data.layout.join: {expression!r} matches no part of {path}")
                continue
            key = "_".join(group or "" for group in match)
            found.append((((None, ()), key), file))
        side, again = by_key(found)
        sides.append(side)
        doubled += again
    _raise(faults, "data.layout.join")
    pairs = {key: key for key in sides[1] if key in sides[0]}
    if not pairs:
        image, mask = (next(iter(side)) for side in sides)
        raise InputError(
            f"data.layout.join: {expression!r} finds nothing that an image and a mask share: "
            f"{image[1]!r} in {sides[0][image].path}, {mask[1]!r} in {sides[1][mask].path}; its "
            "groups must find the same in both"
        )
    return Reading(sides[0], sides[1], Rule(Affixes(), Affixes(), pairs), tuple(doubled))


def _paths(root: Path, files: Sequence[File]) -> list[str]:
    return [file.path.relative_to(root).as_posix() for file in files]


def _searched(where: str, expression: str, paths: Sequence[str]) -> list[list[str | None] | None]:
    """Search for an expression in paths; return what its groups find in each, None for no match.

    In another process, which can be stopped.

    Raises:
        InputError: When it takes longer than SEARCH_SECONDS.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _SEARCH],
            input=json.dumps([expression, paths]),
            capture_output=True,
            text=True,
            check=True,
            timeout=SEARCH_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{where}: {expression!r} takes over {SEARCH_SECONDS:g} s for {len(paths)} paths, such "
            f"as {paths[0]}: it tries every way to divide them; repeat nothing that repeats inside "
            "(write a+ for (a+)+)"
        ) from None
    found: list[list[str | None] | None] = json.loads(done.stdout)
    return found


def _paired_alone(root: Path, readings: Sequence[Reading]) -> tuple[list[Reading], list[str]]:
    """Leave out what has no partner, and say how much that is."""
    best = readings[0]
    images = {key: best.images[key] for key in best.rule.pairs.values()}
    masks = {key: best.masks[key] for key in best.rule.pairs}
    notes = [
        f"{root}: {counted(len(before) - len(after), what)} without a partner left out"
        for before, after, what in (
            (best.images, images, "image"),
            (best.masks, masks, "mask"),
        )
        if len(before) > len(after)
    ]
    return [replace(best, images=images, masks=masks), *readings[1:]], notes


def _raise(faults: Sequence[str], where: str) -> None:
    if faults:
        told, more = at_most(faults, where)
        raise InputError([*told, *more])
