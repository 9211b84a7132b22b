"""What Pillow does not look at in a PNG file: checksums, the end, and whether all rows are there.

Pillow fills rows that are missing with zeros; in a mask that would be the label with raw id 0.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import starmap

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

MAX_CHUNKS = 100_000
"""64 megapixels in the 8 KiB chunks of libpng are 31,000."""

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # likewise
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2)]  # fmt: skip
"""First column, first row, step of columns and step of rows of each pass (PNG, section 8.2)."""


@dataclass(frozen=True)
class Png:
    """A PNG file whose chunks are all there; whether all rows are, `check_rows` says.

    Attributes:
        bits: Bits of one sample.
        palette_size: The entries of its palette; 0 without one.
        transparency: What its tRNS chunk holds; None without one.
        exif: What its eXIf chunk holds; None without one.
        is_interlaced: Whether its rows come in several passes.
        pixel_data: What its IDAT chunks hold.
        inflated_bytes: How many bytes that has to be when it is inflated.
        critical: The file again, but with its critical chunks only: no text, no profile, nothing
            else that a decoder might inflate or apply.
    """

    bits: int
    palette_size: int
    transparency: bytes | None
    exif: bytes | None
    is_interlaced: bool
    pixel_data: tuple[memoryview, ...]
    inflated_bytes: int
    critical: bytes


def check_png(data: bytes) -> Png:
    """Check a PNG file's chunks. Nothing is inflated.

    Raises:
        ValueError: When a checksum is wrong, chunks are missing, or a chunk is where, or what, PNG
            does not allow; also for an animation.
        struct.error: When the header is too short.
    """
    chunks = _chunks(data)
    kinds = [kind for kind, _ in chunks]
    if kinds[0] != b"IHDR":
        raise ValueError("the first chunk is not IHDR")
    if b"acTL" in kinds:
        raise ValueError("an animated PNG; expected a single picture")
    for kind in kinds:
        if not kind[0] & 32 and kind not in _CRITICAL:  # a capital letter: not to be skipped
            raise ValueError(f"unknown chunk {kind!r}")
    for kind in (b"IHDR", b"PLTE", b"tRNS", b"eXIf"):
        if kinds.count(kind) > 1:
            raise ValueError(f"{kinds.count(kind)} chunks {kind.decode()}; one is allowed")
    pixel_data = [place for place, kind in enumerate(kinds) if kind == b"IDAT"]
    if not pixel_data or pixel_data[-1] - pixel_data[0] != len(pixel_data) - 1:
        raise ValueError("no pixel data (IDAT), or not in one piece")
    if {b"PLTE", b"tRNS"} & set(kinds[pixel_data[0] :]):
        raise ValueError("a palette (PLTE, tRNS) behind the pixel data")

    header, by_kind = chunks[0][1], dict(chunks)
    width, height, bits, color_type, compression, filtering, interlace = struct.unpack(
        ">IIBBBBB", header
    )
    if bits not in _BITS.get(color_type, ()) or compression or filtering or interlace > 1:
        raise ValueError(f"a header that PNG does not know: {header.hex(' ')}")
    palette = by_kind.get(b"PLTE", memoryview(b""))
    if len(palette) % 3 or len(palette) > 3 << 8 or (color_type == 3 and not palette):
        raise ValueError(f"a palette of {len(palette)} bytes")

    pixel_bits = bits * _SAMPLES[color_type]
    passes = [(width, height)]
    if interlace:
        passes = [
            ((width - x + dx - 1) // dx, (height - y + dy - 1) // dy) for x, y, dx, dy in _ADAM7
        ]

    def pass_bytes(columns: int, rows: int) -> int:
        return rows * (1 + (columns * pixel_bits + 7) // 8) if columns > 0 else 0

    return Png(
        bits,
        len(palette) // 3 if color_type == 3 else 0,
        bytes(by_kind[b"tRNS"]) if b"tRNS" in by_kind else None,
        bytes(by_kind[b"eXIf"]) if b"eXIf" in by_kind else None,
        bool(interlace),
        tuple(body for kind, body in chunks if kind == b"IDAT"),
        sum(starmap(pass_bytes, passes)),
        data if set(kinds) <= {*_CRITICAL} else _joined(chunks),
    )


def check_rows(png: Png) -> None:
    """Check the length of a PNG file's pixel data. Nothing is kept inflated.

    Raises:
        ValueError: When rows are missing.
        zlib.error: When the pixel data are damaged.
    """
    found = _inflated_length(png.pixel_data, png.inflated_bytes)
    if found < png.inflated_bytes:
        raise ValueError(f"the pixel data end early: {found} of {png.inflated_bytes} bytes")


def png_size(data: bytes) -> tuple[int, int]:
    """Return height and width from the header of a PNG file.

    Raises:
        struct.error: When the header is too short.
    """
    width, height = struct.unpack_from(">II", data, 16)
    return height, width


def png_chunk(kind: bytes, body: bytes | memoryview) -> bytes:
    """Return a chunk as it stands in a file, with its length and checksum."""
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)) + kind + bytes(body) + struct.pack(">I", checksum)


def png_text(data: bytes, key: str) -> str | None:
    """Return the first text that a PNG file has under a key (a tEXt chunk), without checking it."""
    place, begin = len(PNG_MAGIC), key.encode("latin-1") + b"\0"
    for _ in range(MAX_CHUNKS):
        if place + 12 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"tEXt" and data.startswith(begin, place + 8, place + 8 + length):
            return data[place + 8 + len(begin) : place + 8 + length].decode("latin-1")
        place += 12 + length
    return None


def with_png_text(data: bytes, key: str, text: str) -> bytes:
    """Put a text (Latin-1) under a key into a PNG file, behind its header."""
    end_of_header = len(PNG_MAGIC) + 25
    chunk = png_chunk(b"tEXt", f"{key}\0{text}".encode("latin-1", "backslashreplace"))
    return data[:end_of_header] + chunk + data[end_of_header:]


def _chunks(data: bytes) -> list[tuple[bytes, memoryview]]:
    """Return kind and body of every chunk up to IEND, their checksums checked."""
    place = len(PNG_MAGIC)
    view = memoryview(data)
    chunks: list[tuple[bytes, memoryview]] = []
    while not chunks or chunks[-1][0] != b"IEND":
        if len(chunks) == MAX_CHUNKS:
            raise ValueError(f"over {MAX_CHUNKS} chunks")
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
            raise ValueError(f"wrong checksum of the chunk {repr(kind)[2:-1]} at {place}")
        chunks.append((kind, view[place + 8 : end]))
        place = end + 4
    return chunks


def _joined(chunks: list[tuple[bytes, memoryview]]) -> bytes:
    critical = (png_chunk(kind, body) for kind, body in chunks if kind in _CRITICAL)
    return PNG_MAGIC + b"".join(critical)


def _inflated_length(parts: Iterable[memoryview], enough: int) -> int:
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
