"""Predicted masks of any tool: class indices of a mapping, or its colours.

Not masks of raw ids (`segexp.data.files.masks`): a class index is a place in the mapping's file,
from 0.
"""

from collections import Counter
from collections.abc import Mapping as Dict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.data.files.colors import read_colors
from segexp.data.files.mask_file import grey_ids
from segexp.data.files.masks import counted_colors, counted_values
from segexp.data.files.npy import read_npy_ids
from segexp.data.files.pictures import Picture, read_picture
from segexp.data.source import SampleFault
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID, Color, Label, Taxonomy, to_label_indices

NONE = VOID
"""What a decided mask holds where it names no class: 255, or the colour of void. It is wrong
wherever the truth is not void."""


def read_decided(path: Path, mapping: Mapping) -> NDArray[np.uint8]:
    """Read a predicted mask, uint8 (H, W): classes of the mapping, or NONE.

    Grey PNG and npy files hold class indices, RGB ones colours. A palette PNG holds indices, too,
    unless its colours are all classes and its indices are not. A mask that reads differently both
    ways is refused.

    Args:
        path: A PNG or npy file.
        mapping: Whose classes were predicted.

    Raises:
        SampleFault: When it is damaged, holds what is not a class of the mapping (with the pixel
            counts, and a guess at what it is), or says itself that it is of another mapping.
    """
    if path.suffix.lower() == ".npy":
        return _from_indices(path, read_npy_ids(path), mapping)
    picture = read_picture(path)
    if picture.kind != "PNG":
        raise SampleFault(f"{path}: a {picture.kind} file; predicted masks are PNG or npy")
    if picture.class_indices not in (None, mapping.name):
        raise SampleFault(
            f"{path}: says that it holds the classes of the mapping {picture.class_indices!r}, not "
            f"of {mapping.name!r}; say so with --mapping-of NAME={picture.class_indices}"
        )
    if picture.pixels.mode in ("RGB", "RGBA"):
        return _from_colors(path, picture, mapping)
    indices = grey_ids(path, picture)
    # segexp's own masks say that they hold indices; their palette is for people.
    if picture.pixels.mode == "P" and picture.class_indices is None:
        return _from_palette(path, picture, indices, mapping)
    return _from_indices(path, indices, mapping)


def _from_indices(path: Path, indices: NDArray[Any], mapping: Mapping) -> NDArray[np.uint8]:
    classes, unknown = to_label_indices(indices, _indices(mapping))
    if unknown:
        count = len(mapping.classes)
        listing = counted_values({str(i): n for i, n in sorted(unknown.items())})
        raise SampleFault(
            f"{path}: {listing} is not a class index of {mapping.name}, which has 0 to "
            f"{count - 1}, and {NONE} for none{_what_they_are(indices, mapping)}"
        )
    return classes


def _from_colors(path: Path, picture: Picture, mapping: Mapping) -> NDArray[np.uint8]:
    try:
        called = f"the mapping {mapping.name}"
        read = read_colors(path, picture, _as_taxonomy(mapping), called)
        if read.unknown:
            raise SampleFault(f"{path}: colour {counted_colors(read.unknown)} not in {called}")
        return read.labels
    except SampleFault as fault:
        pixels = np.asarray(picture.pixels)[..., :3]
        if not (pixels == pixels[..., :1]).all():
            raise
        raise SampleFault(
            f"{fault}; it is grey in three channels: save class indices as one channel"
        ) from None


def _from_palette(
    path: Path, picture: Picture, indices: NDArray[Any], mapping: Mapping
) -> NDArray[np.uint8]:
    used = np.unique(indices).tolist()
    by_color = _read_palette(picture, used, mapping)
    known = _indices(mapping)
    by_index = {i: known[i] for i in used if i in known}
    if len(by_index) < len(used) and by_color is not None:
        table = np.full(256, NONE, np.uint8)
        table[list(by_color)] = list(by_color.values())
        classes: NDArray[np.uint8] = table[indices]
        return classes
    if by_color is not None and by_color != by_index and len(by_index) == len(used):
        i = next(i for i in used if by_color[i] != by_index[i])
        raise SampleFault(
            f"{path}: index {i} is class {_name(by_index[i], mapping)!r} of {mapping.name}, and "
            f"its palette shows it in the colour of {_name(by_color[i], mapping)!r}: save it grey, "
            "or as RGB, so that it can be read in one way only"
        )
    return _from_indices(path, indices, mapping)


def _read_palette(picture: Picture, used: list[int], mapping: Mapping) -> dict[int, int] | None:
    """Return the class of each used index by its colour; None where not all colours are classes."""
    colors: Counter[Color] = Counter(c.color for c in mapping.classes)
    if max(colors.values()) > 1:
        return None  # classes share colours: the palette is no evidence
    classes = {mapping.taxonomy.void_color: NONE}
    classes |= {c.color: i for i, c in enumerate(mapping.classes)}
    entries = np.reshape(picture.pixels.getpalette("RGB") or [], (-1, 3)).tolist()
    found = {i: classes.get((*entries[i],)) for i in used if i < len(entries)}
    if len(found) < len(used) or None in found.values():
        return None
    return {i: index for i, index in found.items() if index is not None}


def _indices(mapping: Mapping) -> Dict[int, int]:
    return {**{i: i for i in range(len(mapping.classes))}, NONE: NONE}


def _as_taxonomy(mapping: Mapping) -> Taxonomy:
    """Return the classes of a mapping as a taxonomy whose raw ids are their indices."""
    labels = tuple(Label(c.name, c.color) for c in mapping.classes)
    return Taxonomy(
        mapping.name, labels, {"default": _indices(mapping)}, mapping.taxonomy.void_color
    )


def _what_they_are(indices: NDArray[Any], mapping: Mapping) -> str:
    """Guess what a mask holds whose numbers are not class indices; empty where nothing fits."""
    used = {int(i) for i in np.unique(indices)}
    classes = used - {NONE}
    if min(classes) == 1 and max(classes) == len(mapping.classes):
        return "; 1 to the number of classes: subtract 1, class indices begin at 0"
    for name, encoding in mapping.taxonomy.encodings.items():
        if used <= set(encoding):
            numbering = "" if name == "default" else f" ({name})"
            return (
                f"; all are raw ids of the taxonomy {mapping.taxonomy.name}{numbering}: a "
                "prediction holds the places of the classes in the mapping's file, from 0"
            )
    return ""


def _name(index: int, mapping: Mapping) -> str:
    return "none" if index == NONE else mapping.names[index]
