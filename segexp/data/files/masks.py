"""Masks: raw ids or colours to label indices, in the one place where that happens."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.data.files.colors import MANY, MAX_FAR, packed_colors, read_colors, unpacked
from segexp.data.files.mask_file import colors_in, read_mask
from segexp.data.files.pictures import Picture, row_bands
from segexp.data.source import AS_STORED, MaskRules, SampleFault
from segexp.labels.raw_ids import id_ranges
from segexp.labels.taxonomy import Color, Taxonomy, to_label_indices

LISTED = 12
"""How many unknown ids or colours of one mask a fault lists."""


def read_labels(
    path: Path, taxonomy: Taxonomy, encoding: str, rules: MaskRules = AS_STORED
) -> NDArray[np.uint8]:
    """Decode a mask to label indices, uint8 (H, W) with VOID.

    Grey masks and arrays hold raw ids. Palette masks hold them as palette *indices*; the
    palette's colours and their transparency are decoration. RGB masks are read through the
    taxonomy's colours.

    Args:
        path: The mask, of any kind that `mask_file.read_mask` opens.
        taxonomy: Whose labels it shows.
        encoding: Which of the taxonomy's numberings the raw ids follow; colours need none.
        rules: How it is read where neither its content nor the taxonomy says it.

    Raises:
        SampleFault: When it is damaged, or holds an id or a colour that the taxonomy does not
            name; then with each of them and its pixel count. Also for a mask that was predicted.
    """
    held = read_mask(path, rules)
    if held.ids is not None:
        return labels_from_ids(path, held.ids, taxonomy, encoding, rules)
    assert held.picture is not None
    return labels_from_colors(path, held.picture, taxonomy, f"the taxonomy {taxonomy.name}", rules)


@dataclass(frozen=True)
class MaskContent:
    """What a mask holds, whether a taxonomy knows it or not.

    Attributes:
        ids: Raw id -> pixels; empty for an RGB mask.
        colors: Colour -> pixels of an RGB mask; else empty.
        palette: Raw id -> the colour that a palette mask is drawn in, of the ids that occur.
    """

    ids: Mapping[int, int]
    colors: Mapping[Color, int]
    palette: Mapping[int, Color]


def look_at_mask(path: Path, rules: MaskRules = AS_STORED) -> MaskContent:
    """Count the ids, after their division, or the colours of a mask.

    Raises:
        SampleFault: When it is damaged, or of a kind that holds neither.
    """
    held = read_mask(path, rules)
    found: Counter[int] = Counter()
    if held.ids is not None:
        for rows in row_bands(*held.ids.shape):
            found.update(_counts(divided(held.ids[rows], rules)))
        palette = {i: color for i, color in held.palette.items() if i in found}
        return MaskContent(dict(sorted(found.items())), {}, palette)
    assert held.picture is not None
    for rows in row_bands(held.picture.pixels.height, held.picture.pixels.width):
        found.update(_counts(packed_colors(colors_in(held.picture, rows, rules))))
    return MaskContent({}, {unpacked(color): n for color, n in sorted(found.items())}, {})


def labels_from_ids(
    path: Path,
    raw: NDArray[Any],
    taxonomy: Taxonomy,
    encoding: str,
    rules: MaskRules = AS_STORED,
) -> NDArray[np.uint8]:
    """Turn raw ids into label indices.

    Raises:
        SampleFault: With every raw id that the taxonomy does not name, and its pixel count.
    """
    ids = {**taxonomy.encodings[encoding], **dict(rules.ids)}
    labels = np.empty(raw.shape, np.uint8)
    unknown: Counter[int] = Counter()
    for rows in row_bands(*raw.shape):
        labels[rows], found = to_label_indices(divided(raw[rows], rules), ids)
        unknown.update(dict(islice(found.items(), MANY)))
        if len(unknown) >= MANY:
            break
    if unknown:
        listing = counted_values({str(raw_id): n for raw_id, n in sorted(unknown.items())})
        numbering = "" if encoding == "default" else f" ({encoding})"
        raise SampleFault(
            f"{path}: raw id {listing} not in the taxonomy {taxonomy.name}{numbering}, "
            f"which knows {id_ranges(ids)}"
        )
    return labels


def divided(raw: NDArray[Any], rules: MaskRules) -> NDArray[Any]:
    """Return the raw ids of the numbers in a mask."""
    return raw if rules.divide == 1 else raw.astype(np.int64) // rules.divide


def labels_from_colors(
    path: Path, picture: Picture, taxonomy: Taxonomy, called: str, rules: MaskRules = AS_STORED
) -> NDArray[np.uint8]:
    """Turn the colours of a mask into label indices.

    Args:
        path: The mask.
        picture: What it holds.
        taxonomy: Whose colours these are.
        called: What a fault calls the taxonomy.
        rules: Which channel is red, and how far a colour may be from a label's.

    Raises:
        SampleFault: With every colour that the taxonomy lacks, and its pixel count; where over
            MAX_FAR of the pixels are too far from every colour; also as `read_colors` does.
    """
    read = read_colors(path, picture, taxonomy, called, rules)
    if read.unknown:
        listing = counted_values({str(color): n for color, n in read.unknown.items()})
        raise SampleFault(f"{path}: colour {listing} not in {called}")
    if read.far > MAX_FAR * read.labels.size:
        raise SampleFault(
            f"{path}: {read.far / read.labels.size:.1%} of the pixels are more than "
            f"{rules.nearest_color} away from every colour of {called}; up to {MAX_FAR:.0%} are "
            "taken for void: set a larger `data.masks: {nearest_color: ...}` if these are its "
            "colours"
        )
    return read.labels


def _counts(values: NDArray[Any]) -> dict[int, int]:
    found, counts = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def counted_values(found: Mapping[str, int]) -> str:
    """Write values with their pixel counts, the first LISTED of them: ``7 (12 px), 8 (1 px)``."""
    shown = [f"{name} ({count} px)" for name, count in islice(found.items(), LISTED)]
    rest = len(found) - len(shown)
    over = "over " if len(found) >= MANY else ""
    return ", ".join(shown) + (f" and {over}{rest} more, all" if rest else "")
