"""A mask as a PNG with a palette: class indices in its pixels, which viewers show in colour."""

import struct
import zlib
from collections.abc import Mapping

from segexp.report.pictures import Pixels, encode_png

_BEHIND_HEADER = 33
"""Of a PNG: 8 bytes of signature, and the chunk ``IHDR``."""

_PALETTE = b"\x03"
"""The colour type whose samples are places in a palette (PNG, third edition, table 9)."""


def encode_mask(
    mask: Pixels, colors: Pixels | None, texts: Mapping[str, str] | None = None
) -> bytes:
    """Encode class indices as a palette PNG of 8 bits.

    Pillow reads the same indices as from a grey PNG; OpenCV and matplotlib read the colours.

    Args:
        mask: Class indices 0..C-1, or grey, shape (H, W).
        colors: RGB of each class, shape (C, 3); None for a grey PNG.
        texts: Texts by key (Latin-1; other characters as escapes) that are put into the file.

    Raises:
        ValueError: When the mask holds an index without a colour.
    """
    png = encode_png(mask)
    head, chunks = png[:_BEHIND_HEADER], list[bytes]()
    if colors is not None:
        if mask.max() >= len(colors):
            raise ValueError(f"mask holds {mask.max()}; classes are 0..{len(colors) - 1}")
        # Grey and palette differ in the header alone, and OpenCV writes grey fast.
        head = png[:8] + _chunk(b"IHDR", png[16:25] + _PALETTE + png[26:29])
        chunks.append(_chunk(b"PLTE", colors.tobytes()))
    for key, text in (texts or {}).items():
        chunks.append(_chunk(b"tEXt", f"{key}\0{text}".encode("latin-1", "backslashreplace")))
    return head + b"".join(chunks) + png[_BEHIND_HEADER:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Frame a chunk: its length, kind and content, and the checksum of the last two."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
