"""Masks: raw ids or colours to label indices, in the one place where that happens."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.data.files.npy import read_npy_ids
from segexp.data.files.pictures import (
    Picture,
    grey_step,
    read_picture,
    row_bands,
    transparent_pixels,
)
from segexp.data.source import SampleFault
from segexp.labels.raw_ids import id_ranges
from segexp.labels.taxonomy import VOID, Color, Taxonomy, to_label_indices

LISTED = 12
"""How many unknown ids or colours of one mask a fault lists."""

MANY = 10_000
"""With more unknown ids or colours it is not a mask, and reading stops."""


def read_png_labels(path: Path, taxonomy: Taxonomy, encoding: str) -> NDArray[np.uint8]:
    """Decode a PNG mask to label indices, uint8 (H, W) with VOID.

    Grey masks hold raw ids in 1 to 16 bits. Palette masks hold them as palette *indices*; the
    palette's colours and their transparency are decoration. RGB masks are read through the
    taxonomy's colours.

    Args:
        path: The mask.
        taxonomy: Whose labels it shows.
        encoding: Which of the taxonomy's numberings the raw ids follow; colours need none.

    Raises:
        SampleFault: When it is damaged, or holds an id or a colour that the taxonomy does not
            name; then with each of them and its pixel count. Also for a mask that was predicted:
            mapped already, its class indices would be mapped once more.
    """
    picture = _read_mask(path)
    if picture.pixels.mode in ("RGB", "RGBA"):
        return labels_from_colors(path, picture, taxonomy, f"the taxonomy {taxonomy.name}")
    return labels_from_ids(path, grey_ids(path, picture), taxonomy, encoding)


def read_npy_labels(path: Path, taxonomy: Taxonomy, encoding: str) -> NDArray[np.uint8]:
    """Read an npy mask of raw ids to label indices, uint8 (H, W) with VOID.

    Raises:
        SampleFault: As `read_png_labels` does.
    """
    return labels_from_ids(path, read_npy_ids(path), taxonomy, encoding)


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


def look_at_mask(path: Path) -> MaskContent:
    """Count the ids or the colours of a mask.

    Raises:
        SampleFault: When it is damaged, or of a kind that holds neither.
    """
    if path.suffix == ".npy":
        return MaskContent(_counts(read_npy_ids(path)), {}, {})
    picture = _read_mask(path)
    if picture.pixels.mode in ("RGB", "RGBA"):
        channels = np.asarray(picture.pixels)[..., :3].astype(np.int32)
        packed = _counts(channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2])
        return MaskContent({}, {(c >> 16, c >> 8 & 255, c & 255): n for c, n in packed.items()}, {})
    ids = _counts(grey_ids(path, picture))
    entries = picture.pixels.getpalette("RGB") if picture.pixels.mode == "P" else None
    rows = np.reshape(entries or [], (-1, 3)).tolist()
    palette = {i: (rows[i][0], rows[i][1], rows[i][2]) for i in ids if i < len(rows)}
    return MaskContent(ids, {}, palette)


def labels_from_ids(
    path: Path, raw: NDArray[Any], taxonomy: Taxonomy, encoding: str
) -> NDArray[np.uint8]:
    """Turn raw ids into label indices.

    Raises:
        SampleFault: With every raw id that the taxonomy does not name, and its pixel count.
    """
    ids = taxonomy.encodings[encoding]
    labels = np.empty(raw.shape, np.uint8)
    unknown: Counter[int] = Counter()
    for band in row_bands(*raw.shape):
        labels[band], found = to_label_indices(raw[band], ids)
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


def _counts(values: NDArray[Any]) -> dict[int, int]:
    found, counts = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _read_mask(path: Path) -> Picture:
    picture = read_picture(path)
    if picture.kind != "PNG":
        why = "masks are read from PNG only"
        if picture.kind in ("JPEG", "WebP"):
            why = "lossy compression changes ids"
        raise SampleFault(f"{path}: a {picture.kind} mask; {why}, save it as PNG")
    if picture.class_indices is not None:
        raise SampleFault(
            f"{path}: a predicted mask: it holds the classes of the mapping "
            f"{picture.class_indices!r}, not raw ids, and would be mapped a second time"
        )
    return picture


def grey_ids(path: Path, picture: Picture) -> NDArray[Any]:
    """Return the numbers that a grey mask or a palette mask holds.

    Raises:
        SampleFault: When it is of another mode.
    """
    mode = picture.pixels.mode
    if mode == "P" or mode.startswith("I"):
        return np.asarray(picture.pixels)
    if mode == "1":
        return np.asarray(picture.pixels).astype(np.uint8)
    if mode == "L":
        return np.asarray(picture.pixels) // np.uint8(grey_step(picture.bits))
    raise SampleFault(f"{path}: a mask of mode {mode}; expected grey, palette or RGB")


def labels_from_colors(
    path: Path, picture: Picture, taxonomy: Taxonomy, called: str
) -> NDArray[np.uint8]:
    """Turn the colours of an RGB mask into label indices.

    Args:
        path: The mask.
        picture: What it holds.
        taxonomy: Whose colours these are.
        called: What a fault calls the taxonomy.

    Raises:
        SampleFault: With every colour that the taxonomy lacks, and its pixel count; also where
            two labels have one colour, or the mask is transparent somewhere.
    """
    if picture.bits != 8:
        raise SampleFault(f"{path}: RGB of {picture.bits} bits a channel; expected 8")
    if transparent_pixels(picture):
        raise SampleFault(
            f"{path}: an RGB mask that is transparent somewhere; its colours are void"
        )
    encoding = _color_encoding(path, taxonomy, called)
    keys = np.array(sorted(encoding), np.int32)
    indices = np.array([encoding[int(key)] for key in keys], np.uint8)
    width, height = picture.pixels.size
    labels = np.empty((height, width), np.uint8)
    unknown: Counter[int] = Counter()
    for band in row_bands(height, width):
        part = picture.pixels.crop((0, band.start, width, band.stop))
        channels = np.asarray(part).astype(np.int32)
        packed = channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2]
        places = np.searchsorted(keys, packed).clip(max=len(keys) - 1)
        labels[band] = indices[places]
        found, counts = np.unique(packed[keys[places] != packed], return_counts=True)
        unknown.update(dict(zip(found[:MANY].tolist(), counts[:MANY].tolist(), strict=True)))
        if len(unknown) >= MANY:
            break
    if unknown:
        colors = {f"({c >> 16}, {c >> 8 & 255}, {c & 255})": n for c, n in sorted(unknown.items())}
        raise SampleFault(f"{path}: colour {counted_values(colors)} not in {called}")
    return labels


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


def counted_values(found: Mapping[str, int]) -> str:
    """Write values with their pixel counts, the first LISTED of them: ``7 (12 px), 8 (1 px)``."""
    shown = [f"{name} ({count} px)" for name, count in islice(found.items(), LISTED)]
    rest = len(found) - len(shown)
    over = "over " if len(found) >= MANY else ""
    return ", ".join(shown) + (f" and {over}{rest} more, all" if rest else "")
