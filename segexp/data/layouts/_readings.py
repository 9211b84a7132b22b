"""How the files of a tree can be read as images with masks: all readings, the best one first."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from segexp.data.layouts._names import (
    Affixes,
    FileNames,
    Key,
    Place,
    Rule,
    find_rules,
    frequent_affixes,
)
from segexp.data.layouts._tree import File
from segexp.data.layouts._words import says_mask, says_other

_LOSSY = frozenset((".jpg", ".jpeg"))


@dataclass(frozen=True)
class Reading:
    """One way to read a tree.

    Attributes:
        images: The images, by where they lie and their stem.
        masks: The masks, likewise.
        rule: How their names are joined.
        doubled: Files whose place and stem another file has, too, and that file.
    """

    images: Mapping[Key, File]
    masks: Mapping[Key, File]
    rule: Rule
    doubled: tuple[tuple[File, File], ...] = ()

    @property
    def size(self) -> int:
        """How many masks have an image."""
        return len(self.rule.pairs)

    def describe(self, root: Path) -> str:
        """Say which folders are joined, and by which names."""
        sides = (_folders([*side.values()], root) for side in (self.images, self.masks))
        folders = " with ".join(dict.fromkeys(sides))
        return folders if self.rule.is_plain else f"{folders}, {self.rule.describe()}"


def readings_of(files: Sequence[File], names: FileNames) -> list[Reading]:
    """List how files can be read, best first: those that join at least half as many as the best.

    Folders of images and of masks are told by their names. Images may lie in folders that say
    nothing. Without a folder of masks, the names of the files must tell: ``x.jpg`` beside
    ``x_mask.png``; last, ``x.jpg`` beside ``x.png``.

    Args:
        files: The files of a tree.
        names: What is known of their names.
    """
    images = [f for f in files if f.role == "image" and f.suffix in names.image_suffixes]
    plain = [f for f in files if f.role is None and f.suffix in names.image_suffixes]
    masks = _main_suffixes(
        [f for f in files if f.role == "mask" and f.suffix in names.mask_suffixes]
    )
    if masks:
        found = _of_folders(images, masks, names) or _of_folders(plain, masks, names)
    else:
        found = _of_names(images, names) or _of_names(plain, names)
    found = _without_colors(found)
    found.sort(key=lambda reading: -reading.size)
    return [reading for reading in found if 2 * reading.size >= found[0].size]


def common_folder(files: Iterable[File], root: Path) -> str:
    """Return the innermost folder below a root that holds all of the files, with a ``/``."""
    parents = {str(file.path.parent) for file in files}
    return f"{os.path.relpath(os.path.commonpath(parents), root)}/" if parents else "nothing"


def _folders(files: Sequence[File], root: Path) -> str:
    """Return the folder that holds all files, or the first of several that have none in common."""
    found = common_folder(files, root)
    if found != "./":
        return found
    folders = sorted({f"{file.path.parent.relative_to(root)}/" for file in files} - {"./"})
    return f"{folders[0]}, ..." if folders else found


def _of_folders(images: Sequence[File], masks: Sequence[File], names: FileNames) -> list[Reading]:
    found = []
    for some_images in _by_kind(images):
        for some_masks in _by_kind(masks):
            found += _join(some_images, some_masks, names)
    return found


def _join(images: Sequence[File], masks: Sequence[File], names: FileNames) -> list[Reading]:
    """Join files by split and folders, or by name alone where each name is there once.

    First all folders count, then those below the ones that all files of a side are in and the other
    side does not have.
    """
    tells_split = any(f.split for f in images) and any(f.split for f in masks)
    own = [_own_levels(images, masks), _own_levels(masks, images)]
    for skipped in ([0, 0], own, [None, None]):
        of_images, doubled = _keyed(images, tells_split, skipped[0])
        of_masks, doubled_masks = _keyed(masks, tells_split, skipped[1])
        doubled += doubled_masks
        if skipped == [None, None] and doubled:
            break
        rules = find_rules(of_images, of_masks, *(names.affixes or ()))
        if rules := _without_drawings(rules):
            return [Reading(of_images, of_masks, rule, tuple(doubled)) for rule in rules]
    return []


def _without_colors(readings: list[Reading]) -> list[Reading]:
    """Leave out masks in folders of drawings in colours, where there are others."""
    kept = [
        reading
        for reading in readings
        if not any(map(says_other, next(iter(reading.masks.values())).kind))
    ]
    return kept or readings


def _without_drawings(rules: Sequence[Rule]) -> list[Rule]:
    """Leave out the rules whose masks are drawings, where there are others."""
    kept = [rule for rule in rules if not says_other(rule.masks.before + rule.masks.after)]
    return kept or list(rules)


def _of_names(files: Sequence[File], names: FileNames) -> list[Reading]:
    """Read a tree whose images and masks lie together."""
    found = []
    for affixes in frequent_affixes([file.stem for file in files]):
        if not says_mask(affixes.before + affixes.after):
            continue
        masks = [
            f for f in files if f.suffix in names.mask_suffixes and affixes.core(f.stem) is not None
        ]
        of_masks = {file.path for file in masks}
        found += _beside([f for f in files if f.path not in of_masks], masks, affixes)
    found = [reading for reading in found if not _has_lossy_masks(reading)]
    if found:
        return _largest(found)
    lossy = [f for f in files if f.suffix in _LOSSY]
    exact = [f for f in files if f.suffix in names.mask_suffixes and f.suffix not in _LOSSY]
    return [reading for reading in _beside(lossy, exact, Affixes()) if reading.rule.is_plain]


def _has_lossy_masks(reading: Reading) -> bool:
    """Whether a JPEG would be the mask of a picture without loss: then they are the other way."""
    return any(
        reading.masks[mask].suffix in _LOSSY and reading.images[image].suffix not in _LOSSY
        for mask, image in reading.rule.pairs.items()
    )


def _beside(images: Sequence[File], masks: Sequence[File], affixes: Affixes) -> list[Reading]:
    of_images, doubled = _keyed(images, True, 0)
    of_masks, doubled_masks = _keyed(masks, True, 0)
    rules = _without_drawings(find_rules(of_images, of_masks, mask_affixes=affixes))
    return [Reading(of_images, of_masks, rule, (*doubled, *doubled_masks)) for rule in rules]


def _largest(readings: Sequence[Reading]) -> list[Reading]:
    """Of readings that join the same masks, keep the one with the fewest words."""
    ordered = sorted(readings, key=lambda r: (-r.size, len(r.rule.describe())))
    kept: list[Reading] = []
    for reading in ordered:
        if not any(reading.rule.pairs.items() <= other.rule.pairs.items() for other in kept):
            kept.append(reading)
    return kept


def _keyed(
    files: Sequence[File], tells_split: bool, skipped: int | None
) -> tuple[dict[Key, File], list[tuple[File, File]]]:
    """Return files by their places and stems, and those whose key another file has.

    Args:
        files: Of one side.
        tells_split: Whether the split is a part of the place.
        skipped: How many outer folders are not a part of it; None for all.
    """

    def place(file: File) -> Place:
        folders = () if skipped is None else file.rest[skipped:]
        return file.split if tells_split else None, folders

    return by_key(((place(file), file.stem), file) for file in files)


def by_key(
    files: Iterable[tuple[Key, File]],
) -> tuple[dict[Key, File], list[tuple[File, File]]]:
    """Return files by their keys, the first of each, and every other one with that first one."""
    keyed: dict[Key, File] = {}
    doubled: list[tuple[File, File]] = []
    for key, file in files:
        first = keyed.setdefault(key, file)
        if first is not file:
            doubled.append((file, first))
    return keyed, doubled


def _main_suffixes(masks: Sequence[File]) -> Sequence[File]:
    """Leave PNG alone where there are PNG masks: what is beside them are copies or drawings."""
    folders = {file.path.parent for file in masks if file.suffix == ".png"}
    return [file for file in masks if file.suffix == ".png" or file.path.parent not in folders]


def _own_levels(files: Sequence[File], others: Sequence[File]) -> int:
    """Count the outer folders that all of the files are in, up to one that the others know, too."""
    known = {name for file in others for name in file.rest}
    shared = files[0].rest[: shared_levels(file.rest for file in files)] if files else ()
    return sum(1 for _ in takewhile(lambda name: name not in known, shared))


def shared_levels(folders: Iterable[tuple[str, ...]]) -> int:
    """Count the outer folders that all have."""
    levels = zip(*folders, strict=False)
    return sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, levels))


def _by_kind(files: Sequence[File]) -> list[list[File]]:
    kinds: dict[tuple[str, ...], list[File]] = defaultdict(list)
    for file in files:
        kinds[file.kind].append(file)
    return list(kinds.values())
