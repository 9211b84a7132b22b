"""npy files whose header is believed only as far as the file's size bears it out."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from segexp.dataset.image_file import check_pixel_count, read_bytes
from segexp.dataset.source import SampleFault

# A float that an 8-bit step would round to 0 or 255 anyway is not out of range.
HALF_STEP = 1 / 510

LARGEST_RAW_ID = 2**31 - 1


def read_array(path: Path) -> NDArray[Any]:
    """Read an npy file; nothing in it is executed, and nothing is allocated on its word alone.

    Raises:
        SampleFault: When it is no npy file, holds objects, or its header and its size disagree.
    """
    data = read_bytes(path)
    stream = io.BytesIO(data)
    try:
        version = npy_format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = npy_format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran, dtype = npy_format.read_array_header_2_0(stream)
        else:
            raise ValueError(f"format version {version}; expected 1.0 or 2.0")
    except Exception as error:  # the header is parsed as a Python literal: nearly any exception
        detail = " ".join(str(error).split())[:200]
        raise SampleFault(f"{path}: not a readable npy file: {detail}") from None
    if dtype.kind not in "iuf":
        raise SampleFault(f"{path}: dtype {dtype}; expected integers or floats")
    if any(side < 0 for side in shape):
        raise SampleFault(f"{path}: the header's shape {shape} has a negative side")
    claimed, found = math.prod(shape) * dtype.itemsize, len(data) - stream.tell()
    if claimed != found:
        raise SampleFault(
            f"{path}: the header says {shape} of {dtype}, {claimed} bytes, but {found} bytes follow"
        )
    array = np.frombuffer(data, dtype, offset=stream.tell())
    return array.reshape(shape, order="F" if fortran else "C")


def read_npy_image(path: Path) -> NDArray[np.uint8]:
    """Read an image: floats in 0..1 or uint8 in 0..255, shape (H, W, 3), to uint8.

    Raises:
        SampleFault: Also for floats beyond 0..1: they are 0..255 stored as floats, and scaled
            by 255 they would come out white.
    """
    array = read_array(path)
    if array.ndim != 3 or array.shape[2] != 3:
        first = " (channels first)" if array.ndim == 3 and array.shape[0] == 3 else ""
        raise SampleFault(f"{path}: shape {array.shape}{first}; expected (H, W, 3)")
    check_pixel_count(path, array.shape[0], array.shape[1])
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype.kind != "f":
        raise SampleFault(f"{path}: dtype {array.dtype}; expected floats in 0..1 or uint8")
    _refuse_non_finite(path, array)
    lowest, highest = float(array.min()), float(array.max())
    if lowest < -HALF_STEP or highest > 1 + HALF_STEP:
        raise SampleFault(
            f"{path}: floats from {lowest:g} to {highest:g}; floats must lie in 0..1 "
            "(values in 0..255 must be saved as uint8)"
        )
    scaled = np.rint(array.astype(np.float32) * np.float32(255))
    image: NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8, order="C")
    return image


def read_npy_ids(path: Path) -> NDArray[Any]:
    """Read a mask of raw ids, shape (H, W): integers, or floats that hold whole numbers.

    Raises:
        SampleFault: Also for fractions, non-finite values, and ids beyond 32 bits.
    """
    array = read_array(path)
    if array.ndim != 2:
        raise SampleFault(f"{path}: shape {array.shape}; expected (H, W)")
    check_pixel_count(path, array.shape[0], array.shape[1])
    if array.dtype.kind == "f":
        _refuse_non_finite(path, array)
        fractions = int(np.count_nonzero(array != np.rint(array)))
        if fractions:
            example = float(array[array != np.rint(array)][0])
            raise SampleFault(
                f"{path}: {fractions} pixels are no whole numbers, such as {example:g}; was the "
                "mask resized with interpolation?"
            )
    largest = max(int(array.max()), -int(array.min()))
    if largest > LARGEST_RAW_ID:
        raise SampleFault(f"{path}: a raw id of magnitude {largest}; expected 32 bits at most")
    return array.astype(np.int64) if array.dtype.kind == "f" or array.itemsize == 8 else array


def _refuse_non_finite(path: Path, array: NDArray[Any]) -> None:
    count = int(np.count_nonzero(~np.isfinite(array)))
    if count:
        raise SampleFault(f"{path}: {count} values are not finite (NaN or infinite)")
