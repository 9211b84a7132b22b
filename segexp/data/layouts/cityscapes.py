"""Cityscapes: files named ``<city>_<sequence>_<frame>_leftImg8bit`` and ``..._gtFine_labelIds``.

    leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png
    gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png
    gtFine/train/aachen/*_gtFine_labelTrainIds.png     read where there are more of these
    gtFine/train/aachen/*_gtFine_color.png             read where there are no ids
    gtFine/train/aachen/*_gtFine_instanceIds.png       left out
    gtCoarse/                                          read where there is no gtFine
    leftImg8bit/train_extra/                           left out

The official archives may be unpacked into one folder or into one each; the folders of cities may be
missing; ``<split>/{img,label}/`` is read, too, and JPEG images.
"""

import re
from dataclasses import replace
from pathlib import Path

from segexp.data.files.masks import read_labels
from segexp.data.layout import Layout, Places
from segexp.data.layouts._cityscapes_masks import (
    LABEL_IDS,
    READING,
    SHARED,
    TRAIN_IDS,
    known_kind,
    read_color_labels,
)
from segexp.data.layouts._named import named_source
from segexp.data.layouts._tree import File, files_below
from segexp.data.layouts._words import Role
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MASK_SUFFIXES = (".png",)
KINDS = (LABEL_IDS, TRAIN_IDS)

ANNOTATIONS = ("gtFine", "gtCoarse")
"""The first that is there is read."""

EXTRA = "train_extra"
"""The folder of images that have coarse annotations only."""

_IMAGE = re.compile(r".+_leftImg8bit")
_MASK = re.compile(rf".+_({'|'.join(ANNOTATIONS)})_.+")


def open_cityscapes(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images and masks of ``root``.

    The masks are ``gtFine``, or ``gtCoarse`` where there are no others; ``labelIds``, or
    ``labelTrainIds`` when there are more of these, or colours where there are no ids. A test split
    without masks is left out with a note, and so are the coarse extra images.

    Raises:
        InputError: When the taxonomy has no encoding for these masks.
    """
    files = [file for file in files_below(root) if EXTRA not in file.path.parts]
    stems = [file.stem for file in files if file.suffix in MASK_SUFFIXES]
    there = [a for a in ANNOTATIONS if any(f"_{a}_" in stem for stem in stems)]
    annotation = (*there, *ANNOTATIONS)[0]
    counts = {kind: sum(stem.endswith(f"_{annotation}_{kind}") for stem in stems) for kind in KINDS}
    kind, encoding = "color", READING
    if any(counts.values()) or not any(stem.endswith(f"_{annotation}_color") for stem in stems):
        kind, encoding = known_kind(root, taxonomy, counts)
    end = f"_{annotation}_{kind}"
    images = [_named(file, "image") for file in files if _is_image(file)]
    masks = [_named(file, "mask") for file in files if file.stem.endswith(end)]
    return named_source(
        root,
        taxonomy,
        [*images, *masks],
        image_ends="_leftImg8bit",
        mask_ends=end,
        suffixes=(IMAGE_SUFFIXES, MASK_SUFFIXES),
        encoding=encoding,
        notes=[f"{root}: {SHARED}"] if kind == "color" else [],
        read_labels=read_color_labels if kind == "color" else read_labels,
    )


def _named(file: File, role: Role) -> File:
    """Return a file whose name alone says what it is and where it was taken."""
    return replace(file, role=role, kind=(), rest=())


def _is_image(file: File) -> bool:
    return file.suffix in IMAGE_SUFFIXES and _IMAGE.fullmatch(file.stem) is not None


def _recognised(root: Path) -> str | None:
    """Name what is there of ``leftImg8bit`` and ``gtFine``."""
    seen: dict[str, None] = {}
    for file in files_below(root):
        mask = _MASK.fullmatch(file.stem)
        if mask or _is_image(file):
            seen[mask[1] if mask else "leftImg8bit"] = None
    return ", ".join(f"*_{name}*" for name in seen) or None


LAYOUT = Layout(
    form="*_leftImg8bit.png with *_gtFine_labelIds.png",
    recognised=_recognised,
    open=open_cityscapes,
    taxonomy=lambda root: "cityscapes19",
    places=Places(
        re.compile(r"(?P<city>[^_]+)_(?P<sequence>\d+)_(?P<frame>\d+)"),
        {"city": ("city",), "sequence": ("city", "sequence")},
    ),
    rather_than=("folder",),
)
