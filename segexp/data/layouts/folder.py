"""Plain folders: ``<split>/`` and ``<split>annot/``, or ``{images,masks}/<split>/``."""

from functools import partial
from pathlib import Path

from segexp.data.files.image_file import IMAGE_SUFFIXES
from segexp.data.files.images import read_rgb
from segexp.data.files.masks import read_png_labels
from segexp.data.layouts._pairing import MASK_SUFFIXES, pair_folders, split_faults
from segexp.data.source import Sample, Source, read_file
from segexp.labels.taxonomy import Taxonomy

SPLIT_FOLDERS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


def annot_folders(root: Path) -> list[str]:
    """Return the ``<split>annot`` folders of ``root`` (CamVid's layout)."""
    names = [name for names in SPLIT_FOLDERS.values() for name in names]
    return [f"{name}annot/" for name in names if (root / f"{name}annot").is_dir()]


def parted_folders(root: Path) -> list[str]:
    """Return the ``images/<split>`` and ``masks/<split>`` folders of ``root``."""
    names = [name for names in SPLIT_FOLDERS.values() for name in names]
    return [
        f"{part}/{name}/"
        for part in ("images", "masks")
        for name in names
        if (root / part / name).is_dir()
    ]


def recognised(root: Path) -> str | None:
    """Say what of these layouts is in ``root``, or None."""
    return ", ".join([*annot_folders(root), *parted_folders(root)]) or None


def open_folder(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images and masks of ``root``, joined by file stem.

    The split ``val`` may be called ``valid`` or ``validation``. A test split without masks is
    left out with a note.
    """
    splits: dict[str, tuple[Sample, ...]] = {}
    faults: list[str] = []
    notes: list[str] = []
    annotated, parted = annot_folders(root), parted_folders(root)
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
            faults.append(f"{root}: {split} is there more than once ({names_now}); keep one")
        if not there:
            continue
        images, masks = there[0]
        if split == "test" and not masks.is_dir():
            notes.append(f"{images}: no masks ({masks} is missing); the test split is left out")
            continue
        listing = pair_folders(images, masks, IMAGE_SUFFIXES, MASK_SUFFIXES)
        splits[split] = listing.samples
        faults += listing.faults
        notes += listing.notes
    return Source(
        "folder",
        root.resolve().name,
        root,
        taxonomy,
        splits,
        (*split_faults(root, splits), *faults),
        read_image=partial(read_file, read_rgb, "image"),
        read_labels=partial(
            read_file,
            partial(read_png_labels, taxonomy=taxonomy, encoding="default"),
            "mask",
        ),
        notes=tuple(notes),
        reading="default",
    )
