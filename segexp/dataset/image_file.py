"""PNG and JPEG files, opened by content and decoded whole, or refused with the file's name."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from segexp.dataset.png_file import PNG_MAGIC, check_png, png_size
from segexp.dataset.source import SampleFault

MAX_PIXELS = 64_000_000
"""A larger picture is refused before it is decoded: it is a mistake, or a decompression bomb."""

MAX_FILE_BYTES = 2 << 30

JPEG_MAGIC = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Picture:
    """A decoded file.

    Attributes:
        pixels: The picture as stored: no conversion of mode, no rotation.
        kind: ``PNG`` or ``JPEG``.
        bits: Bits of one sample in the file (Pillow widens 1, 2 and 4 bits, and narrows RGB of 16).
    """

    pixels: Image.Image
    kind: str
    bits: int


def read_bytes(path: Path) -> bytes:
    """Read a file whole.

    Raises:
        SampleFault: When it cannot be read, or is larger than any picture that is accepted.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise SampleFault(f"{path}: {size} bytes; at most {MAX_FILE_BYTES} are read")
        return path.read_bytes()
    except OSError as error:
        raise SampleFault(f"{path}: cannot be read: {error.strerror}") from None


def read_picture(path: Path) -> Picture:
    """Open a PNG or JPEG file by its content, whatever its suffix says, and decode it whole.

    Raises:
        SampleFault: When it is neither, damaged, truncated, animated, or over MAX_PIXELS.
    """
    data = read_bytes(path)
    with _damage_as_fault(path):
        # The plug-ins are called directly: `Image.open` would only warn of a decompression bomb.
        if data.startswith(PNG_MAGIC):
            check_pixel_count(path, *png_size(data))
            kind, bits = "PNG", check_png(data)
            pixels: Image.Image = PngImageFile(io.BytesIO(data), str(path))
        elif data.startswith(JPEG_MAGIC):
            kind, bits = "JPEG", 8
            pixels = JpegImageFile(io.BytesIO(data), str(path))
        else:
            begins = f"begins with the bytes {data[:8].hex(' ')}" if data else "is empty"
            raise SampleFault(f"{path}: neither PNG nor JPEG ({begins})")
        check_pixel_count(path, pixels.height, pixels.width)
        if getattr(pixels, "is_animated", False):
            raise SampleFault(f"{path}: an animated PNG; expected a single picture")
        pixels.load()
    return Picture(pixels, kind, bits)


def check_pixel_count(path: Path, height: int, width: int) -> None:
    """Refuse a picture without pixels or with more than MAX_PIXELS.

    Raises:
        SampleFault: With the size.
    """
    if not 0 < height * width <= MAX_PIXELS or height < 1:
        raise SampleFault(f"{path}: {height}x{width} pixels; expected 1 to {MAX_PIXELS} pixels")


@contextmanager
def _damage_as_fault(path: Path) -> Iterator[None]:
    try:
        yield
    except SampleFault:
        raise
    except Exception as error:  # decoders meet damaged bytes with nearly any exception
        detail = " ".join(str(error).split()) or type(error).__name__
        raise SampleFault(f"{path}: damaged or truncated: {detail}") from None
