"""A data set whose tree a person describes: patterns for images and masks, and what they share."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from segexp.core.data_config import LayoutConfig
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
for expression, paths in json.load(sys.stdin):
    matches = map(re.compile(expression).search, paths)
    print(json.dumps([match and match.groups() for match in matches]), flush=True)
"""

Groups = list[str | None]
"""What the groups of an expression find in a path."""


class _Search(NamedTuple):
    """An expression that is searched for in paths, and the key that has it."""

    key: str
    expression: str
    paths: tuple[str, ...]


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
    shown, drawn_at = (_paths(root, side) for side in (images, masks))
    searches = []
    if isinstance(described.split, str):
        searches.append(_Search("data.layout.split", described.split, shown))
    if described.join is not None:
        searches.append(_Search("data.layout.join", described.join, (*shown, *drawn_at)))
    searched = dict(zip((each.key for each in searches), _searched(tuple(searches)), strict=True))
    if isinstance(described.split, str):
        images = _in_splits(root, images, described.split, searched["data.layout.split"])
    names = FileNames(_suffixes(images), _suffixes(masks))
    if described.join is None:
        readings = readings_of([*images, *masks], names)
    else:
        readings = [_joined(root, images, masks, described.join, searched["data.layout.join"])]
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


def _in_splits(
    root: Path, images: Sequence[File], expression: str, searched: Sequence[Groups | None]
) -> list[File]:
    """Return images with the split that an expression found in their paths.

    Raises:
        InputError: When it finds nothing in some of them, or what is not a word for a split.
    """
    found, faults = [], []
    for file, path, match in zip(images, _paths(root, images), searched, strict=True):
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


def _joined(
    root: Path,
    images: Sequence[File],
    masks: Sequence[File],
    expression: str,
    searched: Sequence[Groups | None],
) -> Reading:
    """Join files by what the groups of an expression found in the paths of images, then masks.

    Raises:
        InputError: When it finds nothing in some of them.
    """
    faults: list[str] = []
    doubled: list[tuple[File, File]] = []
    sides: list[dict[Key, File]] = []
    for files, groups in ((images, searched[: len(images)]), (masks, searched[len(images) :])):
        found: list[tuple[Key, File]] = []
        for file, path, match in zip(files, _paths(root, files), groups, strict=True):
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


def _paths(root: Path, files: Sequence[File]) -> tuple[str, ...]:
    return tuple(file.path.relative_to(root).as_posix() for file in files)


@lru_cache(maxsize=2)  # a command opens its data several times
def _searched(searches: tuple[_Search, ...]) -> list[list[Groups | None]]:
    """Search for expressions; return what the groups of each find in its paths, None for no match.

    In another process, which can be stopped.

    Raises:
        InputError: When they take longer than SEARCH_SECONDS.
    """
    if not searches:
        return []
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _SEARCH],
            input=json.dumps([(each.expression, each.paths) for each in searches]).encode(),
            capture_output=True,
            check=True,
            timeout=SEARCH_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        key, expression, paths = searches[(error.stdout or b"").count(b"\n")]
        raise InputError(
            f"{key}: {expression!r} is not at its end after {SEARCH_SECONDS:g} s for {len(paths)} "
            f"paths, such as {paths[0]}: it tries every way to divide them; repeat nothing that "
            "repeats inside (write a+ for (a+)+)"
        ) from None
    return [json.loads(line) for line in done.stdout.splitlines()]


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
