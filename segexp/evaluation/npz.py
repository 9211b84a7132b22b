"""npz files, believed only as far as their members' sizes bear them out."""

import io
import struct
import zipfile
import zlib
from typing import Any

from numpy.typing import NDArray

from segexp.data.files.npy import parse_array

MAX_MEMBERS = 64

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (
    *(OSError, ValueError, EOFError, RuntimeError, NotImplementedError),  # encrypted, or newer
    *(zipfile.BadZipFile, zlib.error, struct.error, OverflowError),
)


def read_npz(content: bytes, max_bytes: int) -> dict[str, NDArray[Any]]:
    """Read the arrays of an npz file, by name; numbers and texts only, and no pickle.

    Args:
        content: The file's content.
        max_bytes: How many bytes all arrays together may have. A zip file of a thousandth of that
            could hold them.

    Raises:
        ValueError: When it is no npz file, damaged, or larger; the message says which.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check(members, max_bytes)
            return {
                info.filename.removesuffix(".npy"): parse_array(_inflate(archive, info), "iufU")
                for info in members
            }
    except _TooLargeError:
        raise
    except _DAMAGE:
        raise ValueError("is damaged, or no file that segexp wrote") from None


class _TooLargeError(ValueError):
    pass


def _check(members: list[zipfile.ZipInfo], max_bytes: int) -> None:
    names = {info.filename for info in members}
    if len(members) > MAX_MEMBERS or len(names) < len(members):
        raise ValueError(f"{len(members)} members")
    if any(i.compress_type not in _METHODS or not i.filename.endswith(".npy") for i in members):
        raise ValueError("another kind of member")
    total = sum(info.file_size for info in members)
    if total > max_bytes:
        raise _TooLargeError(f"holds {total} bytes; at most {max_bytes} are read")


def _inflate(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return a member's bytes, which are never more than its entry says (zipfile stops there)."""
    with archive.open(info) as file:
        return file.read(info.file_size + 1)
