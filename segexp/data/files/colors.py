"""Colours of a mask to label indices: exact ones, or the nearest label's."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.data.files.mask_file import colors_in
from segexp.data.files.pictures import Picture, row_bands, transparent_pixels
from segexp.data.source import AS_STORED, MaskRules, SampleFault
from segexp.labels.taxonomy import VOID, Color, Taxonomy

MANY = 10_000
"""With more unknown colours it is not a mask, and reading stops."""

MAX_FAR = 0.2
"""The largest share of pixels that may be too far from every colour; they are void."""

_AT_ONCE = 1 << 16
"""Colours whose distances are computed at once."""


@dataclass(frozen=True)
class ColorsRead:
    """A mask read by its colours.

    Attributes:
        labels: Label indices, uint8 (H, W), VOID where no colour is near enough.
        inexact: Pixels that have no label's colour exactly.
        far: Those of them that are too far from every label's colour.
        unknown: Colour -> pixels, where colours must be exact: up to about MANY of those that no
            label has.
    """

    labels: NDArray[np.uint8]
    inexact: int
    far: int
    unknown: Mapping[Color, int]


def read_colors(
    path: Path, picture: Picture, taxonomy: Taxonomy, called: str, rules: MaskRules = AS_STORED
) -> ColorsRead:
    """Find the label of each colour of a mask.

    Args:
        path: The mask.
        picture: What it holds.
        taxonomy: Whose colours these are.
        called: What a fault calls the taxonomy.
        rules: Which channel is red, and how far a colour may be from a label's.

    Raises:
        SampleFault: Where two labels have one colour, the mask has over 8 bits a channel, or is
            transparent somewhere.
    """
    if picture.bits > 8:
        raise SampleFault(f"{path}: RGB of {picture.bits} bits a channel; expected 8")
    if picture.pixels.mode != "P" and transparent_pixels(picture):
        raise SampleFault(
            f"{path}: an RGB mask that is transparent somewhere; its colours are void: save it "
            "without the alpha channel"
        )
    encoding = _color_encoding(path, taxonomy, called)
    keys = np.array(sorted(encoding), np.int32)
    indices = np.array([encoding[int(key)] for key in keys], np.uint8)
    height, width = picture.pixels.height, picture.pixels.width
    labels = np.empty((height, width), np.uint8)
    unknown: Counter[int] = Counter()
    inexact = far = 0
    for rows in row_bands(height, width):
        packed = _packed(colors_in(picture, rows, rules))
        places = np.searchsorted(keys, packed).clip(max=len(keys) - 1)
        band = indices[places]
        is_other = keys[places] != packed
        found, inverse, counts = np.unique(
            packed[is_other], return_inverse=True, return_counts=True
        )
        inexact += int(counts.sum())
        if rules.nearest_color:
            near = _nearest(found, keys, rules.nearest_color)
            far += int(counts[near < 0].sum())
            band[is_other] = np.where(near < 0, VOID, indices[near])[inverse]
        else:
            unknown.update(dict(zip(found[:MANY].tolist(), counts[:MANY].tolist(), strict=True)))
            if len(unknown) >= MANY:
                break
        labels[rows] = band
    colors = {_unpacked(c): n for c, n in sorted(unknown.items())}
    return ColorsRead(labels, inexact, far, colors)


def count_colors(picture: Picture, rules: MaskRules) -> dict[Color, int]:
    """Count the pixels of each colour of a mask."""
    counts: Counter[int] = Counter()
    for rows in row_bands(picture.pixels.height, picture.pixels.width):
        found, pixels = np.unique(_packed(colors_in(picture, rows, rules)), return_counts=True)
        counts.update(dict(zip(found.tolist(), pixels.tolist(), strict=True)))
    return {_unpacked(color): n for color, n in sorted(counts.items())}


def _unpacked(packed: int) -> Color:
    return packed >> 16, packed >> 8 & 255, packed & 255


def _packed(colors: NDArray[np.uint8]) -> NDArray[np.int32]:
    channels = colors.astype(np.int32)
    packed: NDArray[np.int32] = channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2]
    return packed


def _nearest(found: NDArray[np.int32], keys: NDArray[np.int32], distance: int) -> NDArray[np.int64]:
    """Return the place of the nearest key by Euclidean distance, -1 where none is so near."""
    known = _channels(keys)
    nearest = np.empty(len(found), np.int64)
    for start in range(0, len(found), _AT_ONCE):
        part = _channels(found[start : start + _AT_ONCE])
        squares = np.stack([((part - color) ** 2).sum(axis=1) for color in known])
        best = squares.argmin(axis=0)
        best[squares.min(axis=0) > distance**2] = -1
        nearest[start : start + _AT_ONCE] = best
    return nearest


def _channels(packed: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1)


def _color_encoding(path: Path, taxonomy: Taxonomy, called: str) -> Mapping[int, int]:
    """Return the label index of each colour; a label that has void's colour comes first."""
    red, green, blue = taxonomy.void_color
    places = {red << 16 | green << 8 | blue: VOID}
    for place, (red, green, blue) in enumerate(taxonomy.colors):
        packed = red << 16 | green << 8 | blue
        if places.get(packed, VOID) != VOID:
            raise SampleFault(
                f"{path}: an RGB mask, but {called} gives the colour "
                f"({red}, {green}, {blue}) to {taxonomy.names[places[packed]]!r} and to "
                f"{taxonomy.names[place]!r}; a taxonomy for RGB masks has one label for a colour"
            )
        places[packed] = place
    return places
