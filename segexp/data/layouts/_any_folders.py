"""Any tree whose folders or file names say which files are images and which are masks."""

import glob
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segexp.core.wording import counted
from segexp.data.files.pictures import IMAGE_SUFFIXES
from segexp.data.layouts._listing import SHOWN, doubled_faults, left_out_note, listings_of
from segexp.data.layouts._names import FileNames
from segexp.data.layouts._pairing import MASK_SUFFIXES, Listing
from segexp.data.layouts._readings import Reading, common_folder, readings_of
from segexp.data.layouts._split_lists import divide_by_lists
from segexp.data.layouts._tree import File, files_below

ANY_NAMES = FileNames()


@dataclass(frozen=True)
class Paired:
    """The images and masks of a tree.

    Attributes:
        listings: The samples of each split, in the order of the splits.
        faults: What is wrong besides.
        notes: What a person should know: how names are joined, and what is left out.
    """

    listings: Mapping[str, Listing]
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def pair_files(
    root: Path, files: Sequence[File] | None = None, names: FileNames = ANY_NAMES
) -> Paired:
    """Join the images and masks below a folder.

    Args:
        root: The folder.
        files: The files that may be images or masks; by default all below the folder.
        names: What a layout knows of their names.
    """
    found = [*files_below(root)] if files is None else files
    return as_paired(root, found, readings_of(found, names), names)


def as_paired(
    root: Path, files: Sequence[File], readings: Sequence[Reading], names: FileNames = ANY_NAMES
) -> Paired:
    """Return the images and masks of the best reading, and what is unusual about it.

    Args:
        root: The folder.
        files: All files that were looked at.
        readings: The best one first; none where nothing could be joined.
        names: What was known of their names.
    """
    if not readings:
        return Paired({}, (_nothing_joined(root, files, names),))
    best, *others = readings
    faults = [*_ambiguous(root, best, others), *doubled_faults(best)]
    is_found = names.affixes is None and not best.rule.is_plain
    notes = [f"{root}: joined {best.describe(root)}"] if is_found else []
    listings = divide_by_lists(root, files, listings_of(root, best))
    listings = _with_advice(listings, root, best)
    return Paired(listings, tuple(faults), (*notes, *left_out_note(root, files, best)))


def recognised_folders(root: Path) -> str | None:
    """Name the folders of masks and of images that are in a tree; None where there are none."""
    files = [f for f in files_below(root) if f.suffix in (*IMAGE_SUFFIXES, *MASK_SUFFIXES)]
    if not any(f.role != "mask" and f.suffix in IMAGE_SUFFIXES for f in files):
        return None  # arrays, or masks alone
    told = [f for f in files if f.role == "mask" or (f.role == "image" and f.split)]
    folders = dict.fromkeys(f.path.parent.relative_to(root).as_posix() for f in told)
    names = [f"{name}/" for name in folders]
    if names:
        return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    readings = readings_of(files, ANY_NAMES)
    return readings[0].describe(root) if readings else None


def _ambiguous(root: Path, best: Reading, others: Sequence[Reading]) -> list[str]:
    """Return a fault where an image has two masks, or a mask two images."""
    rivals = [other for other in others if _disagree(best, other)]
    if not rivals:
        return []
    ways = "; or ".join(reading.describe(root) for reading in (best, *rivals))
    images, masks = _patterns(root, best)
    return [
        f"{root}: {counted(len(rivals) + 1, 'way')} to join images and masks: {ways}. Say which in "
        f"config.yaml, such as data.layout: {{images: '{images}', masks: '{masks}'}}"
    ]


def _with_advice(listings: dict[str, Listing], root: Path, reading: Reading) -> dict[str, Listing]:
    """Say how files without a partner are left out, before the first of perhaps thousands."""
    faulty = [split for split, each in listings.items() if each.alone]
    if not faulty:
        return listings
    images, masks = _patterns(root, reading)
    how = f"{{images: '{images}', masks: '{masks}', unpaired: skip}}"
    if images == masks:
        how = "{images: GLOB, masks: GLOB, unpaired: skip}"
    first = listings[faulty[0]]
    advice = f"{root}: to leave out what has no partner, write into config.yaml data.layout: {how}"
    return listings | {faulty[0]: replace(first, faults=(advice, *first.faults))}


def _patterns(root: Path, reading: Reading) -> tuple[str, str]:
    """Return patterns for the images and the masks of a reading, as ``data.layout`` has them."""
    globs = []
    for side in (reading.images, reading.masks):
        folder = common_folder(side.values(), root).removeprefix("./")
        (suffix, _), *_ = Counter(file.path.suffix for file in side.values()).most_common(1)
        globs.append(f"{glob.escape(folder)}**/*{suffix}")
    return globs[0], globs[1]


def _disagree(one: Reading, other: Reading) -> bool:
    mask_of = {one.images[i].path: one.masks[m].path for m, i in one.rule.pairs.items()}
    image_of = {mask: image for image, mask in mask_of.items()}
    return any(
        mask_of.get(image := other.images[i].path, mask := other.masks[m].path) != mask
        or image_of.get(mask, image) != image
        for m, i in other.rule.pairs.items()
    )


def _nothing_joined(root: Path, files: Sequence[File], names: FileNames) -> str:
    masks = [f for f in files if f.role == "mask" and f.suffix in names.mask_suffixes]
    images = [f for f in files if f.role != "mask" and f.suffix in names.image_suffixes]
    if masks and images:
        return (
            f"{root}: no mask has the name of an image: {_side(root, images, 'image')}; "
            f"{_side(root, masks, 'mask')}; give each mask the name of its image, or write into "
            "config.yaml what their names share: data.layout: {images: 'GLOB', masks: 'GLOB', "
            "join: 'REGEX'}"
        )
    taken = {f.path for f in (*masks, *images)}
    of_other_kinds = [f for f in files if f.path not in taken]
    missing = "images" if masks else "masks"
    there = _side(root, masks or images, "mask" if masks else "image") if masks or images else ""
    suffixes = names.image_suffixes if masks else names.mask_suffixes
    shown = ", ".join(f.path.relative_to(root).as_posix() for f in of_other_kinds[:SHOWN])
    more = ", ..." if len(of_other_kinds) > SHOWN else ""
    beside = (
        f"; {counted(len(of_other_kinds), 'file')} of other kinds than {'/'.join(suffixes)}: "
        f"{shown}{more}"
        if of_other_kinds
        else ""
    )
    return f"{root}: no {missing}{f'; {there}' if there else ''}{beside}"


def _side(root: Path, files: Sequence[File], what: str) -> str:
    folder = root / common_folder(files, root)
    return f"{folder} holds {counted(len(files), what)}, such as {files[0].path.name}"
