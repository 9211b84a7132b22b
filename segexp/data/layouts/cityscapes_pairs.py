"""Cityscapes as pairs in one picture: the photo on the left, its mask in colours on the right.

    train/1.jpg      512x256 pixels; Kaggle's "cityscapes-image-pairs", made for pix2pix
    val/1.jpg

JPEG has changed the colours, so each pixel is taken for the label with the nearest one. Along edges
that is often a third label: the masks are worse than those of the official archives.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.data.files.colors import read_colors
from segexp.data.files.images import read_rgb
from segexp.data.files.mask_file import MaskFile, read_mask
from segexp.data.files.masks import labels_of
from segexp.data.files.pictures import Picture
from segexp.data.layout import Layout
from segexp.data.layouts._cityscapes_masks import (
    READING,
    SHARED,
    read_color_labels,
    with_void_colors,
)
from segexp.data.layouts._named import folder_with
from segexp.data.layouts._pairing import join, source_of
from segexp.data.layouts._tree import files_below
from segexp.data.source import AS_STORED, MaskRules, SampleFault, Source
from segexp.labels.taxonomy import Taxonomy

SIZE = (512, 256)
"""Width and height of a pair."""

NEAREST_COLOR = 48
"""How far a colour may be from a label's: what is farther, 2 to 3% in trials, is void."""

LOOKED_AT = 8
"""Pairs whose colours are counted when the folder is opened."""

ROAD = (128, 64, 128)
LEAST_ROAD = 0.05
"""So much of some right half has the colour of road: pix2pix has other pictures in this form."""


def open_cityscapes_pairs(root: Path, taxonomy: Taxonomy) -> Source:
    """List the pairs; each file is the image and the mask of its number."""
    splits: dict[str, dict[str, Path]] = {"train": {}, "val": {}}
    for file in files_below(root):
        if file.split in splits and re.fullmatch(r"\d+\.jpe?g", file.path.name):
            splits[file.split][file.stem] = file.path
    listings = {split: join(pairs, pairs, root, root) for split, pairs in splits.items()}
    first = islice(splits["train"].values(), LOOKED_AT)
    return source_of(
        root,
        taxonomy,
        listings,
        encoding=READING,
        notes=(f"{root}: {SHARED}", *_share_note(root, taxonomy, first)),
        read_image=read_left,
        read_labels=read_right,
    )


def read_left(path: Path) -> NDArray[np.uint8]:
    """Decode the photo of a pair, uint8 (H, W, 3).

    Raises:
        SampleFault: When it cannot be read or has another size.
    """
    pixels = read_rgb(path)
    _check_size(path, pixels.shape[1], pixels.shape[0])
    return np.ascontiguousarray(pixels[:, : SIZE[0] // 2])


def read_right(
    path: Path, taxonomy: Taxonomy, encoding: str, rules: MaskRules = AS_STORED
) -> NDArray[np.uint8]:
    """Decode the mask of a pair by the nearest colours to label indices, uint8 (H, W).

    Raises:
        SampleFault: When it cannot be read or has another size, or too many pixels have a colour
            that is near no label's.
    """
    return read_color_labels(path, taxonomy, encoding, _with_distance(rules), _read_nearest)


def _read_nearest(
    path: Path, taxonomy: Taxonomy, encoding: str, rules: MaskRules
) -> NDArray[np.uint8]:
    return labels_of(path, MaskFile(None, _right(path, rules)), taxonomy, encoding, rules)


def _with_distance(rules: MaskRules) -> MaskRules:
    return replace(rules, nearest_color=rules.nearest_color or NEAREST_COLOR)


def _right(path: Path, rules: MaskRules) -> Picture:
    picture = read_mask(path, rules).picture
    if picture is None:
        raise SampleFault(f"{path}: not a picture")
    _check_size(path, picture.pixels.width, picture.pixels.height)
    return replace(picture, pixels=picture.pixels.crop((SIZE[0] // 2, 0, *SIZE)))


def _check_size(path: Path, width: int, height: int) -> None:
    if (width, height) != SIZE:
        raise SampleFault(
            f"{path}: {width}x{height} pixels; a photo beside its mask has {SIZE[0]}x{SIZE[1]}"
        )


def _share_note(root: Path, taxonomy: Taxonomy, paths: Iterable[Path]) -> list[str]:
    """Say how many pixels of a few masks are not exactly a label's colour."""
    try:
        inexact, far = _inexact(taxonomy, paths)
    except SampleFault:  # `check.check_source` lists it
        return []
    return [
        f"{root}: {inexact:.0%} of the pixels of the first masks have no label's colour exactly "
        f"and are read as the nearest one's; {far:.1%} are farther than {NEAREST_COLOR} and void"
    ]


def _inexact(taxonomy: Taxonomy, paths: Iterable[Path]) -> tuple[float, float]:
    """Return the shares of pixels whose colour is no label's, and near no label's."""
    rules = _with_distance(AS_STORED)
    known = with_void_colors(taxonomy)
    read = [read_colors(path, _right(path, rules), known, "Cityscapes", rules) for path in paths]
    pixels = max(1, sum(each.labels.size for each in read))
    return sum(r.inexact for r in read) / pixels, sum(r.far for r in read) / pixels


def _recognised(root: Path) -> str | None:
    folder = folder_with(root, "train/[0-9]*.jpg", "val/[0-9]*.jpg")
    if folder is None or any(file.suffix == ".png" for file in files_below(root)):
        return None
    first = islice(folder.glob("train/[0-9]*.jpg"), LOOKED_AT)
    try:
        found = any(_has_road(_right(path, _with_distance(AS_STORED))) for path in first)
    except SampleFault:
        return None
    return "train/*.jpg, a photo beside a mask in each" if found else None


def _has_road(picture: Picture) -> bool:
    colors = np.asarray(picture.pixels.convert("RGB")).astype(np.int32)
    near = ((colors - ROAD) ** 2).sum(axis=2) <= NEAREST_COLOR**2
    return bool(near.mean() >= LEAST_ROAD)


LAYOUT = Layout(
    form="train/1.jpg of 512x256, a photo beside its mask in colours",
    recognised=_recognised,
    open=open_cityscapes_pairs,
    taxonomy=lambda root: "cityscapes19",
    rather_than=("folder",),
)
