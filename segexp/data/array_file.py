"""An npy file that is filled row by row, from several threads."""

import math
import os
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray


class ArrayFile:
    """A new npy file of uint8 whose rows are written in any order; synced when it is closed.

    Rows are written, not mapped: a full disk is then an OSError, where a memory map would
    kill the process.

    Args:
        path: A file that does not exist.
        shape: The array's shape; the first side counts the rows.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._file = path.open("xb")
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        npy_format.write_array_header_1_0(self._file, header)
        self._file.flush()
        self._begin = self._file.tell()
        self._shape = shape

    def __enter__(self) -> "ArrayFile":
        return self

    def write_row(self, row: int, values: NDArray[np.uint8]) -> None:
        """Write one row.

        Raises:
            OSError: When the disk is full.
            ValueError: When the values are not a row of this array.
        """
        if values.shape != self._shape[1:] or values.dtype != np.uint8:
            raise ValueError(f"row of {values.shape} {values.dtype}; expected {self._shape[1:]}")
        place = self._begin + row * math.prod(self._shape[1:])
        data = memoryview(values.tobytes())
        while data:
            written = os.pwrite(self._file.fileno(), data, place)
            place, data = place + written, data[written:]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                os.fsync(self._file.fileno())
        finally:
            self._file.close()
