"""Filling the arrays of a cache: one pass that decodes, checks and resizes every file."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from threading import Lock
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.data.check import CheckReport, Inspection, inspect_sample, summarise
from segexp.data.halves import Halves
from segexp.data.label_counts import half_counts
from segexp.data.resize import resize_image, resize_labels
from segexp.data.source import Sample, Source
from segexp.data.threads import Progress, map_in_threads
from segexp.data.tiles import Size, TileFile, Tiling, tiles_of
from segexp.labels.taxonomy import VOID

_EXACT = 1 << 24
"""Pixels that OpenCV's histograms, which are float32, count exactly."""


@dataclass(frozen=True)
class Built:
    """What the arrays hold.

    Attributes:
        ids: By split, the samples' ids in the order of their counts and places.
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
    size_of: Callable[[Size], Size],
    tiling: Tiling,
    halves: Halves,
    directory: Path,
    progress: Progress | None,
) -> Built:
    """Write the images, the labels and the counts of labels of every split into a folder.

    ``<split>_images.npy`` and ``<split>_labels.npy``, in tiles; by image ``<split>_counts.npy``,
    and ``<split>_places.npy``: the first tile, height and width. A few images are in memory at a
    time, whatever their number.

    Val is listed with its tuning half first, so that each half is a slice of the counts and places.

    Args:
        source: The data set.
        size_of: From the size of an image that to which it is resized.
        tiling: How they are cut then.
        halves: Those of val.
        directory: The folder.
        progress: Called with how many samples are decoded, and of how many.

    Raises:
        InputError: With every fault that `check.check_source` finds.
        OSError: When the folder cannot be written.
    """
    ids = {split: [s.id for s in samples] for split, samples in source.splits.items()}
    ids["val"].sort(key=lambda id_: id_ not in halves.tuning)
    colors = np.zeros((3, 256), np.int64)
    with ExitStack() as stack:
        arrays = {
            split: stack.enter_context(_Arrays(directory, split, order, tiling))
            for split, order in ids.items()
        }
        lock = Lock()

        def store(entry: tuple[str, Sample]) -> Inspection:
            split, sample = entry
            inspection, image, label = inspect_sample(source, split, sample)
            if image is not None and label is not None and not inspection.faults:
                size = size_of(label.shape)
                resized = resize_image(image, size)
                arrays[split].write(sample.id, resized, resize_labels(label, size))
                if split == "train":
                    counted = color_counts(resized)
                    with lock:
                        np.add(colors, counted, out=colors)
            return inspection

        entries = [(split, sample) for split, s in source.splits.items() for sample in s]
        report = summarise(source, map_in_threads(store, entries, progress), halves)
    if report.faults:
        raise InputError(report.faults)
    return Built(ids, *mean_and_std(colors), report)


class _Arrays:
    """The files of a split, to be written in any order by any thread."""

    def __init__(self, directory: Path, split: str, ids: list[str], tiling: Tiling) -> None:
        self._prefix = directory / split
        self._rows = {id_: row for row, id_ in enumerate(ids)}
        self._tiling = tiling
        self._counts = np.zeros((len(ids), 2, VOID + 1), np.int32)
        self._places = np.zeros((len(ids), 3), np.int64)
        self._taken = 0
        self._lock = Lock()

    def __enter__(self) -> "_Arrays":
        tile = self._tiling.tile
        with ExitStack() as stack:
            self._images = stack.enter_context(TileFile(self._path("images"), (*tile, 3)))
            self._labels = stack.enter_context(TileFile(self._path("labels"), tile))
            self._files = stack.pop_all()
        return self

    def write(self, id_: str, image: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
        row = self._rows[id_]
        height, width = labels.shape
        with self._lock:
            first = row if self._tiling.is_whole else self._taken
            self._taken += prod(tiles_of((height, width), self._tiling.tile))
        self._places[row] = first, height, width
        self._counts[row] = half_counts(labels)
        self._images.write(first, image)
        self._labels.write(first, labels)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.__exit__(kind, error, trace)
        if kind is None:
            np.save(self._path("counts"), self._counts)
            np.save(self._path("places"), self._places)

    def _path(self, part: str) -> Path:
        return self._prefix.with_name(f"{self._prefix.name}_{part}.npy")


def color_counts(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the values of each channel of an image, uint8 (H, W, 3): int64 (3, 256)."""
    counts = np.zeros((3, 256), np.int64)
    bands = max(1, _EXACT // image.shape[1])
    for top in range(0, image.shape[0], bands):
        band = image[top : top + bands]
        for channel in range(3):
            found = cv2.calcHist([band], [channel], None, [256], [0, 256])
            counts[channel] += np.asarray(found, np.int64).ravel()
    return counts


def mean_and_std(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and population standard deviation of each channel, in 0..1; both of shape (3,).

    From counts in whole numbers, so that the sums are exact whatever the number of pixels.

    Args:
        counts: Of the values of each channel, int64 (3, 256), as `color_counts` of all images.
    """
    values = np.arange(256) / 255
    weights = counts / counts.sum(axis=1, keepdims=True)
    mean = weights @ values
    variance = (weights * (values - mean[:, None]) ** 2).sum(axis=1)
    return mean, np.sqrt(variance)
