"""Plain folders: ``<split>/`` and ``<split>annot/``, or ``{images,masks}/<split>/``."""

from pathlib import Path

from segexp.data.files.pictures import IMAGE_SUFFIXES
from segexp.data.layout import VIDEO, Layout
from segexp.data.layouts._pairing import (
    MASK_SUFFIXES,
    Listing,
    directory_entries,
    misnamed,
    pair_folders,
    present,
    source_of,
)
from segexp.data.source import SPLITS, Source
from segexp.labels.taxonomy import Taxonomy

PARTS = ("images", "masks")
SPLIT_FOLDERS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
SPLIT_NAMES = tuple(name for names in SPLIT_FOLDERS.values() for name in names)
SIMILAR_NAMES = (*SPLIT_NAMES, "training")
"""The names of splits in lower case, and one that is not read."""


def open_folder(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images and masks of ``root``, joined by file stem.

    The split ``val`` may be called ``valid`` or ``validation``. A test split without masks is
    left out with a note.
    """
    listings: dict[str, Listing] = {}
    faults: list[str] = []
    notes: list[str] = []
    annotated, parted = _annotated(root), _parted(root)
    if annotated and parted:
        faults.append(
            f"{root}: two layouts at once: {', '.join(annotated)} and {', '.join(parted)}; "
            "give a folder with one of them"
        )
    for split, names in SPLIT_FOLDERS.items():
        pairs = [
            (root / name, root / f"{name}annot")
            if annotated
            else (root / "images" / name, root / "masks" / name)
            for name in names
        ]
        there = [pair for pair in pairs if any(folder.is_dir() for folder in pair)]
        if len(there) > 1:
            names_now = ", ".join(str(images) for images, _ in there)
            faults.append(f"{root}: {split} appears more than once ({names_now}); keep one")
        if not there:
            continue
        images, masks = there[0]
        if split == "test" and not masks.is_dir():
            notes.append(f"{images}: no masks ({masks} is missing); the test split is left out")
            continue
        listings[split] = pair_folders(images, masks, IMAGE_SUFFIXES, MASK_SUFFIXES)
    return source_of(root, taxonomy, listings, faults=faults, notes=notes)


def _annotated(root: Path) -> list[str]:
    """Return the ``<split>annot`` folders of ``root`` (CamVid's)."""
    return present(root, (f"{name}annot" for name in SPLIT_NAMES))


def _parted(root: Path) -> list[str]:
    """Return the ``images/<split>`` and ``masks/<split>`` folders of ``root``."""
    return present(root, (f"{part}/{name}" for part in PARTS for name in SPLIT_NAMES))


def _nearly(root: Path) -> str | None:
    """Name the folders whose capitals are wrong, or where the splits are missing."""
    inside = [path for path in directory_entries(root) if path.is_dir()]
    wrong = [path for path in inside if path.name.lower() in PARTS and path.name not in PARTS]
    wrong += [
        path
        for folder in (root, *(root / part for part in PARTS))
        for path in directory_entries(folder)
        if path.is_dir() and path.name not in SPLITS and path.name.lower() in SIMILAR_NAMES
    ]
    flat = [part for part in PARTS if any(p.is_file() for p in directory_entries(root / part))]
    if wrong or not flat:
        return misnamed(wrong, root)
    names = " and ".join(f"{part}/" for part in flat)
    return f"{names} must hold a folder for each split, train/ and val/, not files"


LAYOUT = Layout(
    form="train/ with trainannot/ or images/train/ with masks/train/",
    recognised=lambda root: ", ".join([*_annotated(root), *_parted(root)]) or None,
    open=open_folder,
    taxonomy=lambda root: "camvid11" if root is not None and _annotated(root) else None,
    places=VIDEO,
    pairs=(
        *((name, f"{name}annot") for name in SIMILAR_NAMES),
        *((f"images/{name}", f"masks/{name}") for name in SIMILAR_NAMES),
    ),
    nearly=_nearly,
)
