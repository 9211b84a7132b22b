"""Text files of strangers: bounded in size, UTF-8, and quoted in errors at a bounded length."""

from pathlib import Path

from segexp.core.errors import InputError
from segexp.core.files import read_bounded

MAX_BYTES = 1 << 18
"""The syntax tree of Python source takes a thousand times as much memory, and seconds."""

MAX_ROWS = 4096
"""More rows than any label table has: at most 255 labels fit into a mask."""


def read_text_file(path: Path) -> str:
    """Read a text file of at most MAX_BYTES; a byte order mark is dropped.

    Raises:
        InputError: When it cannot be read, is too large or is not UTF-8.
    """
    content = read_bounded(path, MAX_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None
