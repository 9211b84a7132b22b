"""A mask file of any kind, decoded to the ids or the colours that it holds."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from segexp.data.files.npy import MAX_ARRAY_BYTES, NPY_MAGIC, ids_of_array, parse_array
from segexp.data.files.npz import NPZ_MAGIC, npy_inside
from segexp.data.files.pictures import (
    Picture,
    decode_picture,
    grey_step,
    read_bytes,
    row_bands,
    transparent_pixels,
)
from segexp.data.source import AS_STORED, MaskRules, SampleFault
from segexp.labels.taxonomy import Color

_SAMPLE_FORMAT, _PHOTOMETRIC = 339, 262  # tags of TIFF
_UNSIGNED, _SIGNED = 1, 2
_WHITE_IS_ZERO = 0

Ids = NDArray[Any]


@dataclass(frozen=True)
class MaskFile:
    """A decoded mask: of an array the ids, of a picture the picture, and its ids if it holds ids.

    Attributes:
        ids: Raw ids before any division, integers (H, W); None where colours stand for labels.
        picture: The picture; None for an array.
    """

    ids: Ids | None
    picture: Picture | None

    @property
    def palette(self) -> dict[int, Color]:
        """The colour of each index of a palette mask; empty for others."""
        if self.ids is None or self.picture is None or self.picture.pixels.mode != "P":
            return {}
        entries = self.picture.pixels.getpalette("RGB") or []
        return {i: (r, g, b) for i, (r, g, b) in enumerate(np.reshape(entries, (-1, 3)).tolist())}


def read_mask(path: Path, rules: MaskRules = AS_STORED) -> MaskFile:
    """Open a mask by its content, whatever its suffix says.

    Args:
        path: A PNG, TIFF, BMP, GIF, npy or npz file, or a WebP without loss. A JPEG and other
            pictures with loss only where the rules take the nearest colour.
        rules: How it is read where its content does not say it.

    Raises:
        SampleFault: When it is damaged or of a kind that holds neither. Also for a mask that was
            predicted: mapped already, its class indices would be mapped once more.
    """
    return decode_mask(path, read_bytes(path, MAX_ARRAY_BYTES), rules)


def decode_mask(path: Path, data: bytes, rules: MaskRules = AS_STORED) -> MaskFile:
    """Do as `read_mask` does with the bytes of a file; the path is for messages."""
    if data.startswith((NPY_MAGIC, NPZ_MAGIC)):
        return MaskFile(_array_ids(path, data, rules), None)
    picture = decode_picture(path, data)
    if picture.class_indices is not None:
        raise SampleFault(
            f"{path}: a predicted mask: it holds the classes of the mapping "
            f"{picture.class_indices!r}, not raw ids, and would be mapped a second time"
        )
    if picture.is_lossy and not rules.nearest_color:
        raise SampleFault(
            f"{path}: a {picture.kind} mask with lossy compression, which changes ids and colours; "
            "save it as PNG, or, if it shows the labels' colours, have the nearest one taken: "
            "`data.masks: {nearest_color: 48}`"
        )
    if picture.kind == "GIF":
        picture = replace(picture, pixels=_shown(picture.pixels))
    if rules.channels == "grey" and picture.pixels.mode in ("RGB", "RGBA"):
        return MaskFile(_ids_of_channels(path, picture), picture)
    if _holds_colors(picture, rules):
        return MaskFile(None, picture)
    return MaskFile(grey_ids(path, picture), picture)


def _shown(pixels: Image.Image) -> Image.Image:
    """Return what a GIF shows, grey or RGB: programs that write GIFs renumber palettes."""
    shown = pixels.convert("RGB")
    bands = row_bands(pixels.height, pixels.width)
    is_grey = all(_is_grey(np.asarray(_rows(shown, rows))).all() for rows in bands)
    return shown.getchannel("R") if is_grey else shown


def _holds_colors(picture: Picture, rules: MaskRules) -> bool:
    """Whether a picture is read by its colours, not by its numbers."""
    mode = picture.pixels.mode
    as_colors = rules.channels == "rgb" or picture.is_lossy
    return mode in ("RGB", "RGBA") or (as_colors and mode in ("1", "L", "P"))


def colors_in(picture: Picture, rows: slice, rules: MaskRules) -> NDArray[np.uint8]:
    """Return the colours of some rows of a picture, uint8 (rows, W, 3), RGB."""
    colors = np.asarray(_rows(picture.pixels, rows).convert("RGB"))
    return colors[..., ::-1] if rules.channels == "bgr" else colors


def _rows(pixels: Image.Image, rows: slice) -> Image.Image:
    return pixels.crop((0, rows.start, pixels.width, rows.stop))


def grey_ids(path: Path, picture: Picture) -> Ids:
    """Return the numbers that a grey mask or a palette mask holds.

    Raises:
        SampleFault: When it is of another mode, or a TIFF whose numbers programs disagree about.
    """
    pixels = picture.pixels
    values = np.asarray(pixels)
    if isinstance(pixels, TiffImageFile) and pixels.mode != "P":
        values = _tiff_values(path, pixels, values)
    if pixels.mode == "P" or pixels.mode.startswith("I"):
        return values
    if pixels.mode == "1":
        return values.astype(np.uint8)
    if pixels.mode == "L":
        return values // np.uint8(grey_step(picture.bits)) if picture.bits < 8 else values
    if pixels.mode == "F":
        return ids_of_array(path, values)
    way_out = "; save it without the alpha channel" if "A" in pixels.mode else ""
    raise SampleFault(
        f"{path}: a mask of mode {pixels.mode}; expected grey, palette or RGB{way_out}"
    )


def _array_ids(path: Path, data: bytes, rules: MaskRules) -> Ids:
    if data.startswith(NPZ_MAGIC):
        data = npy_inside(path, data, rules.array)
    try:
        array = parse_array(data)
    except ValueError as error:
        raise SampleFault(f"{path}: {error}") from None
    return ids_of_array(path, array)


def _ids_of_channels(path: Path, picture: Picture) -> Ids:
    if picture.bits > 8:
        raise SampleFault(f"{path}: RGB of {picture.bits} bits a channel; expected 8")
    if transparent_pixels(picture):
        raise SampleFault(f"{path}: a mask that is transparent somewhere; save it without alpha")
    height, width = picture.pixels.height, picture.pixels.width
    ids = np.empty((height, width), np.uint8)
    colored = 0
    for rows in row_bands(height, width):
        colors = colors_in(picture, rows, AS_STORED)
        ids[rows] = colors[..., 0]
        colored += int(np.count_nonzero(~_is_grey(colors)))
    if colored:
        raise SampleFault(
            f"{path}: {colored} pixels are not grey, but `data.masks: {{channels: grey}}` says "
            "that the three channels hold the same id: take that away"
        )
    return ids


def _is_grey(colors: NDArray[np.uint8]) -> NDArray[np.bool_]:
    is_grey: NDArray[np.bool_] = (colors == colors[..., :1]).all(axis=2)
    return is_grey


def _tiff_values(path: Path, pixels: Image.Image, values: Ids) -> Ids:
    tags = pixels.tag_v2  # type: ignore[attr-defined]
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        raise SampleFault(
            f"{path}: a TIFF whose zero is white, which some programs turn round and others do "
            "not; save it with black as zero, or as PNG"
        )
    (sample_format, *_) = tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))
    if pixels.mode == "I" and sample_format == _UNSIGNED and (values < 0).any():
        return ids_of_array(path, values.view(np.uint32))  # Pillow has signed numbers only
    if pixels.mode == "L" and sample_format == _SIGNED:
        return values.view(np.int8)
    return values
