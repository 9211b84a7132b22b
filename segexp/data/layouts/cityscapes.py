"""The official Cityscapes tree: ``{leftImg8bit,gtFine}/<split>/<city>/``."""

import re
from dataclasses import replace
from pathlib import Path

from segexp.core.errors import InputError
from segexp.data.layout import Layout, Places
from segexp.data.layouts._pairing import (
    Listing,
    directory_entries,
    join,
    misnamed,
    present,
    source_of,
)
from segexp.data.source import SPLITS, Source
from segexp.labels.taxonomy import Taxonomy

PARTS = ("leftImg8bit", "gtFine")
IMAGE_END = "_leftImg8bit.png"
ENCODINGS = {"labelIds": "labelIds", "labelTrainIds": "default"}
"""The masks' file names, and the taxonomy's encoding that they are written in."""


def open_cityscapes(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images and fine masks of ``root``.

    The masks are ``labelIds``, or ``labelTrainIds`` when there are more of these. A test
    split without masks is left out with a note.

    Raises:
        InputError: When the taxonomy has no encoding for these masks.
    """
    images_root, masks_root = (root / part for part in PARTS)
    kind = max(ENCODINGS, key=lambda k: sum(len(_masks(masks_root / s, k)[0]) for s in SPLITS))
    encoding = ENCODINGS[kind]
    if encoding not in taxonomy.encodings:
        raise InputError(
            f"{root}: the masks are written in {kind}, but the taxonomy {taxonomy.name} has no "
            f"encoding {encoding!r}; it has {', '.join(taxonomy.encodings)}"
        )
    listings: dict[str, Listing] = {}
    notes: list[str] = []
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
        faults = (*image_faults, *mask_faults, *joined.faults)
        listings[split] = replace(joined, faults=faults)
    return source_of(root, taxonomy, listings, encoding=encoding, notes=notes)


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


def _nearly(root: Path) -> str | None:
    """Name the two halves if each was unpacked into a folder of its own, and wrong capitals."""
    inside = [path for path in directory_entries(root) if path.is_dir()]
    halves = {part: path / part for part in PARTS for path in inside if (path / part).is_dir()}
    if len(halves) == 2:
        places = " and ".join(map(str, halves.values()))
        return f"put {places} beside each other into one folder, and give that"
    lower = [part.lower() for part in PARTS]
    return misnamed((path for path in inside if path.name.lower() in lower), root)


LAYOUT = Layout(
    form="leftImg8bit/ with gtFine/",
    recognised=lambda root: ", ".join(present(root, PARTS)) or None,
    open=open_cityscapes,
    taxonomy=lambda root: "cityscapes19",
    places=Places(
        re.compile(r"(?P<city>[^_]+)_(?P<sequence>\d+)_(?P<frame>\d+)"),
        {"city": ("city",), "sequence": ("city", "sequence")},
    ),
    pairs=(PARTS,),
    nearly=_nearly,
)
