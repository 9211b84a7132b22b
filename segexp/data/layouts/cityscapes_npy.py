"""The layout of Kaggle's "cityscapes-depth-and-segmentation": ``<split>/{image,label}/<n>.npy``."""

from pathlib import Path

from segexp.data.files.npy import read_npy_image
from segexp.data.layout import Layout
from segexp.data.layouts._pairing import Listing, pair_folders, source_of
from segexp.data.source import SPLITS, Source
from segexp.labels.taxonomy import Taxonomy

PAIRS = tuple((f"{split}/image", f"{split}/label") for split in SPLITS)


def open_cityscapes_npy(root: Path, taxonomy: Taxonomy) -> Source:
    """List the npy files of ``root``; ``depth/`` is left alone.

    A test split without labels is left out with a note.
    """
    listings: dict[str, Listing] = {}
    notes: list[str] = []
    for split in SPLITS:
        images, labels = root / split / "image", root / split / "label"
        if not images.is_dir() and not labels.is_dir():
            continue
        if split == "test" and not labels.is_dir():
            notes.append(f"{root / split}: no label/ folder; the test split is left out")
            continue
        listings[split] = pair_folders(images, labels, (".npy",), (".npy",))
    return source_of(
        root,
        taxonomy,
        listings,
        notes=notes,
        read_image=read_npy_image,
    )


def _recognised(root: Path) -> str | None:
    """Name the folders that hold npy files, and no others: pictures are of another layout."""
    named = (f"{part}/" for pair in PAIRS for part in pair)
    return ", ".join(name for name in named if any((root / name).glob("*.npy"))) or None


LAYOUT = Layout(
    form="train/image/*.npy with train/label/*.npy",
    recognised=_recognised,
    open=open_cityscapes_npy,
    taxonomy=lambda root: "cityscapes19",
    pairs=PAIRS,
)
