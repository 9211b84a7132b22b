"""Counts over the splits of a data set: pixels and images per label, and per class of a mapping."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.data.cache import Dataset
from segexp.data.label_counts import half_counts
from segexp.data.split import Split
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID


@dataclass(frozen=True)
class SplitCounts:
    """Counts over one split; ``L`` labels, or the classes of a mapping.

    Attributes:
        pixels: Pixels of each label, int64 (L,).
        images: Images that contain it, int64 (L,).
        pixels_where_present: Pixels that are not void in the images that contain it, int64
            (L,): ``pixels / pixels_where_present`` is the frequency of median frequency
            balancing (Eigen and Fergus 2015).
        void_pixels: Pixels that are void.
    """

    pixels: NDArray[np.int64]
    images: NDArray[np.int64]
    pixels_where_present: NDArray[np.int64]
    void_pixels: int


def count_labels(split: Split, num: int, lookup: NDArray[np.uint8] | None = None) -> SplitCounts:
    """Count the labels of a split, or the classes of a mapping.

    Args:
        split: The split.
        num: How many labels, or classes, there are.
        lookup: ``Mapping.lookup()`` to count classes; None to count labels.

    Raises:
        ValueError: When an index is not a label: no pixel is left out.
    """
    return _fold(label_histograms(split), num, lookup)


def label_pixels(split: Split) -> NDArray[np.int64]:
    """Count the pixels of each label index of a split, VOID = 255 included; int64 (256,)."""
    counts: NDArray[np.int64] = label_histograms(split).sum(axis=0)
    return counts


def dataset_stats(dataset: Dataset, mappings: Sequence[Mapping]) -> dict[str, Any]:
    """Return all counts of a data set, as JSON holds them.

    Args:
        dataset: The data set; counted after resizing.
        mappings: Mappings over its taxonomy, to count their classes too.

    Returns:
        ``dataset``, ``format``, ``hash``, ``taxonomy``, ``image_size``, ``own_sizes``, ``sizes``,
        ``heldout_from``, ``heldout_by``, ``mean``, ``std``; ``splits``: by split ``images``,
        ``pixels``, ``void_pixels`` and ``labels``; ``mappings``: by name and split
        ``void_pixels`` and ``classes``. A row of ``labels`` or ``classes`` has ``name``, ``color``,
        ``pixels``, ``share`` (of the pixels that are not void) and ``images``.
    """
    splits = {"train": dataset.train, "val": dataset.val, "heldout": dataset.heldout}
    histograms = {name: label_histograms(split) for name, split in splits.items()}
    labels, colors = dataset.taxonomy.names, dataset.taxonomy.colors
    counts = {name: _fold(h, len(labels), None) for name, h in histograms.items()}
    return {
        "dataset": dataset.name,
        "format": dataset.format,
        "hash": dataset.hash,
        "taxonomy": dataset.taxonomy.name,
        "image_size": list(dataset.image_size),
        "own_sizes": [[h, w, n] for (h, w), n in dataset.report.sizes.items()],
        "sizes": [[h, w, n] for (h, w), n in dataset.sizes.items()],
        "heldout_from": dataset.heldout_from,
        "heldout_by": dataset.heldout_by,
        "mean": dataset.mean.tolist(),
        "std": dataset.std.tolist(),
        "splits": {
            name: {
                "images": len(splits[name]),
                "pixels": int(histograms[name].sum()),
                "void_pixels": found.void_pixels,
                "labels": _rows(labels, colors, found),
            }
            for name, found in counts.items()
        },
        "mappings": {
            mapping.name: {
                name: _mapping_stats(mapping, histogram) for name, histogram in histograms.items()
            }
            for mapping in mappings
        },
    }


def _mapping_stats(mapping: Mapping, histograms: NDArray[np.int64]) -> dict[str, Any]:
    found = _fold(histograms, len(mapping.classes), mapping.lookup())
    colors = [c.color for c in mapping.classes]
    return {"void_pixels": found.void_pixels, "classes": _rows(mapping.names, colors, found)}


def _rows(
    names: Sequence[str], colors: Sequence[tuple[int, int, int]], found: SplitCounts
) -> list[dict[str, Any]]:
    total = int(found.pixels.sum())
    return [
        {
            "name": name,
            "color": list(color),
            "pixels": int(pixels),
            "share": int(pixels) / total if total else 0.0,
            "images": int(images),
        }
        for name, color, pixels, images in zip(
            names, colors, found.pixels, found.images, strict=True
        )
    ]


def label_histograms(split: Split) -> NDArray[np.int64]:
    """Count each label index, VOID included, in each image of a split: int64 (N, 256)."""
    counts: NDArray[np.int64] = half_histograms(split).sum(axis=1)
    return counts


def half_histograms(split: Split) -> NDArray[np.int64]:
    """Count each label index in the upper and the lower half of each image: int64 (N, 2, 256)."""
    if split.counts is not None:  # of the cache: counted once
        return split.counts.astype(np.int64)
    counts = np.zeros((len(split), 2, VOID + 1), np.int64)
    for i in range(len(split)):
        counts[i] = half_counts(split.label(i))
    return counts


def _fold(histograms: NDArray[np.int64], num: int, lookup: NDArray[np.uint8] | None) -> SplitCounts:
    if lookup is None and histograms[:, num:VOID].any():
        wrong = np.flatnonzero(histograms.sum(axis=0)[num:VOID]) + num
        raise ValueError(f"label indices {wrong.tolist()}; right are 0..{num - 1} and {VOID}")
    if lookup is not None:
        into = np.eye(VOID + 1, dtype=np.int64)[lookup]
        histograms = histograms @ into
    present = histograms[:, :num] > 0
    scored = histograms[:, :num].sum(axis=1)
    return SplitCounts(
        histograms[:, :num].sum(axis=0),
        present.sum(axis=0),
        (present * scored[:, None]).sum(axis=0),
        int(histograms[:, VOID].sum()),
    )
