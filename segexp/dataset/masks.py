"""Masks: raw ids or colours to label indices, in the one place where that happens."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.dataset.image_file import Picture, read_picture
from segexp.dataset.npy_file import read_npy_ids
from segexp.dataset.source import SampleFault
from segexp.raw_id_check import id_ranges
from segexp.taxonomy import VOID, Taxonomy, to_label_indices

LISTED = 12
"""How many unknown ids or colours of one mask a fault lists."""


def read_png_labels(path: Path, taxonomy: Taxonomy, encoding: str) -> NDArray[np.uint8]:
    """Decode a PNG mask to label indices, uint8 (H, W) with VOID.

    Grey masks hold raw ids in 1 to 16 bits. Palette masks hold them as palette *indices*; the
    palette's colours are decoration. RGB masks are read through the taxonomy's colours.

    Args:
        path: The mask.
        taxonomy: Whose labels it shows.
        encoding: Which of the taxonomy's numberings the raw ids follow; colours need none.

    Raises:
        SampleFault: When it is damaged, or holds an id or a colour that the taxonomy does not
            name; then with each of them and its pixel count.
    """
    picture = read_picture(path)
    if picture.kind != "PNG":
        raise SampleFault(f"{path}: a {picture.kind} mask; lossy compression changes ids, use PNG")
    if picture.pixels.mode in ("RGB", "RGBA"):
        return _labels_from_colors(path, picture, taxonomy)
    return labels_from_ids(path, _raw_ids(path, picture), taxonomy, encoding)


def read_npy_labels(path: Path, taxonomy: Taxonomy, encoding: str) -> NDArray[np.uint8]:
    """Read an npy mask of raw ids to label indices, uint8 (H, W) with VOID.

    Raises:
        SampleFault: As `read_png_labels` does.
    """
    return labels_from_ids(path, read_npy_ids(path), taxonomy, encoding)


def read_raw_ids(path: Path) -> NDArray[Any] | None:
    """Read the raw ids of a mask, integers (H, W), whether a taxonomy knows them or not.

    Returns:
        None for an RGB mask: it holds colours.

    Raises:
        SampleFault: When it is damaged, or of a kind that holds no ids.
    """
    if path.suffix == ".npy":
        return read_npy_ids(path)
    picture = read_picture(path)
    return None if picture.pixels.mode in ("RGB", "RGBA") else _raw_ids(path, picture)


def labels_from_ids(
    path: Path, raw: NDArray[Any], taxonomy: Taxonomy, encoding: str
) -> NDArray[np.uint8]:
    """Turn raw ids into label indices.

    Raises:
        SampleFault: With every raw id that the taxonomy does not name, and its pixel count.
    """
    ids = taxonomy.encodings[encoding]
    labels, unknown = to_label_indices(raw, ids)
    if unknown:
        listing = _counted({str(raw_id): count for raw_id, count in unknown.items()})
        numbering = "" if encoding == "default" else f" ({encoding})"
        raise SampleFault(
            f"{path}: raw id {listing} not in the taxonomy {taxonomy.name}{numbering}, "
            f"which knows {id_ranges(ids)}"
        )
    return labels


def _raw_ids(path: Path, picture: Picture) -> NDArray[Any]:
    mode = picture.pixels.mode
    if mode == "P" or mode.startswith("I"):
        return np.asarray(picture.pixels)
    if mode == "1":
        return np.asarray(picture.pixels).astype(np.uint8)
    if mode == "L":
        # Pillow stretches grey of 2 and 4 bits over 0..255.
        step = {2: 85, 4: 17}.get(picture.bits, 1)
        return np.asarray(picture.pixels) // np.uint8(step)
    raise SampleFault(f"{path}: a mask of mode {mode}; expected grey, palette or RGB")


def _labels_from_colors(path: Path, picture: Picture, taxonomy: Taxonomy) -> NDArray[np.uint8]:
    if picture.bits != 8:
        raise SampleFault(f"{path}: RGB of {picture.bits} bits a channel; expected 8")
    channels = np.asarray(picture.pixels).astype(np.int32)
    if channels.shape[2] == 4 and channels[..., 3].min() < 255:
        raise SampleFault(
            f"{path}: an RGB mask that is transparent somewhere; its colours are void"
        )
    packed = channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2]
    encoding = _color_encoding(path, taxonomy)
    keys = np.array(sorted(encoding), np.int32)
    indices = np.array([encoding[int(key)] for key in keys], np.uint8)
    places = np.searchsorted(keys, packed).clip(max=len(keys) - 1)
    unknown = packed[keys[places] != packed]
    if unknown.size:
        found, counts = np.unique(unknown, return_counts=True)
        colors = {
            f"({c >> 16}, {c >> 8 & 255}, {c & 255})": int(count)
            for c, count in zip(found.tolist(), counts, strict=True)
        }
        raise SampleFault(f"{path}: colour {_counted(colors)} not in the taxonomy {taxonomy.name}")
    labels: NDArray[np.uint8] = indices[places]
    return labels


def _color_encoding(path: Path, taxonomy: Taxonomy) -> Mapping[int, int]:
    places: dict[int, int] = {}
    for place, (red, green, blue) in enumerate((*taxonomy.colors, taxonomy.void_color)):
        packed = red << 16 | green << 8 | blue
        if packed in places:
            raise SampleFault(
                f"{path}: an RGB mask, but the taxonomy {taxonomy.name} gives the colour "
                f"({red}, {green}, {blue}) twice"
            )
        places[packed] = place if place < len(taxonomy.labels) else VOID
    return places


def _counted(found: Mapping[str, int]) -> str:
    shown = [f"{name} ({count} px)" for name, count in list(found.items())[:LISTED]]
    rest = len(found) - len(shown)
    return ", ".join(shown) + (f" and {rest} more, all" if rest else "")
