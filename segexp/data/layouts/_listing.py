"""A reading of a tree as samples by split, with everything that is unusual about it."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from segexp.core.wording import counted
from segexp.data.layouts._names import Affixes, Key
from segexp.data.layouts._pairing import Listing, join
from segexp.data.layouts._readings import Reading, common_folder, shared_levels
from segexp.data.layouts._tree import File
from segexp.data.source import SPLITS, UNDIVIDED

SHOWN = 3

_TEXTS = frozenset(
    (".txt", ".csv", ".json", ".yaml", ".yml", ".xml", ".md", ".html", ".pdf", ".py")
)
"""They hold no images: labels, lists of splits and what people write beside their data."""


@dataclass
class _Split:
    """The files of a split by image id, and faults for those whose id another file has."""

    images: dict[str, File] = field(default_factory=dict)
    masks: dict[str, File] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def listings_of(root: Path, reading: Reading) -> dict[str, Listing]:
    """Return the samples of each split that a reading has, in the order of the splits.

    A sample's id is what the names of its files share, behind the names of their folders but for
    those that all have. A test split without masks is left out with a note.
    """
    splits: dict[str, _Split] = defaultdict(_Split)
    for split, image_id, image, mask in _samples(reading):
        found = splits[split]
        for side, file in ((found.images, image), (found.masks, mask)):
            if file is not None and side.setdefault(image_id, file) is not file:
                other = side[image_id].path
                found.faults.append(f"{file.path}: {image_id} is {other}, too; keep one of them")
    return {
        split: _listing(root, split, splits[split], reading)
        for split in (*SPLITS, UNDIVIDED)
        if split in splits
    }


def doubled_faults(reading: Reading) -> list[str]:
    """Return a fault for each file that has the place and the stem of another one, or its key."""
    return [
        f"{file.path}: data.layout.join finds the same as in {other.path}; its groups must differ"
        if file.stem != other.stem
        else f"{file.path}: has the same stem as {other.path.name}; keep one of them"
        if file.path.parent == other.path.parent
        else f"{file.path}: has the name of {other.path}; keep one of them"
        for file, other in reading.doubled
    ]


def left_out_note(root: Path, files: Sequence[File], reading: Reading) -> list[str]:
    """Say which files beside images, masks and texts are left out, by folder and suffix."""
    used = {file.path for file in reading.images.values()}
    used |= {f.path for f in reading.masks.values() if reading.rule.masks.core(f.stem) is not None}
    used |= {file.path for file, _ in reading.doubled}
    groups: dict[str, list[str]] = defaultdict(list)
    for file in files:
        if file.path not in used and file.suffix not in _TEXTS:
            folder = file.path.parent.relative_to(root).parts[:2]
            groups["/".join((*folder, f"*{file.suffix}"))].append(file.path.name)
    if not groups:
        return []
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))
    shown = [names[0] if len(names) == 1 else f"{len(names)} {g}" for g, names in ranked[:SHOWN]]
    more = ", ..." if len(ranked) > SHOWN else ""
    count = sum(map(len, groups.values()))
    return [f"{root}: {counted(count, 'other file')} left out ({', '.join(shown)}{more})"]


def _samples(reading: Reading) -> Iterator[tuple[str, str, File | None, File | None]]:
    """Yield the split, the id, the image and the mask of all that is joined, and of all else."""
    rule = reading.rule
    joined: Mapping[Key, Key] = {image: mask for mask, image in rule.pairs.items()}
    shared = [
        shared_levels([place[1] for place, _ in side]) for side in (reading.images, reading.masks)
    ]
    for key, image in reading.images.items():
        mask = reading.masks[joined[key]] if key in joined else None
        split = image.split or (mask.split if mask else None) or UNDIVIDED
        yield split, _id(key, rule.images, shared[0]), image, mask
    for key, mask in reading.masks.items():
        if key not in rule.pairs and rule.masks.core(key[1]) is not None:
            yield mask.split or UNDIVIDED, _id(key, rule.masks, shared[1]), None, mask


def _id(key: Key, affixes: Affixes, shared: int) -> str:
    (_, folders), stem = key
    folders = folders[shared:]
    core = affixes.core(stem)
    name = stem if core is None else core
    is_told = folders and re.match(rf"{re.escape(folders[-1])}(?![^\W_])", name)
    outer = folders[:-1] if is_told else folders
    return "_".join((*outer, name))


def _listing(root: Path, split: str, found: _Split, reading: Reading) -> Listing:
    image_root, mask_root = (
        root / common_folder((some or every).values(), root)
        for some, every in ((found.images, reading.images), (found.masks, reading.masks))
    )
    of_split = f" of {split}" if split else ""
    images, masks = counted(len(found.images), "image"), counted(len(found.masks), "mask")
    if split == "test" and not found.masks:
        note = f"{image_root}: there are no masks of test; the test split is left out"
        return Listing(notes=(note,))
    if not found.masks:
        fault = f"{image_root}: {images}{of_split}, and no mask for any in {mask_root}"
        return Listing(faults=(*found.faults, fault))
    if not found.images:
        fault = f"{mask_root}: {masks}{of_split}, and no image for any in {image_root}"
        return Listing(faults=(*found.faults, fault))
    joined = join(
        {image_id: file.path for image_id, file in found.images.items()},
        {image_id: file.path for image_id, file in found.masks.items()},
        image_root,
        mask_root,
    )
    return replace(joined, faults=(*found.faults, *_names_of_split(split, found), *joined.faults))


def _names_of_split(split: str, found: _Split) -> list[str]:
    """Return a fault where folders name a split in two ways, such as ``val`` and ``valid``."""
    words = sorted({file.split_word for file in found.images.values() if file.split_word})
    if len(words) < 2:
        return []
    return [f"{split} appears more than once ({', '.join(words)}); keep one"]
