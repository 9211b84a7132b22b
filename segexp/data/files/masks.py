"""Masks: raw ids or colours to label indices, in the one place where that happens."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.data.files.colors import MANY, MAX_FAR, count_colors, read_colors
from segexp.data.files.mask_advice import advice_on_colors, advice_on_ids
from segexp.data.files.mask_file import MaskFile, read_mask
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
    return labels_of(path, read_mask(path, rules), taxonomy, encoding, rules)


def labels_of(
    path: Path, held: MaskFile, taxonomy: Taxonomy, encoding: str, rules: MaskRules
) -> NDArray[np.uint8]:
    """Do as `read_labels` does, of a mask that is decoded."""
    if held.ids is not None:
        return _labels_from_ids(path, held.ids, taxonomy, encoding, rules)
    assert held.picture is not None
    return _labels_from_colors(path, held.picture, taxonomy, encoding, rules)


def inexact_pixels(path: Path, taxonomy: Taxonomy, rules: MaskRules) -> tuple[int, int]:
    """Count the pixels of a mask whose colour is no label's, and those too far from all of them.

    Raises:
        SampleFault: As `read_labels` does.
    """
    held = read_mask(path, rules)
    if held.picture is None or held.ids is not None:
        return 0, 0
    read = read_colors(path, held.picture, taxonomy, f"the taxonomy {taxonomy.name}", rules)
    return read.inexact, read.far


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
    if held.ids is not None:
        ids = _count_ids(held.ids, rules)
        return MaskContent(ids, {}, {i: color for i, color in held.palette.items() if i in ids})
    assert held.picture is not None
    return MaskContent({}, count_colors(held.picture, rules), {})


def _labels_from_ids(
    path: Path, raw: NDArray[Any], taxonomy: Taxonomy, encoding: str, rules: MaskRules
) -> NDArray[np.uint8]:
    ids = {**taxonomy.encodings[encoding], **dict(rules.ids)}
    labels = np.empty(raw.shape, np.uint8)
    unknown: Counter[int] = Counter()
    for rows in row_bands(*raw.shape):
        labels[rows], found = to_label_indices(_divided(raw[rows], rules), ids)
        unknown.update(dict(islice(found.items(), MANY)))
        if len(unknown) >= MANY:
            break
    if unknown:
        listing = counted_values({str(raw_id): n for raw_id, n in sorted(unknown.items())})
        numbering = "" if encoding == "default" else f" ({encoding})"
        advice = ""
        if len(unknown) < MANY:
            advice = advice_on_ids(_count_ids(raw, rules), ids, taxonomy)
        raise SampleFault(
            f"{path}: raw id {listing} not in the taxonomy {taxonomy.name}{numbering}, "
            f"which knows {id_ranges(ids)}{advice}"
        )
    return labels


def _labels_from_colors(
    path: Path, picture: Picture, taxonomy: Taxonomy, encoding: str, rules: MaskRules
) -> NDArray[np.uint8]:
    called = f"the taxonomy {taxonomy.name}"
    read = read_colors(path, picture, taxonomy, called, rules)
    if read.unknown:
        advice = ""
        if len(read.unknown) < MANY:
            known = {**taxonomy.encodings[encoding], **dict(rules.ids)}
            advice = advice_on_colors(count_colors(picture, rules), taxonomy, known)
        raise SampleFault(f"{path}: colour {counted_colors(read.unknown)} not in {called}{advice}")
    if read.far > MAX_FAR * read.labels.size:
        raise SampleFault(
            f"{path}: {read.far / read.labels.size:.1%} of the pixels are more than "
            f"{rules.nearest_color} away from every colour of {called}; up to {MAX_FAR:.0%} are "
            "taken for void: give the taxonomy the label that is missing, or set a larger "
            "`data.masks: {nearest_color: ...}`"
        )
    return read.labels


def _divided(raw: NDArray[Any], rules: MaskRules) -> NDArray[Any]:
    return raw if rules.divide == 1 else raw.astype(np.int64) // rules.divide


def _count_ids(raw: NDArray[Any], rules: MaskRules) -> dict[int, int]:
    counts: Counter[int] = Counter()
    for rows in row_bands(*raw.shape):
        found, pixels = np.unique(_divided(raw[rows], rules), return_counts=True)
        counts.update(dict(zip(found.tolist(), pixels.tolist(), strict=True)))
    return dict(sorted(counts.items()))


def counted_colors(found: Mapping[Color, int]) -> str:
    """Write colours with their pixel counts, as `counted_values` does."""
    return counted_values({str(color): count for color, count in found.items()})


def counted_values(found: Mapping[str, int]) -> str:
    """Write values with their pixel counts, the first LISTED of them: ``7 (12 px), 8 (1 px)``."""
    shown = [f"{name} ({count} px)" for name, count in islice(found.items(), LISTED)]
    rest = len(found) - len(shown)
    over = "over " if len(found) >= MANY else ""
    return ", ".join(shown) + (f" and {over}{rest} more, all" if rest else "")
