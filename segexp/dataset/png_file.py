"""What Pillow does not look at in a PNG file: checksums, the end, and whether all rows are there.

Pillow fills rows that are missing with zeros; in a mask that would be the label with raw id 0.
"""

import struct
import zlib
from itertools import starmap

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2)]  # fmt: skip
"""First column, first row, step of columns and step of rows of each pass (PNG, section 8.2)."""


def check_png(data: bytes) -> int:
    """Check a PNG file's chunks and the length of its pixel data; return the bits of a sample.

    Raises:
        ValueError: When a checksum is wrong, or chunks or rows are missing.
        zlib.error: When the pixel data are damaged.
        struct.error: When the header is too short.
    """
    chunks = _chunks(data)
    if not chunks or chunks[0][0] != b"IHDR":
        raise ValueError("the first chunk is not IHDR")
    width, height, bits, color_type, _, _, interlace = struct.unpack(">IIBBBBB", chunks[0][1])
    pixel_bits = bits * _CHANNELS.get(color_type, 0)
    passes = [(width, height)]
    if interlace:
        passes = [
            ((width - x + dx - 1) // dx, (height - y + dy - 1) // dy) for x, y, dx, dy in _ADAM7
        ]

    def pass_bytes(columns: int, rows: int) -> int:
        return rows * (1 + (columns * pixel_bits + 7) // 8) if columns > 0 else 0

    expected = sum(starmap(pass_bytes, passes))
    found = _inflated_length([body for kind, body in chunks if kind == b"IDAT"], expected)
    if found < expected:
        raise ValueError(f"the pixel data end early: {found} of {expected} bytes")
    return int(bits)


def png_size(data: bytes) -> tuple[int, int]:
    """Return height and width from the header of a PNG file.

    Raises:
        struct.error: When the header is too short.
    """
    width, height = struct.unpack_from(">II", data, 16)
    return height, width


def _chunks(data: bytes) -> list[tuple[bytes, memoryview]]:
    """Return kind and body of every chunk up to IEND, their checksums checked."""
    place = len(PNG_MAGIC)
    view = memoryview(data)
    chunks: list[tuple[bytes, memoryview]] = []
    while not chunks or chunks[-1][0] != b"IEND":
        if place + 12 > len(data):
            raise ValueError(f"the file ends at byte {len(data)}, before its last chunk (IEND)")
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            raise ValueError(
                f"the file ends at byte {len(data)}, inside the chunk at byte {place} "
                f"that is {length} bytes long"
            )
        if zlib.crc32(view[place + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise ValueError(f"wrong checksum of the chunk {kind.decode('latin-1')} at {place}")
        chunks.append((kind, view[place + 8 : end]))
        place = end + 4
    return chunks


def _inflated_length(parts: list[memoryview], enough: int) -> int:
    """Count inflated bytes, a megabyte at a time, and stop when there are enough."""
    inflater = zlib.decompressobj()
    count = 0
    for part in parts:
        rest: bytes | memoryview = part
        while len(rest) and count < enough and not inflater.eof:
            count += len(inflater.decompress(rest, 1 << 20))
            rest = inflater.unconsumed_tail
    while count < enough and not inflater.eof:
        more = inflater.decompress(inflater.unconsumed_tail, 1 << 20)
        if not more:
            break
        count += len(more)
    return count
