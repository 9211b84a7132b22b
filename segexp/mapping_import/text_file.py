"""Text files of strangers: bounded in size, UTF-8, and quoted in errors at a bounded length."""

from pathlib import Path

from segexp.errors import InputError

MAX_BYTES = 1 << 20
SHOWN_CHARACTERS = 60

MAX_ROWS = 4096
"""More rows than any label table has: at most 255 labels fit into a mask."""


def read_text_file(path: Path) -> str:
    """Read a text file of at most a megabyte; a byte order mark is dropped.

    Raises:
        InputError: When it cannot be read, is too large or is not UTF-8.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is no file")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: more than {MAX_BYTES} bytes; no label table is that large")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None


def shown(value: object) -> str:
    """Return a value as an error quotes it: its ``repr``, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def printable(text: str) -> str:
    """Return a text of a file for a terminal: characters that steer it become ``?``."""
    return "".join(c if c.isprintable() else "?" for c in text)
