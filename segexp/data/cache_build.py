"""Filling the arrays of a cache: one pass that decodes, checks and resizes every file."""

import math
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.data.check import CheckReport, Inspection, inspect_sample, summarise
from segexp.data.halves import Halves
from segexp.data.label_counts import half_counts
from segexp.data.resize import resize_image, resize_labels
from segexp.data.source import Sample, Source
from segexp.data.threads import Progress, map_in_threads
from segexp.labels.taxonomy import VOID


@dataclass(frozen=True)
class Built:
    """What the arrays hold.

    Attributes:
        ids: By split, the samples' ids in the order of the arrays.
        mean: Of each channel of train, in 0..1, shape (3,).
        std: Of each channel of train, in 0..1, shape (3,).
        report: What the scan found; without faults.
    """

    ids: dict[str, list[str]]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    report: CheckReport


def build_arrays(
    source: Source,
    image_size: tuple[int, int],
    halves: Halves,
    directory: Path,
    progress: Progress | None,
) -> Built:
    """Write the images, the labels and the counts of labels of every split into a folder.

    ``<split>_images.npy``, ``<split>_labels.npy`` and ``<split>_counts.npy``.

    Val is stored with its tuning half first, so that each half is a slice of the arrays.

    Args:
        source: The data set.
        image_size: Height and width to resize to.
        halves: Those of val.
        directory: The folder.
        progress: Called with how many samples are decoded, and of how many.

    Raises:
        InputError: With every fault that `check.check_source` finds.
        OSError: When the folder cannot be written.
    """
    ids = {split: [s.id for s in samples] for split, samples in source.splits.items()}
    ids["val"].sort(key=lambda id_: id_ not in halves.tuning)
    rows = {split: {id_: row for row, id_ in enumerate(order)} for split, order in ids.items()}
    with ExitStack() as stack:
        images: dict[str, _ArrayFile] = {}
        labels: dict[str, _ArrayFile] = {}
        counts: dict[str, NDArray[np.int32]] = {}
        for split, order in ids.items():
            shape = (len(order), *image_size)
            image_file = _ArrayFile(directory / f"{split}_images.npy", (*shape, 3))
            images[split] = stack.enter_context(image_file)
            label_file = _ArrayFile(directory / f"{split}_labels.npy", shape)
            labels[split] = stack.enter_context(label_file)
            counts[split] = np.zeros((len(order), 2, VOID + 1), np.int32)

        def store(entry: tuple[str, Sample]) -> Inspection:
            split, sample = entry
            inspection, image, label = inspect_sample(source, split, sample)
            if image is not None and label is not None and not inspection.faults:
                row = rows[split][sample.id]
                images[split].write_row(row, resize_image(image, image_size))
                resized = resize_labels(label, image_size)
                labels[split].write_row(row, resized)
                counts[split][row] = half_counts(resized)
            return inspection

        entries = [(split, sample) for split, s in source.splits.items() for sample in s]
        report = summarise(source, map_in_threads(store, entries, progress), halves)
    if report.faults:
        raise InputError(report.faults)
    for split, of_images in counts.items():
        np.save(directory / f"{split}_counts.npy", of_images)
    mean, std = channel_mean_std(np.load(directory / "train_images.npy", mmap_mode="r"))
    return Built(ids, mean, std, report)


def channel_mean_std(
    images: NDArray[np.uint8],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and population standard deviation of each channel, in 0..1; both of shape (3,).

    Counted in whole numbers, one image at a time, so that the sums are exact whatever the
    number of pixels.

    Args:
        images: uint8 (N, H, W, 3).
    """
    counts = np.zeros((3, 256), np.int64)
    for image in images:
        for channel in range(3):
            counts[channel] += np.bincount(image[..., channel].ravel(), minlength=256)
    values = np.arange(256) / 255
    weights = counts / counts.sum(axis=1, keepdims=True)
    mean = weights @ values
    variance = (weights * (values - mean[:, None]) ** 2).sum(axis=1)
    return mean, np.sqrt(variance)


class _ArrayFile:
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

    def __enter__(self) -> "_ArrayFile":
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
