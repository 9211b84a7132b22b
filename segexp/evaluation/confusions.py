"""Per-image confusion matrices and predictions of one model, saved for later analysis.

Written with `numpy.savez_compressed` and read without pickle: loading runs no code.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import NEWER, InputError, WorkError
from segexp.core.files import read_bounded, write_atomic
from segexp.evaluation.metrics import OWN, RULERS
from segexp.evaluation.npz import read_npz

CONFUSIONS_FILE = "confusions.npz"
PREDICTIONS_FILE = "predictions.npz"

VERSION = 1
"""The version of both files; a file without one is version 1."""

OF_SIZES = 2
"""The version of predictions whose sizes differ from image to image."""

MAX_CONFUSION_BYTES = 4 << 30
"""Enough for three rulers on 5,000 images of 171 classes, COCO-Stuff's val split."""

MAX_PREDICTION_BYTES = 4 << 30
"""Enough for three rulers on 500 images of 1024 x 2048."""

MAX_SIDE = 1 << 16
"""Of a mask, in pixels."""

MAX_PIXELS_COUNTED = 2**62
"""The sum of all counts has to fit into 64 bits."""


@dataclass(frozen=True, eq=False)
class Confusions:
    """What one model did on each image of a split; rows ground truth, columns prediction.

    Attributes:
        image_ids: The N images.
        by: Ruler (one of `segexp.evaluation.metrics.RULERS`) -> matrices in its space of K classes,
            int64 (N, K, K + 1). The last column is *none*.
    """

    image_ids: tuple[str, ...]
    by: Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Predictions:
    """The classes that one model predicted on a split, at the size that it was scored at.

    Attributes:
        image_ids: The N images.
        by: Ruler -> classes in its space, uint8 (H, W) of each image; K is *none*.
    """

    image_ids: tuple[str, ...]
    by: Mapping[str, Sequence[NDArray[np.uint8]]]


Arrays = dict[str, NDArray[Any]]

_VERSION, _SIZES = "version", "sizes"


def save_confusions(path: Path, splits: Mapping[str, Confusions]) -> None:
    """Write the matrices of one or more splits, by split name."""
    arrays: Arrays = {}
    for split, confusions in splits.items():
        arrays[f"{split}/image_ids"] = np.array(confusions.image_ids)
        arrays |= {f"{split}/{ruler}": matrices for ruler, matrices in confusions.by.items()}
    _save(path, arrays)


def load_confusions(path: Path) -> dict[str, Confusions]:
    """Read what `save_confusions` wrote, by split name.

    Raises:
        WorkError: When the file is missing or damaged.
    """
    return read_confusions(_read(path, MAX_CONFUSION_BYTES), str(path))


def read_confusions(content: bytes, where: str) -> dict[str, Confusions]:
    """Parse a file that `save_confusions` wrote; return its splits by name.

    Raises:
        WorkError: When the file is damaged.
    """
    arrays = _arrays(content, where, MAX_CONFUSION_BYTES)
    splits = dict.fromkeys(name.partition("/")[0] for name in arrays if "/" in name)
    if not splits:
        raise WorkError(f"{where}: no split has image_ids")
    return {split: _split(arrays, split, where) for split in splits}


def _split(arrays: Arrays, split: str, where: str) -> Confusions:
    try:
        ids = _ids(arrays[f"{split}/image_ids"], where)
        by = {ruler: arrays[f"{split}/{ruler}"] for ruler in RULERS}
    except KeyError as error:
        raise WorkError(f"{where}: {error} is missing") from None
    for name, found in by.items():
        rows = found.shape[1] if found.ndim == 3 else 0
        if found.shape != (len(ids), rows, rows + 1) or found.dtype.kind not in "iu" or not rows:
            raise WorkError(
                f"{where}: {split}/{name}: {found.dtype} of shape {found.shape}; expected whole "
                f"numbers of shape ({len(ids)}, C, C + 1), a matrix for each image"
            )
        if found.size and (found.min() < 0 or found.sum(dtype=np.float64) > MAX_PIXELS_COUNTED):
            raise WorkError(
                f"{where}: {split}/{name}: counts from {found.min()} to {found.max()}; expected "
                f"pixel counts whose sum is at most {MAX_PIXELS_COUNTED}"
            )
    return Confusions(ids, {name: found.astype(np.int64, copy=False) for name, found in by.items()})


def save_predictions(path: Path, predictions: Predictions) -> None:
    """Write the predictions of one split, all of one size or of several."""
    ids = np.array(predictions.image_ids)
    sizes = [np.shape(mask) for mask in next(iter(predictions.by.values()))]
    if len(set(sizes)) == 1:
        _save(path, {"image_ids": ids, **{n: np.stack(m) for n, m in predictions.by.items()}})
        return
    flat = {n: np.concatenate([m.ravel() for m in masks]) for n, masks in predictions.by.items()}
    _save(path, {_VERSION: np.array([OF_SIZES]), "image_ids": ids, _SIZES: np.array(sizes), **flat})


def load_predictions(path: Path) -> Predictions:
    """Read what `save_predictions` wrote.

    Raises:
        WorkError: When the file is missing or damaged.
    """
    arrays = _arrays(_read(path, MAX_PREDICTION_BYTES), str(path), MAX_PREDICTION_BYTES, OF_SIZES)
    try:
        ids = _ids(arrays["image_ids"], str(path))
        by = {ruler: arrays[ruler] for ruler in RULERS}
    except KeyError as error:
        raise WorkError(f"{path}: {error} is missing") from None
    if _SIZES in arrays:
        return Predictions(ids, _of_sizes(by, arrays[_SIZES], len(ids), str(path)))
    for name, found in by.items():
        right = (len(ids), *by[OWN].shape[1:])
        if found.shape != right or found.ndim != 3 or found.dtype != np.uint8:
            raise WorkError(
                f"{path}: {name}: {found.dtype} of shape {found.shape}; expected uint8 of shape "
                f"({len(ids)}, H, W), a mask for each image"
            )
    return Predictions(ids, {name: list(masks) for name, masks in by.items()})


def _of_sizes(
    by: Arrays, sizes: NDArray[Any], count: int, where: str
) -> dict[str, list[NDArray[np.uint8]]]:
    """Cut flat arrays into masks, (H, W) by the rows of ``sizes``."""
    is_right = count > 0 and sizes.shape == (count, 2) and sizes.dtype.kind in "iu"
    if not is_right or not ((sizes > 0) & (sizes <= MAX_SIDE)).all():
        raise WorkError(
            f"{where}: {_SIZES}: {sizes.dtype} of shape {sizes.shape}; expected the height and "
            f"width of each mask, ({count}, 2), from 1 to {MAX_SIDE}"
        )
    ends = sizes.astype(np.int64).prod(axis=1).cumsum()
    for name, found in by.items():
        if found.shape != (ends[-1],) or found.dtype != np.uint8:
            raise WorkError(
                f"{where}: {name}: {found.dtype} of shape {found.shape}; expected uint8 of shape "
                f"({ends[-1]},), the pixels of all masks"
            )
    return {
        name: [
            mask.reshape(*size)
            for mask, size in zip(np.split(found, ends[:-1]), sizes, strict=True)
        ]
        for name, found in by.items()
    }


def _save(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, **{_VERSION: np.array([VERSION]), **arrays})  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, file.getvalue())


def _read(path: Path, limit: int) -> bytes:
    try:
        return read_bounded(path, limit)
    except InputError as error:
        raise WorkError(str(error)) from None


def _arrays(content: bytes, where: str, limit: int, newest: int = VERSION) -> Arrays:
    try:
        arrays = read_npz(content, limit)
    except ValueError as error:
        raise WorkError(f"{where}: {error}") from None
    version = arrays.get(_VERSION, np.array([VERSION]))
    if version.shape != (1,) or version.dtype.kind not in "iu" or version[0] < 1:
        raise WorkError(
            f"{where}: version: {version.dtype} of shape {version.shape}; "
            "expected one positive integer"
        )
    if version[0] > newest:
        raise WorkError(
            f"{where}: is of version {version[0]}, and this segexp reads up to {newest}: {NEWER}"
        )
    return arrays


def _ids(texts: NDArray[np.generic], where: str) -> tuple[str, ...]:
    if texts.ndim != 1 or texts.dtype.kind != "U":
        raise WorkError(
            f"{where}: image_ids: {texts.dtype} of shape {texts.shape}; expected strings"
        )
    try:
        return tuple(str(text) for text in texts)
    except ValueError:  # invalid code points
        raise WorkError(f"{where}: image_ids: invalid Unicode") from None
