"""Images: any PNG or JPEG to uint8 RGB, with what would change colours refused by name."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segexp.data.bands import row_bands
from segexp.data.files.image_file import Picture, read_picture, transparent_pixels
from segexp.data.files.value_range import refuse_unscaled
from segexp.data.source import SampleFault

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
    everywhere, and the EXIF orientation of a JPEG is applied, as every viewer does. Profiles,
    gamma and texts are not looked at.

    Raises:
        SampleFault: When it is damaged, CMYK, has 16 bits a channel (scaling them would be a
            guess at their range), is transparent somewhere, uses a colour that its palette lacks,
            or holds nothing but 0 and 1.
    """
    picture = read_picture(path)
    if picture.bits == 16:
        raise SampleFault(f"{path}: 16 bits a channel; save the image with 8")
    if picture.pixels.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        raise SampleFault(f"{path}: a {picture.kind} of mode {picture.pixels.mode}; save it as RGB")
    transparent = transparent_pixels(picture)
    if transparent:
        raise SampleFault(
            f"{path}: {transparent} pixels are transparent; flatten the image onto a background"
        )
    _refuse_missing_colors(path, picture)
    pixels = picture.pixels
    if picture.orientation in _TURNS:
        pixels = pixels.transpose(_TURNS[picture.orientation])
    image = _rgb_array(pixels)
    refuse_unscaled(path, image)
    return image


def _refuse_missing_colors(path: Path, picture: Picture) -> None:
    if picture.pixels.mode != "P":
        return
    indices = np.asarray(picture.pixels)
    missing = int(np.count_nonzero(indices >= picture.palette_size))
    if missing:
        raise SampleFault(
            f"{path}: {missing} pixels have a palette index of {picture.palette_size} or more, "
            f"but the palette has {picture.palette_size} colours"
        )


def _rgb_array(pixels: Image.Image) -> NDArray[np.uint8]:
    width, height = pixels.size
    image = np.empty((height, width, 3), np.uint8)
    for band in row_bands(height, width):
        part = pixels.crop((0, band.start, width, band.stop))
        image[band] = np.asarray(part.convert("RGB"))
    return image
