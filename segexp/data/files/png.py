"""What Pillow does not do with a PNG file: leave texts packed, and check its chunks and rows.

Pillow takes the last of several headers, so that the size that was checked need not be the one
that is decoded. It leaves rows that are missing at zero; in a mask that would be the label with raw
id 0.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

PNG_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
"""Pillow's names of the colour types in the header: one letter a sample."""

MAX_CHUNKS = 100_000
"""64 megapixels in the 8 KiB chunks of libpng are 31,000."""

_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_ONCE = (b"IHDR", b"PLTE", b"tRNS", b"eXIf")
_END = b"\0\0\0\0IEND\xaeB`\x82"
_PALETTE = 3  # the colour type
_PACKED = (b"zTXt", b"iTXt", b"iCCP")
_WHOLE = [(0, 0, 1, 1)]
_ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2)]  # fmt: skip
"""First column, first row, step of columns and step of rows of each pass (PNG, section 8.2)."""


def checked_chunks(data: bytes) -> bytes:
    """Check which chunks a PNG file has, and in which order (PNG, section 5.6).

    Returns:
        The file without texts and colour profiles, which Pillow would inflate.

    Raises:
        ValueError: When the file ends early, has over MAX_CHUNKS chunks, or a chunk is missing,
            unknown, out of place or too often there; when the last one is damaged, for a palette of
            another size, and for an animation.
    """
    chunks = list(_chunks(data))
    _check_order(data, chunks)
    if not any(kind in _PACKED for kind, _ in chunks):
        return data
    return PNG_MAGIC + b"".join(chunk for kind, chunk in chunks if kind not in _PACKED)


def _check_order(data: bytes, chunks: Sequence[tuple[bytes, memoryview]]) -> None:
    kinds = [kind for kind, _ in chunks]
    if kinds[0] != b"IHDR":
        raise ValueError("the first chunk is not IHDR")
    if b"acTL" in kinds:
        raise ValueError("an animated PNG; expected a single picture")
    for kind in kinds:
        if not kind[0] & 32 and kind not in _CRITICAL:  # a capital letter: must not be skipped
            raise ValueError(f"unknown chunk {kind!r}")
    for kind in _ONCE:
        if kinds.count(kind) > 1:
            raise ValueError(f"{kinds.count(kind)} chunks {kind.decode()}; one is allowed")
    if b"IDAT" not in kinds:
        raise ValueError("no pixel data (IDAT)")
    if {b"PLTE", b"tRNS"} & set(kinds[kinds.index(b"IDAT") :]):
        raise ValueError("a palette (PLTE, tRNS) behind the pixel data")
    if chunks[-1][1] != _END:
        raise ValueError("its last chunk (IEND) is damaged")
    sizes = {kind: len(chunk) - 12 for kind, chunk in chunks}
    palette, transparent = sizes.get(b"PLTE", 0), sizes.get(b"tRNS", 0)
    is_palette = data[25] == _PALETTE
    if palette % 3 or palette > 3 << 8 or (is_palette and not palette):
        raise ValueError(f"a palette of {palette} bytes")
    if is_palette and transparent > palette // 3:
        raise ValueError(f"a palette of {palette // 3} colours, {transparent} of them transparent")


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
    inflater, found = zlib.decompressobj(), 0
    for body in (chunk[8:-4] for kind, chunk in _chunks(data) if kind == b"IDAT"):
        for start in range(0, len(body), 4096):  # each is at most 4 MB when inflated
            if found >= expected:
                return
            found += len(inflater.decompress(body[start : start + 4096]))
    if found < expected:
        raise ValueError(f"the pixel data end early: {found} of {expected} bytes")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the kind of each chunk up to IEND, and the chunk with its length and checksum."""
    view, place, kind = memoryview(data), len(PNG_MAGIC), b""
    for _ in range(MAX_CHUNKS):
        if place + 12 > len(data):
            raise ValueError(f"the file ends at byte {len(data)}, before its last chunk (IEND)")
        length, kind = struct.unpack_from(">I4s", data, place)
        yield kind, view[place : place + 12 + length]
        place += 12 + length
        if kind == b"IEND":
            return
    raise ValueError(f"over {MAX_CHUNKS} chunks")
