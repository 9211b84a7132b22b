"""What layouts share: images and masks are joined by file stem, never by order."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.core.wording import counted
from segexp.data.files import masks
from segexp.data.files.images import read_rgb
from segexp.data.source import Sample, Source, read_file
from segexp.labels.taxonomy import Taxonomy

_ARRAYS = (".npy", ".npz")
_LOSSY = (".jpg", ".jpeg")
MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".webp", ".gif", *_ARRAYS, *_LOSSY)
"""The usual suffixes of masks; the content decides what they are, and whether they can be read."""


@dataclass(frozen=True)
class Listing:
    """Samples found, in order, with faults and what was left out.

    Attributes:
        alone: How many files have no partner, where others have one; each is a fault.
    """

    samples: tuple[Sample, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    alone: int = 0


def source_of(
    root: Path,
    taxonomy: Taxonomy,
    listings: Mapping[str, Listing],
    *,
    encoding: str = "default",
    faults: Sequence[str] = (),
    notes: Sequence[str] = (),
    read_image: Callable[[Path], NDArray[np.uint8]] = read_rgb,
    read_labels: Callable[..., NDArray[np.uint8]] = masks.read_labels,
) -> Source:
    """Return the data set of a folder whose images and masks are files of their own.

    Args:
        root: The folder.
        taxonomy: What the masks' raw ids mean.
        listings: The files of each split, in the order of the splits.
        encoding: The taxonomy's encoding that the masks are written in.
        faults: Faults besides those of the listings.
        notes: Notes besides those of the listings.
        read_image: Decodes an image file to uint8 (H, W, 3), RGB.
        read_labels: Decodes a mask file, by ``taxonomy``, ``encoding`` and ``rules``, to uint8
            (H, W).
    """
    splits = {
        split: each.samples
        for split, each in listings.items()
        if each.samples or each.faults or not each.notes  # a test split without masks has a note
    }
    decode = partial(read_labels, taxonomy=taxonomy, encoding=encoding)
    is_plain = read_labels is masks.read_labels
    count = partial(masks.inexact_pixels, taxonomy=taxonomy)
    listed = listings.values()
    return Source(
        root.resolve().name,
        root,
        taxonomy,
        splits,
        (*_empty_splits(root, splits), *faults, *(f for each in listed for f in each.faults)),
        read_image=partial(read_file, read_image, "image"),
        read_labels=partial(read_file, decode, "mask"),
        notes=(*(n for each in listed for n in each.notes), *notes),
        reading=encoding,
        count_inexact=partial(read_file, count, "mask") if is_plain else None,
    )


def present(root: Path, names: Iterable[str]) -> list[str]:
    """Return the folders that are in ``root``, each with a ``/`` behind it."""
    return [f"{name}/" for name in names if (root / name).is_dir()]


def pair_folders(
    images: Path, masks: Path, image_suffixes: Sequence[str], mask_suffixes: Sequence[str]
) -> Listing:
    """Join the files of two folders by stem.

    Args:
        images: Folder of the images; a missing folder is an empty one.
        masks: Folder of the masks.
        image_suffixes: The suffixes of images, lower case, with the dot.
        mask_suffixes: The suffixes of masks.

    Returns:
        The samples ordered by stem (numbers by value), and a fault for every file without
        its partner and for every stem that two files share.
    """
    by_image, faults, notes = by_stem(images, image_suffixes)
    by_mask, mask_faults, mask_notes = by_stem(masks, mask_suffixes)
    others = [
        note.replace(" are left out", "") + ", and no other"
        for found, left_out in ((by_image, notes), (by_mask, mask_notes))
        for note in left_out
        if not found
    ]
    joined = join(by_image, by_mask, images, masks)
    return Listing(
        joined.samples,
        (*faults, *mask_faults, *others, *joined.faults),
        (*notes, *mask_notes),
    )


def join(
    images: Mapping[str, Path], masks: Mapping[str, Path], image_root: Path, mask_root: Path
) -> Listing:
    """Join images and masks by id; if no image has its mask, there is one fault."""
    ids = sorted(images.keys() & masks.keys(), key=_by_number)
    if not ids and (images or masks):
        return Listing(faults=(_nothing_in_common(images, masks, image_root, mask_root),))
    faults = [
        f"{images[id_]}: image without mask (no {id_!r} in {mask_root})"
        for id_ in sorted(images.keys() - masks.keys(), key=_by_number)
    ] + [
        f"{masks[id_]}: mask without image (no {id_!r} in {image_root})"
        for id_ in sorted(masks.keys() - images.keys(), key=_by_number)
    ]
    alone = len(faults)
    faults += [
        f"{str(path).encode(errors='backslashreplace').decode()}: its name is not UTF-8; rename it"
        for path in (*images.values(), *masks.values())
        if not _is_text(path.name)
    ]
    samples = tuple(Sample(id_, images[id_], masks[id_]) for id_ in ids)
    return Listing(samples, tuple(faults), alone=alone)


def _empty_splits(root: Path, splits: Mapping[str, Sequence[Sample]]) -> tuple[str, ...]:
    return tuple(
        f"{root}: the {name} split has no image with a mask"
        for name, samples in splits.items()
        if not samples and name
    )


def _nothing_in_common(
    images: Mapping[str, Path], masks: Mapping[str, Path], image_root: Path, mask_root: Path
) -> str:
    n_images, n_masks = counted(len(images), "image"), counted(len(masks), "mask")
    if not masks:
        what = "no masks in it" if mask_root.is_dir() else "no such folder"
        return f"{mask_root}: {what}; {image_root} holds {n_images}"
    if not images:
        what = "no images in it" if image_root.is_dir() else "no such folder"
        return f"{image_root}: {what}; {mask_root} holds {n_masks}"
    image, mask = min(images.values()), min(masks.values())
    return (
        f"{image_root}: {n_images}, but none has a mask of its name in {mask_root}, which holds "
        f"{n_masks}: {image.name} beside {mask.name}; give each mask the name of its image"
    )


def directory_entries(directory: Path) -> list[Path]:
    """List a folder by name; a missing folder is empty.

    Raises:
        InputError: When it cannot be read.
    """
    if not directory.is_dir():
        return []
    try:
        return sorted(directory.iterdir())
    except OSError as error:
        raise InputError(f"{directory}: cannot be read: {error.strerror}") from None


def by_stem(
    directory: Path, suffixes: Sequence[str]
) -> tuple[dict[str, Path], list[str], list[str]]:
    """Return the files of a folder by stem, the faults, and notes on what is left out.

    Args:
        directory: The folder; hidden files are not looked at.
        suffixes: In lower case, with the dot.
    """
    found: dict[str, Path] = {}
    faults: list[str] = []
    ignored: list[str] = []
    for path in directory_entries(directory):
        if path.name.startswith("."):
            continue
        if path.suffix.lower() not in suffixes or not path.is_file():
            ignored.append(path.name)
        elif path.stem in found:
            faults.append(f"{path}: has the same stem as {found[path.stem].name}; keep one of them")
        else:
            found[path.stem] = path
    notes = []
    if ignored:
        shown = ", ".join(ignored[:3]) + (", ..." if len(ignored) > 3 else "")
        notes.append(
            f"{directory}: {len(ignored)} entries that are not {'/'.join(suffixes)} files "
            f"are left out ({shown})"
        )
    return found, faults, notes


def _is_text(name: str) -> bool:
    """Whether a name is valid Unicode: file systems take any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _by_number(stem: str) -> tuple[int, str]:
    """Order 2 before 10, and words alphabetically after the numbers."""
    return (int(stem), stem) if stem.isascii() and stem.isdigit() else (1 << 62, stem)
