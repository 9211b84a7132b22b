"""Masks in npz files: one array of several that NumPy packed into a ZIP archive."""

import io
import zipfile
from pathlib import Path

from segexp.core.errors import did_you_mean
from segexp.data.files.npy import MAX_ARRAY_BYTES
from segexp.data.source import SampleFault

NPZ_MAGIC = b"PK\x03\x04"


def npy_inside(path: Path, data: bytes, array: str = "") -> bytes:
    """Return the npy file of one array in an npz file.

    Args:
        path: The npz file, for messages.
        data: Its content.
        array: The array's name; may be empty where there is a single one.

    Raises:
        SampleFault: When it is damaged, has no array of that name, or several and none is named.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            member = _member(path, [name.removesuffix(".npy") for name in names], array) + ".npy"
            size = archive.getinfo(member).file_size
            if size > MAX_ARRAY_BYTES:
                raise SampleFault(f"{path}: {member}: {size} bytes; at most {MAX_ARRAY_BYTES}")
            with archive.open(member) as file:
                return file.read(size)
    except SampleFault:
        raise
    except Exception as error:  # an archive that is damaged, encrypted, or of another compression
        detail = " ".join(str(error).split()) or type(error).__name__
        raise SampleFault(
            f"{path}: not a readable npz file: {detail}; download or copy it again"
        ) from None


def _member(path: Path, names: list[str], array: str) -> str:
    told = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    if array:
        if array not in names:
            known = f"has {told}" if names else "has no arrays"
            raise SampleFault(f"{path}: no array {array!r}{did_you_mean(array, names)}; it {known}")
        return array
    if not names:
        raise SampleFault(f"{path}: a ZIP archive without npy files in it; unpack it")
    if len(names) > 1:
        raise SampleFault(
            f"{path}: {len(names)} arrays, {told}; say which holds the mask: "
            f"`data.masks: {{array: {names[0]}}}`"
        )
    return names[0]
