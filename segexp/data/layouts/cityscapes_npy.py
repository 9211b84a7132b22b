"""The layout of Kaggle's "cityscapes-depth-and-segmentation": ``<split>/{image,label}/<n>.npy``."""

from functools import partial
from pathlib import Path

from segexp.data.files.masks import read_npy_labels
from segexp.data.files.npy import read_npy_image
from segexp.data.layouts._pairing import pair_folders, split_faults
from segexp.data.source import SPLITS, Sample, Source, read_file
from segexp.labels.taxonomy import Taxonomy


def recognised(root: Path) -> str | None:
    """Say what of this layout is in ``root``, or None."""
    seen = [
        f"{split}/{part}/"
        for split in SPLITS
        for part in ("image", "label")
        if (root / split / part).is_dir()
    ]
    return ", ".join(seen) or None


def open_cityscapes_npy(root: Path, taxonomy: Taxonomy) -> Source:
    """List the npy files of ``root``; ``depth/`` is left alone.

    A test split without labels is left out with a note.
    """
    splits: dict[str, tuple[Sample, ...]] = {}
    faults: list[str] = []
    notes: list[str] = []
    for split in SPLITS:
        images, labels = root / split / "image", root / split / "label"
        if not images.is_dir() and not labels.is_dir():
            continue
        if split == "test" and not labels.is_dir():
            notes.append(f"{root / split}: no label/ folder; the test split is left out")
            continue
        listing = pair_folders(images, labels, (".npy",), (".npy",))
        splits[split] = listing.samples
        faults += listing.faults
        notes += listing.notes
    return Source(
        "cityscapes-npy",
        root.resolve().name,
        root,
        taxonomy,
        splits,
        (*split_faults(root, splits), *faults),
        read_image=partial(read_file, read_npy_image, "image"),
        read_labels=partial(
            read_file,
            partial(read_npy_labels, taxonomy=taxonomy, encoding="default"),
            "mask",
        ),
        notes=tuple(notes),
        reading="default",
    )
