"""Images as training and prediction see them: uint8, RGB, upright."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segexp.data.files.exif import UPRIGHT
from segexp.data.files.pictures import (
    MAX_PICTURE_BYTES,
    Picture,
    damage_as_fault,
    decode_picture,
    no_picture,
    picture_kind,
    read_bytes,
    row_bands,
    transparent_pixels,
)
from segexp.data.source import SampleFault

LEAST_USED = 16
"""Of 256: the range that an image of 16 bits must use at least.

Cameras of 10 and 12 bits, and 8 bits in a type of 16, are below it; thermal cameras often are, too.
"""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its EXIF orientation."""


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Decode an image to uint8 (H, W, 3), RGB.

    Grey is replicated, palettes are looked up, an alpha channel is dropped when it is opaque
    everywhere, and the EXIF orientation of a JPEG is applied, as every viewer does. Of 16 bits the
    upper 8 are kept, as libpng, OpenCV (PNG) and Pillow do. Colour profiles, gamma and texts are
    ignored.

    Raises:
        SampleFault: When it is damaged, CMYK, has 16 bits a channel of which a small part is used,
            is transparent somewhere, uses a colour that its palette lacks, or holds nothing but 0
            and 1.
    """
    return decode_rgb(path, read_bytes(path, MAX_PICTURE_BYTES))


def decode_rgb(path: Path, data: bytes) -> NDArray[np.uint8]:
    """Do as `read_rgb` does with the bytes of a file; the path is for messages."""
    if picture_kind(data) == "GIF":
        raise no_picture(path, data)
    picture = decode_picture(path, data)
    with damage_as_fault(path):
        return _as_rgb(path, picture)


def _as_rgb(path: Path, picture: Picture) -> NDArray[np.uint8]:
    pixels = picture.pixels
    if picture.bits > 8:
        pixels = _upper_8_bits(path, picture)
    if pixels.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        raise SampleFault(f"{path}: a {picture.kind} of mode {pixels.mode}; save it as RGB")
    transparent = transparent_pixels(replace(picture, pixels=pixels))
    if transparent:
        raise SampleFault(
            f"{path}: {transparent} pixels are transparent; flatten the image onto a background"
        )
    if pixels.mode == "P":
        _refuse_missing_colors(path, pixels)
    if picture.orientation != UPRIGHT:
        pixels = pixels.transpose(_TURNS[picture.orientation])
    image = np.empty((pixels.height, pixels.width, 3), np.uint8)
    for band in row_bands(pixels.height, pixels.width):
        part = pixels.crop((0, band.start, pixels.width, band.stop))
        image[band] = np.asarray(part.convert("RGB"))
    refuse_unscaled(path, image)
    return image


def _upper_8_bits(path: Path, picture: Picture) -> Image.Image:
    """Narrow 9 to 16 bits a channel to 8; Pillow has done so with colours."""
    pixels = picture.pixels
    if "transparency" in pixels.info:
        raise SampleFault(f"{path}: 16 bits with a transparent colour; save it without")
    is_grey = pixels.mode.startswith("I;16")
    if not is_grey and pixels.mode not in ("RGB", "RGBA"):
        raise SampleFault(
            f"{path}: {picture.bits} bits of mode {pixels.mode}; save the image with 8"
        )
    values = np.asarray(pixels) if is_grey else np.asarray(pixels)[..., :3]
    step = 1 << (picture.bits - 8 if is_grey else 0)
    used, is_flat = int(values.max()) - int(values.min()), values.min() == values.max()
    if used < LEAST_USED * step and not (is_flat and is_grey):
        raise SampleFault(
            f"{path}: {picture.bits} bits a channel, of whose range less than a sixteenth is used: "
            "fewer bits in a wider type, of which little would be left; scale the images to 8 "
            "bits, all by one factor"
        )
    return Image.fromarray((values // step).astype(np.uint8)) if is_grey else pixels


def refuse_unscaled(path: Path, image: NDArray[np.uint8]) -> None:
    """Refuse an 8-bit image of nothing but 0 and 1: floats in 0..1 that were cut off, or a mask.

    An image of zeros is black and allowed.

    Raises:
        SampleFault: With what may have happened.
    """
    if image.max() == 1:
        raise SampleFault(
            f"{path}: no value above 1 of 255: floats in 0..1 that were saved as whole numbers, "
            "or a mask; save an image with values in 0..255"
        )


def _refuse_missing_colors(path: Path, pixels: Image.Image) -> None:
    size = len(pixels.getpalette("RGB") or ()) // 3
    missing = int(np.count_nonzero(np.asarray(pixels) >= size))
    if missing:
        raise SampleFault(
            f"{path}: {missing} pixels have a palette index of {size} or more, "
            f"but the palette has {size} colours"
        )
