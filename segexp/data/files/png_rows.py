"""What Pillow does not look at in a PNG file: whether all rows are there.

Pillow leaves rows that are missing at zero; in a mask that would be the label with raw id 0.
"""

import struct
import zlib

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

PNG_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
"""Pillow's names of the colour types in the header: one letter a sample."""

_WHOLE = [(0, 0, 1, 1)]
_ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2)]  # fmt: skip
"""First column, first row, step of columns and step of rows of each pass (PNG, section 8.2)."""


def check_rows(data: bytes) -> None:
    """Check the length of the pixel data of a PNG file that Pillow decodes.

    Nothing is kept inflated.

    Raises:
        ValueError: When rows are missing.
    """
    width, height, bits, color_type, interlace = struct.unpack_from(">IIBBxxB", data, 16)
    expected = 0
    for x, y, dx, dy in _ADAM7 if interlace else _WHOLE:
        row_bits = len(range(x, width, dx)) * bits * len(PNG_MODES[color_type])
        expected += len(range(y, height, dy)) * (1 + (row_bits + 7) // 8 if row_bits else 0)
    inflater, found, place, kind = zlib.decompressobj(), 0, len(PNG_MAGIC), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, place)
        for start in range(place + 8, place + 8 + length, 4096) if kind == b"IDAT" else ():
            if found >= expected:
                return
            found += len(inflater.decompress(data[start : min(start + 4096, place + 8 + length)]))
        place += 12 + length
    if found < expected:
        raise ValueError(f"the pixel data end early: {found} of {expected} bytes")
