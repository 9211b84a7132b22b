"""The official Cityscapes tree: ``{leftImg8bit,gtFine}/<split>/<city>/``."""

from functools import partial
from pathlib import Path

from segexp.core.errors import InputError
from segexp.data.files.images import read_rgb
from segexp.data.files.masks import read_png_labels
from segexp.data.layouts._pairing import directory_entries, join, split_faults
from segexp.data.source import SPLITS, Sample, Source, read_file
from segexp.labels.taxonomy import Taxonomy

IMAGE_END = "_leftImg8bit.png"
ENCODINGS = {"labelIds": "labelIds", "labelTrainIds": "default"}
"""The masks' file names, and the taxonomy's encoding that they are written in."""


def recognised(root: Path) -> str | None:
    """Say what of this layout is in ``root``, or None."""
    seen = [f"{name}/" for name in ("leftImg8bit", "gtFine") if (root / name).is_dir()]
    return ", ".join(seen) or None


def open_cityscapes(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images and fine masks of ``root``.

    The masks are ``labelIds``, or ``labelTrainIds`` when there are more of these. A test
    split without masks is left out with a note.

    Raises:
        InputError: When the taxonomy has no encoding for these masks.
    """
    images_root, masks_root = root / "leftImg8bit", root / "gtFine"
    kind = max(ENCODINGS, key=lambda k: sum(len(_masks(masks_root / s, k)[0]) for s in SPLITS))
    encoding = ENCODINGS[kind]
    splits: dict[str, tuple[Sample, ...]] = {}
    faults: list[str] = []
    notes: list[str] = []
    if encoding not in taxonomy.encodings:
        raise InputError(
            f"{root}: the masks are written in {kind}, but the taxonomy {taxonomy.name} has no "
            f"encoding {encoding!r}; it has {', '.join(taxonomy.encodings)}"
        )
    for split in SPLITS:
        images, masks = images_root / split, masks_root / split
        if not images.is_dir() and not masks.is_dir():
            continue
        by_mask, mask_faults = _masks(masks, kind)
        if split == "test" and not by_mask:
            notes.append(f"{masks}: no *_gtFine_{kind}.png; the test split is left out")
            continue
        by_image, image_faults = _files(images, IMAGE_END)
        joined = join(by_image, by_mask, images, masks)
        splits[split] = joined.samples
        faults += [*image_faults, *mask_faults, *joined.faults]
    return Source(
        "cityscapes",
        root.resolve().name,
        root,
        taxonomy,
        splits,
        (*split_faults(root, splits), *faults),
        read_image=partial(read_file, read_rgb, "image"),
        read_labels=partial(
            read_file,
            partial(read_png_labels, taxonomy=taxonomy, encoding=encoding),
            "mask",
        ),
        notes=tuple(notes),
        reading=encoding,
    )


def _masks(directory: Path, kind: str) -> tuple[dict[str, Path], list[str]]:
    return _files(directory, f"_gtFine_{kind}.png")


def _files(split: Path, end: str) -> tuple[dict[str, Path], list[str]]:
    """List the files ``<id><end>`` in the city folders of a split, by id."""
    found: dict[str, Path] = {}
    faults: list[str] = []
    for city in directory_entries(split):
        for path in directory_entries(city):
            if path.name.startswith(".") or not path.name.endswith(end):
                continue
            id_ = path.name.removesuffix(end)
            if id_ in found:
                faults.append(f"{path}: {id_} is in {found[id_].parent}, too; keep one of them")
            found.setdefault(id_, path)
    return found, faults
