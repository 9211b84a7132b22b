"""Per-image confusion matrices and predictions of one model, kept for whatever is asked later.

Written with `numpy.savez_compressed` and read without pickle: loading runs no code.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.errors import WorkError
from segexp.files import write_atomic

CONFUSIONS_FILE = "confusions.npz"
PREDICTIONS_FILE = "predictions.npz"


@dataclass(frozen=True, eq=False)
class Confusions:
    """What one model did on each image of a split; rows ground truth, columns prediction.

    N images, C classes of the model's mapping, K of the common space. The last column is *none*.

    Attributes:
        image_ids: The N images.
        own: In the mapping's own space, int64 (N, C, C + 1).
        common: In the common space by the rule ``sum``, int64 (N, K, K + 1).
        common_argmax: In the common space by the rule ``argmax``, int64 (N, K, K + 1).
    """

    image_ids: tuple[str, ...]
    own: NDArray[np.int64]
    common: NDArray[np.int64]
    common_argmax: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Predictions:
    """The decisions of one model on a split, at the data's size.

    Attributes:
        image_ids: The N images.
        own: Classes of the model's mapping, uint8 (N, H, W).
        common: Classes of the common space by the rule ``sum``, uint8 (N, H, W); K is *none*.
        common_argmax: The same by ``argmax``.
    """

    image_ids: tuple[str, ...]
    own: NDArray[np.uint8]
    common: NDArray[np.uint8]
    common_argmax: NDArray[np.uint8]


Arrays = dict[str, NDArray[np.generic]]

_ARRAYS = ("own", "common", "common_argmax")

_DAMAGE = (
    *(OSError, ValueError, EOFError, RuntimeError, MemoryError),  # RuntimeError: encrypted
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


def save_confusions(path: Path, splits: Mapping[str, Confusions]) -> None:
    """Write the matrices of one or more splits, by split name."""
    arrays: Arrays = {}
    for split, confusions in splits.items():
        arrays[f"{split}/image_ids"] = np.array(confusions.image_ids)
        arrays |= {f"{split}/{name}": getattr(confusions, name) for name in _ARRAYS}
    _save(path, arrays)


def load_confusions(path: Path) -> dict[str, Confusions]:
    """Read what `save_confusions` wrote, by split name.

    Raises:
        WorkError: When the file is gone or damaged.
    """
    return read_confusions(_read(path), str(path))


def read_confusions(content: bytes, where: str) -> dict[str, Confusions]:
    """Read the content of a file that `save_confusions` wrote, by split name.

    Args:
        content: The file's content.
        where: What to call it in an error.

    Raises:
        WorkError: When it is damaged.
    """
    arrays = _arrays(content, where)
    splits = dict.fromkeys(name.partition("/")[0] for name in arrays)
    return {split: _split(arrays, split, where) for split in splits}


def _split(arrays: Arrays, split: str, where: str) -> Confusions:
    try:
        ids = tuple(str(i) for i in np.atleast_1d(arrays[f"{split}/image_ids"]))
        matrices = [arrays[f"{split}/{name}"] for name in _ARRAYS]
    except KeyError as error:
        raise WorkError(f"{where}: {error} is missing in it") from None
    for name, found in zip(_ARRAYS, matrices, strict=True):
        rows = found.shape[1] if found.ndim == 3 else 0
        if found.shape != (len(ids), rows, rows + 1) or found.dtype.kind not in "iu":
            raise WorkError(
                f"{where}: {split}/{name}: {found.dtype} of shape {found.shape}; expected whole "
                f"numbers of shape ({len(ids)}, C, C + 1), a matrix for each image"
            )
    return Confusions(ids, *(found.astype(np.int64) for found in matrices))


def save_predictions(path: Path, predictions: Predictions) -> None:
    """Write the predictions of one split."""
    ids = np.array(predictions.image_ids)
    _save(path, {"image_ids": ids, **{name: getattr(predictions, name) for name in _ARRAYS}})


def load_predictions(path: Path) -> Predictions:
    """Read what `save_predictions` wrote.

    Raises:
        WorkError: When the file is gone or damaged.
    """
    arrays = _arrays(_read(path), str(path))
    try:
        ids = tuple(str(i) for i in arrays["image_ids"])
        return Predictions(ids, *(arrays[name].astype(np.uint8) for name in _ARRAYS))
    except KeyError as error:
        raise WorkError(f"{path}: {error} is missing in it") from None


def _save(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, file.getvalue())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WorkError(f"{path}: cannot be read: {error.strerror}") from None


def _arrays(content: bytes, where: str) -> Arrays:
    try:
        with zipfile.ZipFile(io.BytesIO(content)):
            pass  # np.load would take what is no archive for a pickle or a single array
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except _DAMAGE:
        # What NumPy says of a damaged file is advice to load it with pickle, which runs its code.
        raise WorkError(f"{where}: is damaged, or no file that segexp wrote") from None
