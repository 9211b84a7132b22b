"""Pictures, opened by content and decoded whole, or refused with the file's name."""

import io
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from segexp.data.files.beginning import beginning
from segexp.data.files.exif import UPRIGHT, orientation_of
from segexp.data.files.jpeg import JPEG_MAGIC, check_jpeg
from segexp.data.files.png import PNG_MAGIC, check_png, check_rows, png_size, png_text
from segexp.data.source import SampleFault

MAX_PIXELS = 64_000_000
"""A larger picture is refused before it is decoded: it is a mistake, or a decompression bomb."""

MAX_SIDE = 65_535
"""JPEG's own limit; PNG would allow a single row of 64 million pixels."""

MAX_PICTURE_BYTES = 256 << 20
"""64 megapixels of RGBA that could not be compressed."""

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""How the pictures that are read are usually called; the content decides what they are."""

_OTHERS: dict[str, Callable[[io.BytesIO, str], ImageFile]] = {
    "WebP": WebPImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
}

CLASS_INDICES = "segexp class indices"
"""The key of a PNG text that says of which mapping a mask holds the classes, not raw ids."""


@dataclass(frozen=True)
class Picture:
    """A decoded file.

    Attributes:
        pixels: The picture as stored: no conversion of mode, no rotation. Its ``info`` says nothing
            of transparency.
        kind: ``PNG``, ``JPEG``, ``WebP``, ``BMP`` or ``TIFF``.
        bits: Bits of one sample in the file (Pillow widens 1, 2 and 4 bits, and narrows RGB of 16).
        orientation: By EXIF, 1 to 8; 1 is upright, and what files that say nothing are. Always 1
            in a PNG.
        palette_size: The entries of its palette; 0 without one.
        transparency: A PNG's tRNS chunk; None without one.
        class_indices: The mapping that a predicted mask is written in; None for other files.
    """

    pixels: Image.Image
    kind: str
    bits: int
    orientation: int = UPRIGHT
    palette_size: int = 0
    transparency: bytes | None = None
    class_indices: str | None = None


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a file whole.

    Args:
        path: The file.
        limit: The most bytes that are read.

    Raises:
        SampleFault: When it cannot be read, is a pipe or the like, or is larger.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SampleFault(f"{path}: is no file")
        if status.st_size > limit:
            raise SampleFault(f"{path}: {status.st_size} bytes; at most {limit} are read")
        return path.read_bytes()
    except OSError as error:
        raise SampleFault(f"{path}: cannot be read: {error.strerror}") from None


def read_picture(path: Path) -> Picture:
    """Open a picture by its content, whatever its suffix says, and decode it whole.

    Raises:
        SampleFault: When it is no PNG, JPEG, WebP, BMP or TIFF, damaged, truncated, animated, over
            MAX_PIXELS, a JPEG for print (CMYK), or a PNG or TIFF that EXIF says to rotate: viewers
            disagree whether to.
    """
    data = read_bytes(path, MAX_PICTURE_BYTES)
    with _damage_as_fault(path):
        if data.startswith(PNG_MAGIC):
            return _read_png(path, data)
        if data.startswith(JPEG_MAGIC):
            return _read_jpeg(path, data)
        if kind := other_kind(data):
            return _read_other(path, data, kind)
        raise SampleFault(f"{path}: no image that is read: it {beginning(data)}")


def check_pixel_count(path: Path, height: int, width: int) -> None:
    """Refuse a picture without pixels, with more than MAX_PIXELS, or with a side over MAX_SIDE.

    Raises:
        SampleFault: With the size.
    """
    if not 0 < height * width <= MAX_PIXELS or not 0 < height <= MAX_SIDE or width > MAX_SIDE:
        raise SampleFault(
            f"{path}: {height}x{width} pixels; expected 1 to {MAX_PIXELS} pixels, at most "
            f"{MAX_SIDE} a side"
        )


def transparent_pixels(picture: Picture) -> int:
    """Count the pixels that are not opaque, by an alpha channel or by a tRNS chunk."""
    pixels, transparency = picture.pixels, picture.transparency
    if pixels.mode in ("LA", "RGBA"):
        return int(np.count_nonzero(np.asarray(pixels.getchannel("A")) != 255))
    if transparency is None:
        return 0
    stored = np.asarray(pixels)
    if pixels.mode == "P":
        alpha = np.full(256, 255, np.uint8)
        entries = np.frombuffer(transparency[:256], np.uint8)
        alpha[: len(entries)] = entries
        return int(np.count_nonzero(alpha[stored] != 255))
    # The chunk names one grey level or one colour, each sample in 16 bits.
    samples = np.frombuffer(transparency[: len(transparency) // 2 * 2], ">u2").astype(int)
    if stored.ndim == 2 and len(samples) == 1:
        step = 1 if pixels.mode == "1" else grey_step(picture.bits)
        return int(np.count_nonzero(stored == samples[0] * step))
    if stored.ndim == 3 and len(samples) == 3:
        return int(np.count_nonzero((stored == samples).all(axis=2)))
    return 0


def grey_step(bits: int) -> int:
    """Return by how much Pillow stretches grey of few bits over 0..255."""
    return {2: 85, 4: 17}.get(bits, 1)


def _read_png(path: Path, data: bytes) -> Picture:
    check_pixel_count(path, *png_size(data))
    png = check_png(data)
    orientation = orientation_of(png.exif)
    if orientation != UPRIGHT:
        raise SampleFault(
            f"{path}: a PNG with EXIF orientation {orientation}, which some programs apply and "
            "others do not; save it upright"
        )
    if png.is_interlaced:
        check_rows(png)
    # The plug-ins are called directly: `Image.open` would only warn of a decompression bomb.
    pixels = PngImageFile(io.BytesIO(png.critical), str(path))
    pixels.load()
    # Rows that are missing would be zeros. Where the last one is not, all are there, and what the
    # file holds need not be inflated once more, which takes half as long as decoding it.
    if not np.asarray(pixels.crop((0, pixels.height - 1, pixels.width, pixels.height))).any():
        check_rows(png)
    return Picture(
        pixels,
        "PNG",
        png.bits,
        palette_size=png.palette_size,
        transparency=png.transparency,
        class_indices=png_text(data, CLASS_INDICES),
    )


def _read_jpeg(path: Path, data: bytes) -> Picture:
    jpeg = check_jpeg(data)
    check_pixel_count(path, *jpeg.size)
    pixels = JpegImageFile(io.BytesIO(jpeg.critical), str(path))
    check_pixel_count(path, pixels.height, pixels.width)
    if pixels.mode not in ("L", "RGB"):
        raise SampleFault(f"{path}: a JPEG of mode {pixels.mode}; save it as RGB")
    pixels.load()
    return Picture(pixels, "JPEG", 8, orientation=orientation_of(jpeg.exif))


def _read_other(path: Path, data: bytes, kind: str) -> Picture:
    """Decode what Pillow alone reads: its checks of damage are all there are."""
    pixels = _OTHERS[kind](io.BytesIO(data), str(path))
    check_pixel_count(path, pixels.height, pixels.width)
    frames = getattr(pixels, "n_frames", 1)
    if frames > 1:
        raise SampleFault(f"{path}: a {kind} of {frames} pictures; save the one that is meant")
    orientation = pixels.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    if orientation != UPRIGHT and kind != "WebP":
        raise SampleFault(
            f"{path}: a {kind} with orientation {orientation}, which some programs apply and "
            "others do not; save it upright"
        )
    pixels.load()
    size = len(pixels.getpalette("RGB") or ()) // 3
    return Picture(pixels, kind, 8, orientation=int(orientation), palette_size=size)


def other_kind(data: bytes) -> str | None:
    """Return which of the kinds that Pillow alone reads a file is, by its first bytes."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith((b"II*\0", b"MM\0*")):
        return "TIFF"
    return "BMP" if data.startswith(b"BM") else None


@contextmanager
def _damage_as_fault(path: Path) -> Iterator[None]:
    try:
        yield
    except SampleFault:
        raise
    except Exception as error:  # decoders meet damaged bytes with nearly any exception
        detail = " ".join(str(error).split()) or type(error).__name__
        raise SampleFault(f"{path}: damaged or truncated: {detail}") from None
