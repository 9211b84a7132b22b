"""npz files, which a trial leaves and another process reads."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.data.files.npy import MAX_HEADER_BYTES


def read_npz(content: bytes, max_bytes: int) -> dict[str, NDArray[Any]]:
    """Read the arrays of an npz file, by name; numbers and texts only, and no pickle.

    Args:
        max_bytes: How many bytes all arrays together may have. A zip file of a thousandth of that
            could hold them.

    Raises:
        ValueError: When it is not an npz file, damaged, or larger; the message says which.
    """
    try:
        # Without pickle, which is NumPy's default.
        with np.load(io.BytesIO(content), max_header_size=MAX_HEADER_BYTES) as archive:
            size = sum(member.file_size for member in archive.zip.infolist())
            arrays = {name: archive[name] for name in archive.files} if size <= max_bytes else {}
            kinds = {array.dtype.kind for array in arrays.values()}
            is_twice = len(set(archive.files)) < len(archive.files)
            is_hollow = any(array.size and not array.itemsize for array in arrays.values())
            if is_twice or is_hollow or not kinds <= set("iufU"):
                raise ValueError("another kind of array, or one that is there twice")
    except Exception:  # NumPy meets damaged bytes with nearly any exception
        raise ValueError("is damaged, or not a file that segexp wrote") from None
    if size > max_bytes:
        raise ValueError(f"holds {size} bytes; at most {max_bytes} are read")
    return arrays
