"""Images and masks joined by file stem, never by order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segexp.dataset.source import Sample
from segexp.errors import InputError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
MASK_SUFFIXES = (".png",)


@dataclass(frozen=True)
class Listing:
    """Samples found, in order, with what is wrong and what was left out."""

    samples: tuple[Sample, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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
    by_image, faults, notes = _by_stem(images, image_suffixes)
    by_mask, mask_faults, mask_notes = _by_stem(masks, mask_suffixes)
    joined = join(by_image, by_mask, images, masks)
    return Listing(
        joined.samples,
        (*faults, *mask_faults, *joined.faults),
        (*notes, *mask_notes),
    )


def join(
    images: Mapping[str, Path], masks: Mapping[str, Path], image_root: Path, mask_root: Path
) -> Listing:
    """Join images and masks by id."""
    ids = sorted(images.keys() & masks.keys(), key=_by_number)
    faults = [
        f"{images[id_]}: image without mask (no {id_!r} in {mask_root})"
        for id_ in sorted(images.keys() - masks.keys(), key=_by_number)
    ] + [
        f"{masks[id_]}: mask without image (no {id_!r} in {image_root})"
        for id_ in sorted(masks.keys() - images.keys(), key=_by_number)
    ]
    faults += [
        f"{str(path).encode(errors='backslashreplace').decode()}: its name is not UTF-8; rename it"
        for path in (*images.values(), *masks.values())
        if not _is_text(path.name)
    ]
    return Listing(tuple(Sample(id_, images[id_], masks[id_]) for id_ in ids), tuple(faults))


def split_faults(root: Path, splits: Mapping[str, Sequence[Sample]]) -> tuple[str, ...]:
    """Return a fault for train and val where they are missing, and for every empty split."""
    missing = [f"{root}: no {name} split" for name in ("train", "val") if name not in splits]
    empty = [f"{root}: the {name} split has no images" for name, s in splits.items() if not s]
    return (*missing, *empty)


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


def _by_stem(
    directory: Path, suffixes: Sequence[str]
) -> tuple[dict[str, Path], list[str], list[str]]:
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
            f"{directory}: {len(ignored)} entries that are no {'/'.join(suffixes)} files "
            f"are left out ({shown})"
        )
    return found, faults, notes


def _is_text(name: str) -> bool:
    """Whether a name can be written down: file systems take any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _by_number(stem: str) -> tuple[int, str]:
    """Order 2 before 10, and words by their letters behind the numbers."""
    return (int(stem), stem) if stem.isascii() and stem.isdigit() else (1 << 62, stem)
