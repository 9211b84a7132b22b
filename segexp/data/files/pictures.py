"""Pictures, opened by content and decoded whole, or refused with the file's name."""

import io
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from segexp.core.beginning import AGAIN, beginning
from segexp.core.errors import InputError
from segexp.core.files import read_bounded
from segexp.data.files.exif import UPRIGHT, orientation_of
from segexp.data.files.png import PNG_MAGIC, check_rows, checked_chunks
from segexp.data.source import SampleFault

MAX_PIXELS = 64_000_000
"""A larger picture is refused before it is decoded: it is a mistake, or a decompression bomb."""

MAX_SIDE = 65_535
"""JPEG's own limit; PNG would allow a single row of 64 million pixels."""

MAX_PICTURE_BYTES = 256 << 20
"""64 megapixels of RGBA that could not be compressed."""

MAX_SCANS = 50
"""A progressive JPEG has about 10. Each costs a pass over all pixels and next to no bytes, so that
a small file could keep a decoder busy for hours."""

BAND_PIXELS = 1_000_000

_BITS_PER_SAMPLE, _COMPRESSION = 258, 259  # tags of TIFF

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""The usual suffixes of the pictures that can be read; the content decides what they are."""

WRITER, OURS = "Software", "segexp"
"""The key of a PNG text, and what it says in a mask that segexp predicted."""

CLASS_INDICES = "segexp class indices"
"""The key of a PNG text that names the mapping whose classes a mask holds in place of raw ids."""


# The plug-ins are called directly: `Image.open` would only warn of a decompression bomb.
_KINDS: dict[str, Callable[[io.BytesIO, str], ImageFile]] = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "WebP": WebPImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
    "GIF": GifImageFile,
}
_MAGIC = {
    PNG_MAGIC: "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"GIF8": "GIF",
}
_HEADER_BYTES = {"PNG": 33, "JPEG": 6, "WebP": 20, "BMP": 26, "TIFF": 8, "GIF": 13}
"""What a file of each kind has before anything of its picture."""

_LOSSLESS_TIFF = (1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 50000)
"""Compressions of TIFF that keep every number: none, CCITT, LZW, deflate, PackBits, LZMA, Zstd."""
# In a JPEG's pixel data 0xff is followed by 0, by a restart marker, or by what ends them.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\x01\xd0-\xd7]")


@dataclass(frozen=True)
class Picture:
    """A decoded file.

    Attributes:
        pixels: The picture as stored: no conversion of mode, no rotation.
        kind: ``PNG``, ``JPEG``, ``WebP``, ``BMP``, ``TIFF`` or ``GIF``.
        bits: Bits of one sample in the file (Pillow widens 1, 2 and 4 bits, and narrows RGB of 16).
        orientation: By EXIF, 1 to 8; 1 is upright, also where the file states none.
        is_lossy: Whether it was compressed in a way that changes numbers.
    """

    pixels: Image.Image
    kind: str
    bits: int = 8
    orientation: int = UPRIGHT
    is_lossy: bool = False

    @property
    def class_indices(self) -> str | None:
        """The mapping whose classes a predicted mask holds; None for other files."""
        return self.pixels.info.get(CLASS_INDICES)


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a file whole.

    Args:
        path: The file.
        limit: The most bytes that are read.

    Raises:
        SampleFault: When it cannot be read, is a pipe or the like, or is larger.
    """
    try:
        return read_bounded(path, limit)
    except InputError as error:
        raise SampleFault(str(error)) from None


def read_picture(path: Path) -> Picture:
    """Open a picture by its content, whatever its suffix says, and decode it whole.

    Raises:
        SampleFault: As `decode_picture` does.
    """
    return decode_picture(path, read_bytes(path, MAX_PICTURE_BYTES))


def decode_picture(path: Path, data: bytes) -> Picture:
    """Decode the content of a picture file whole.

    Raises:
        SampleFault: When it is not a PNG, JPEG, WebP, BMP, TIFF or GIF, damaged, truncated,
            animated, over MAX_PIXELS or MAX_PICTURE_BYTES, a JPEG for print (CMYK), or a PNG or
            TIFF that EXIF says to rotate: viewers disagree whether to.
    """
    kind = picture_kind(data)
    if kind is None:
        raise no_picture(path, data)
    if len(data) > MAX_PICTURE_BYTES:
        raise SampleFault(f"{path}: {len(data)} bytes; at most {MAX_PICTURE_BYTES} are read")
    with damage_as_fault(path):
        if len(data) < _HEADER_BYTES[kind]:
            raise ValueError(f"it ends at byte {len(data)}, inside its header")
        return _read_png(path, data) if kind == "PNG" else _read_other(path, data, kind)


def no_picture(path: Path, data: bytes) -> SampleFault:
    """Return the fault of a file that is no picture, or none of a kind that is read."""
    return SampleFault(f"{path}: not an image that can be read: it {beginning(data)}")


def picture_kind(data: bytes) -> str | None:
    """Return which kind of picture a file is, by its first bytes; None for all else."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)


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


def row_bands(height: int, width: int) -> Iterator[slice]:
    """Yield slices of rows, of about BAND_PIXELS each, from the top to the bottom.

    What is computed from a large picture band by band fits into memory.
    """
    rows = max(1, BAND_PIXELS // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def transparent_pixels(picture: Picture) -> int:
    """Count the pixels that are not opaque, by an alpha channel or by a transparent colour."""
    pixels = picture.pixels
    if not pixels.has_transparency_data:
        return 0
    alpha = (pixels if "A" in pixels.getbands() else pixels.convert("RGBA")).getchannel("A")
    return int(np.count_nonzero(np.asarray(alpha) != 255))


def grey_step(bits: int) -> int:
    """Return by how much Pillow stretches grey of few bits over 0..255."""
    return {2: 85, 4: 17}.get(bits, 1)


def _read_png(path: Path, data: bytes) -> Picture:
    width, height, bits = struct.unpack_from(">IIB", data, 16)
    check_pixel_count(path, height, width)
    data = checked_chunks(data)
    PngImageFile(io.BytesIO(data), str(path)).verify()  # checksums
    pixels = PngImageFile(io.BytesIO(data), str(path))
    orientation = _orientation(pixels)
    if orientation != UPRIGHT:
        raise _unclear_orientation(path, "PNG with EXIF", orientation)
    pixels.load()
    if pixels.mode == "L" and "transparency" in pixels.info:
        pixels.info["transparency"] *= grey_step(bits)  # Pillow stretches the pixels alone
    # Where the last row holds anything all rows are there, and the file need not be inflated once
    # more, which takes half as long as decoding it.
    last = pixels.crop((0, pixels.height - 1, pixels.width, pixels.height))
    if "interlace" in pixels.info or not np.asarray(last).any():
        check_rows(data)
    return Picture(pixels, "PNG", bits)


def _read_other(path: Path, data: bytes, kind: str) -> Picture:
    """Decode what Pillow alone reads: its checks of damage are all there are."""
    pixels = _KINDS[kind](io.BytesIO(data), str(path))
    check_pixel_count(path, pixels.height, pixels.width)
    if getattr(pixels, "is_animated", False):
        # A GIF's would have to be counted one by one.
        frames = "several" if kind == "GIF" else getattr(pixels, "n_frames", 2)
        raise SampleFault(f"{path}: a {kind} of {frames} pictures; save the one that is meant")
    bits, is_lossy = 8, False
    if kind == "JPEG":
        if pixels.mode not in ("L", "RGB"):
            raise SampleFault(f"{path}: a JPEG of mode {pixels.mode}; save it as RGB")
        _check_scans(data)
        is_lossy = True
    elif kind == "WebP":
        is_lossy = not _is_lossless_webp(data)
    elif kind == "BMP":
        bits = _bmp_bits(path, data, pixels.mode)
    elif kind == "GIF" and pixels.tile[0].extents != (0, 0, *pixels.size):
        raise SampleFault(f"{path}: a GIF whose picture covers a part of it; save it as PNG")
    orientation = _orientation(pixels)
    if isinstance(pixels, TiffImageFile):
        if orientation != UPRIGHT:
            raise _unclear_orientation(path, "TIFF with", orientation)
        bits = max(pixels.tag_v2.get(_BITS_PER_SAMPLE, (1,)))
        is_lossy = pixels.tag_v2.get(_COMPRESSION, 1) not in _LOSSLESS_TIFF
    pixels.load()
    return Picture(pixels, kind, bits, orientation, is_lossy)


def _is_lossless_webp(data: bytes) -> bool:
    """Whether the picture of a WebP file is in a ``VP8L`` chunk (RFC 9649, section 2)."""
    place = 12
    while place + 8 <= len(data):
        kind = data[place : place + 4]
        if kind in (b"VP8L", b"VP8 "):
            return kind == b"VP8L"
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + length + length % 2
    return False


def _bmp_bits(path: Path, data: bytes, mode: str) -> int:
    """Return the bits of a BMP's pixel; refuse where Pillow takes it for another number of bits.

    It does where a palette is grey: it then reads a pixel of 4 bits as 8, one of 8 as 1.
    """
    is_os2 = int.from_bytes(data[14:18], "little") == 12
    bits = int.from_bytes(data[24:26] if is_os2 else data[28:30], "little")
    if {"1": 1, "L": 8}.get(mode, bits) != bits:
        raise SampleFault(f"{path}: a BMP of {bits} bits with a grey palette; save it as PNG")
    return min(bits, 8)


def _check_scans(data: bytes) -> None:
    """Refuse a JPEG with more than MAX_SCANS scans before its end."""
    scans, place = 0, 2
    while (found := _JPEG_MARKER.search(data, place)) and found[0] != b"\xff\xd9":
        scans += found[0] == b"\xff\xda"
        if scans > MAX_SCANS:
            raise ValueError(f"over {MAX_SCANS} scans")
        place = found.end() + int.from_bytes(data[found.end() : found.end() + 2])


def _orientation(pixels: ImageFile) -> int:
    """Return the EXIF orientation, 1 to 8; 1 for none, also where EXIF is damaged."""
    if not isinstance(pixels, TiffImageFile):
        return orientation_of(pixels.info.get("exif"))  # not `getexif`, which believes XMP as well
    try:
        found = pixels.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # a damaged tag
        return UPRIGHT
    return found if isinstance(found, int) and 1 <= found <= 8 else UPRIGHT


def _unclear_orientation(path: Path, what: str, orientation: int) -> SampleFault:
    return SampleFault(
        f"{path}: a {what} orientation {orientation}, which some programs apply and "
        "others do not; save it upright"
    )


@contextmanager
def damage_as_fault(path: Path) -> Iterator[None]:
    """Turn what decoders raise into a fault of the file."""
    try:
        yield
    except SampleFault:
        raise
    except Exception as error:  # decoders meet damaged bytes with nearly any exception
        detail = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, struct.error) or isinstance(error.__cause__, struct.error):
            detail = "a part of it is missing"  # in place of the sizes of buffers
        raise SampleFault(f"{path}: damaged or truncated: {detail}; {AGAIN}") from None
