"""What a file is, from its header alone, for the report of `segexp data check`."""

import struct
from pathlib import Path

from segexp.data.files.npy import MAX_HEADER_BYTES, NPY_MAGIC, header_dtype
from segexp.data.files.pictures import picture_kind
from segexp.data.files.png import PNG_MODES


def file_kind(path: Path) -> str:
    """Return ``PNG RGB``, ``PNG L 16 bits``, ``JPEG``, ``npy float32`` or the like.

    ``unreadable`` for the rest. The inspection that asks lists the fault itself; this is a name.
    """
    if not path.is_file():  # a pipe would be waited for
        return "unreadable"
    try:
        with path.open("rb") as file:
            head = file.read(MAX_HEADER_BYTES + 12)
        if path.suffix.lower() == ".txt":
            return "text"
        if head.startswith(NPY_MAGIC):
            return f"npy {header_dtype(head)}"
        kind = picture_kind(head)
        if kind == "PNG":
            bits, color_type = struct.unpack_from(">BB", head, 24)
            return f"PNG {PNG_MODES[color_type]}" + ("" if bits == 8 else f" {bits} bits")
    except (OSError, ValueError, TypeError, KeyError, struct.error):
        return "unreadable"
    return kind or "unreadable"
