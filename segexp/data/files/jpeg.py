"""What a JPEG file says of itself, before anything in it is decoded."""

import re
import struct
from dataclasses import dataclass

JPEG_MAGIC = b"\xff\xd8\xff"

MAX_SCANS = 50
"""A progressive picture has about 10. Each costs a pass over all pixels and next to no bytes, so
that a small file could keep a decoder busy for hours."""

_TEMPORARY = 0x01  # the one marker beside those of restarts that has no length
_END_OF_PICTURE = 0xD9
_START_OF_SCAN = 0xDA
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # tables and an extension are between them
_EXIF = 0xE1
# JFIF and Adobe's segment say how colours are coded; all else is for people and other programs.
_NOT_DECODED = {*range(0xE1, 0xF0), 0xFE} - {0xEE}

# In the pixel data 0xff is followed by 0, by a restart marker, or by the marker that ends them.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


@dataclass(frozen=True)
class Jpeg:
    """A JPEG file whose parts are all there.

    Attributes:
        size: Height and width.
        exif: What its EXIF segment holds; None without one.
        critical: The file again, but without what decides nothing about its pixels.
    """

    size: tuple[int, int]
    exif: bytes | None
    critical: bytes


def check_jpeg(data: bytes) -> Jpeg:
    """Walk through the markers of a JPEG file.

    JPEG has no checksums: changed pixel data are not noticed.

    Raises:
        ValueError: When the file has no frame, several, too many scans, or no end.
    """
    sizes: list[tuple[int, int]] = []
    exif: bytes | None = None
    kept: list[bytes] = []
    scans, place, kept_until = 0, 2, 0
    while found := _MARKER.search(data, place):
        marker, place = data[found.start() + 1], found.end()
        if marker == _END_OF_PICTURE:
            break
        if marker == _TEMPORARY:
            continue
        if place + 2 > len(data):
            raise _early_end(data)
        (length,) = struct.unpack_from(">H", data, place)
        if marker in _FRAMES:
            if length < 8 or place + 8 > len(data):
                raise ValueError(f"a frame header of {length} bytes")
            sizes.append(struct.unpack_from(">HH", data, place + 3))
        elif marker == _START_OF_SCAN:
            scans += 1
            if scans > MAX_SCANS:
                raise ValueError(f"over {MAX_SCANS} scans")
        elif marker in _NOT_DECODED:
            if marker == _EXIF and data.startswith(b"Exif\0\0", place + 2) and exif is None:
                exif = data[place + 2 : place + length]
            kept.append(data[kept_until : found.start()])
            kept_until = place + length
        place += length
    else:
        raise _early_end(data)
    if len(sizes) != 1 or not scans:
        raise ValueError(f"{len(sizes)} frames and {scans} scans; expected one frame with scans")
    return Jpeg(sizes[0], exif, b"".join([*kept, data[kept_until:]]))


def _early_end(data: bytes) -> ValueError:
    return ValueError(f"the file ends at byte {len(data)}, before its last marker (EOI)")
