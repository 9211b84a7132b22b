"""npy files, whose header must agree with the file's size."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from segexp.core.beginning import beginning
from segexp.data.files.images import refuse_unscaled
from segexp.data.files.pictures import check_pixel_count, read_bytes, row_bands
from segexp.data.source import SampleFault

# A float that an 8-bit step would round to 0 or 255 anyway is not out of range.
HALF_STEP = 1 / 510

LARGEST_RAW_ID = 2**31 - 1

MAX_ARRAY_BYTES = 512 << 20
"""64 megapixels of 64-bit raw ids, or 44 of RGB in float32."""

MAX_HEADER_BYTES = 1_024
"""NumPy writes 128 or so, and takes seconds over 10,000 damaged ones, its own limit: it reads what
Python cannot parse as Python 2, in time that grows with the square."""

MAX_DIMENSIONS = 8

NPY_MAGIC = b"\x93NUMPY"

_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


def read_array(path: Path) -> NDArray[Any]:
    """Read an npy file; nothing in it is executed, and nothing is allocated on its word alone.

    Raises:
        SampleFault: When it is not an npy file of integers or floats, or its header and its size
            disagree.
    """
    try:
        return parse_array(read_bytes(path, MAX_ARRAY_BYTES))
    except ValueError as error:
        raise SampleFault(f"{path}: {error}") from None


def parse_array(data: bytes) -> NDArray[Any]:
    """Read the content of an npy file of format 1.0 or 2.0; the array is a view of it.

    Format 3.0 exists for structured types alone.

    Raises:
        ValueError: When it is not an npy file of integers or floats, or its header and its size
            disagree.
    """
    begin, shape, is_fortran, dtype = _header(data)
    if dtype.kind not in "iuf":
        raise ValueError(f"dtype {str(dtype)[:80]}; expected integers or floats")
    if len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"{len(shape)} dimensions; at most {MAX_DIMENSIONS} are read")
    told = f"({', '.join(map(_short, shape))})"
    if any(isinstance(side, bool) or side < 0 for side in shape):
        raise ValueError(f"the header's shape {told} has a side that is not a number from 0")
    claimed, found = math.prod(shape) * dtype.itemsize, len(data) - begin
    if claimed != found or (found == 0 and max(shape) > MAX_ARRAY_BYTES):
        raise ValueError(
            f"the header says {told} of {dtype}, {_short(claimed)} bytes, but {found} bytes "
            "follow; download or copy it again"
        )
    array = np.frombuffer(data, dtype, offset=begin)
    return array.reshape(shape, order="F" if is_fortran else "C")


def is_image_array(path: Path) -> bool:
    """Whether a file begins as the npy file of an image does: numbers, shape (H, W, 3)."""
    try:
        with path.open("rb") as file:
            _, shape, _, dtype = _header(file.read(2 * MAX_HEADER_BYTES))
    except (OSError, ValueError):
        return False
    is_number = dtype == np.uint8 or dtype.kind == "f"
    return is_number and len(shape) == 3 and shape[2] == 3


def header_dtype(head: bytes) -> np.dtype[Any]:
    """Return the type that an npy file's first bytes state.

    Raises:
        ValueError: When they are not the header of an npy file.
    """
    return _header(head)[3]


def _header(data: bytes) -> tuple[int, tuple[int, ...], bool, np.dtype[Any]]:
    """Return where the numbers begin, their shape, whether columns come first, and their type."""
    file = io.BytesIO(data)
    try:
        if not data.startswith(NPY_MAGIC):
            raise ValueError(f"it {beginning(data)}")
        version = npy_format.read_magic(file)
        if version not in _READERS:
            raise ValueError(f"format version {version}; expected 1.0 or 2.0")
        shape, is_fortran, dtype = _READERS[version](file, max_header_size=MAX_HEADER_BYTES)
    except Exception as error:  # NumPy leaves the header to Python's own parser
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"not a readable npy file: {detail}") from None
    return file.tell(), shape, is_fortran, dtype


def read_npy_image(path: Path) -> NDArray[np.uint8]:
    """Read an image: floats in 0..1 or uint8 in 0..255, shape (H, W, 3), to uint8.

    Raises:
        SampleFault: Also for floats beyond 0..1 (they are 0..255 stored as floats, and scaled
            by 255 they would come out white), for floats that are 0 and 1 only (they may be
            either), and for values so small that the image would be black.
    """
    array = read_array(path)
    if array.ndim != 3 or array.shape[2] != 3:
        first = " (channels first)" if array.ndim == 3 and array.shape[0] == 3 else ""
        raise SampleFault(f"{path}: shape {array.shape}{first}; expected (H, W, 3)")
    check_pixel_count(path, array.shape[0], array.shape[1])
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise SampleFault(f"{path}: dtype {array.dtype}; expected floats in 0..1 or uint8")
    if array.dtype == np.uint8:
        image: NDArray[np.uint8] = np.ascontiguousarray(array)
    else:
        _check_floats(path, array)
        image = np.empty(array.shape, np.uint8)
        for band in row_bands(*array.shape[:2]):
            scaled = np.rint(array[band].astype(np.float32) * np.float32(255))
            image[band] = np.clip(scaled, 0, 255)
    refuse_unscaled(path, image)
    return image


def read_npy_ids(path: Path) -> NDArray[Any]:
    """Read a mask of raw ids, shape (H, W): integers, or floats that hold whole numbers.

    Returns:
        Integers of at most 32 bits.

    Raises:
        SampleFault: Also for fractions, non-finite values, and ids beyond 32 bits.
    """
    return ids_of_array(path, read_array(path))


def ids_of_array(path: Path, array: NDArray[Any]) -> NDArray[Any]:
    """Return the raw ids that an array holds, as `read_npy_ids` does.

    Raises:
        SampleFault: As `read_npy_ids` does.
    """
    if array.ndim != 2:
        raise SampleFault(f"{path}: shape {array.shape}; expected (H, W)")
    check_pixel_count(path, array.shape[0], array.shape[1])
    if array.dtype.kind == "f":
        _refuse_non_finite(path, array)
        _refuse_fractions(path, array)
    largest = max(int(array.max()), -int(array.min()))
    if largest > LARGEST_RAW_ID:
        raise SampleFault(
            f"{path}: a raw id of magnitude {_short(largest)}; expected 32 bits at most"
        )
    if array.dtype.kind == "f" or array.itemsize == 8:
        return array.astype(np.int32)
    return array


def _check_floats(path: Path, array: NDArray[Any]) -> None:
    _refuse_non_finite(path, array)
    lowest, highest = float(array.min()), float(array.max())
    if lowest < -HALF_STEP or highest > 1 + HALF_STEP:
        raise SampleFault(
            f"{path}: floats from {lowest:g} to {highest:g}; floats must lie in 0..1 "
            "(values in 0..255 must be saved as uint8)"
        )
    if highest == 1 and all(_is_0_or_1(array[band]) for band in row_bands(*array.shape[:2])):
        raise SampleFault(
            f"{path}: floats that are 0 and 1 only: black and white in 0..1, or nearly black in "
            "0..255; save the image as uint8"
        )
    if 0 < highest * 255 < 1.5:
        raise SampleFault(
            f"{path}: floats up to {highest:g}, which is one step of 255 or less: divided by 255 "
            "twice?"
        )


def _is_0_or_1(values: NDArray[Any]) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _refuse_fractions(path: Path, array: NDArray[Any]) -> None:
    fractions, example = 0, 0.0
    for band in row_bands(*array.shape):
        values = array[band]
        wrong = values[values != np.rint(values)]
        if wrong.size and not fractions:
            example = float(wrong[0])
        fractions += wrong.size
    if fractions:
        raise SampleFault(
            f"{path}: {fractions} pixels are not whole numbers, such as {example:g}; was the "
            "mask resized with interpolation?"
        )


def _refuse_non_finite(path: Path, array: NDArray[Any]) -> None:
    finite = sum(
        int(np.count_nonzero(np.isfinite(array[band]))) for band in row_bands(*array.shape[:2])
    )
    if finite < array.size:
        raise SampleFault(f"{path}: {array.size - finite} values are not finite (NaN or infinite)")


def _short(number: int) -> str:
    """Write a number; a header may hold one of thousands of digits."""
    return str(number) if abs(number) < 10**18 else f"{'-' * (number < 0)}10^18 or more"
