"""Images: any PNG or JPEG to uint8 RGB, with what would change colours refused by name."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from segexp.dataset.image_file import read_picture
from segexp.dataset.source import SampleFault


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Decode an image to uint8 (H, W, 3), RGB.

    Grey is replicated, palettes are looked up, an alpha channel is dropped when it is opaque
    everywhere, and the EXIF orientation of a JPEG is applied, as every viewer does.

    Raises:
        SampleFault: When it is damaged, CMYK, has 16 bits a channel (scaling them would be a
            guess at their range), or is transparent somewhere.
    """
    picture = read_picture(path)
    pixels = picture.pixels
    if picture.bits == 16:
        raise SampleFault(f"{path}: 16 bits a channel; save the image with 8")
    if pixels.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        raise SampleFault(f"{path}: a {picture.kind} of mode {pixels.mode}; save it as RGB")
    if picture.kind == "JPEG":
        pixels = _upright(pixels)
    if pixels.mode in ("LA", "RGBA") or "transparency" in pixels.info:
        pixels = _without_alpha(path, pixels.convert("RGBA"))
    return np.array(pixels.convert("RGB"))


def _upright(pixels: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(pixels)
    except Exception:  # Pillow reads damaged EXIF with nearly any exception; the pixels are whole
        return pixels


def _without_alpha(path: Path, pixels: Image.Image) -> Image.Image:
    alpha = np.asarray(pixels.getchannel("A"))
    transparent = int(np.count_nonzero(alpha != 255))
    if transparent:
        raise SampleFault(
            f"{path}: {transparent} pixels are transparent; flatten the image onto a background"
        )
    return pixels.convert("RGB")
