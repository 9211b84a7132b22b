"""Masks from any tool, counted against the truth: a matrix for each image and run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.compare.mask_folders import Runs
from segexp.compare.statistics.arms import ArmRuns
from segexp.core.errors import MAX_LISTED, InputError
from segexp.data.files.decided_masks import NONE, read_decided
from segexp.data.source import SampleFault
from segexp.data.threads import Progress, map_in_threads
from segexp.evaluation.protocols import Counts, background_of
from segexp.labels.mapping import Mapping, collapse_lookup
from segexp.labels.taxonomy import VOID

Mask = NDArray[np.uint8]
Matrices = NDArray[np.int64]


@dataclass(frozen=True)
class Truth:
    """The ground truth of the images that are compared.

    Attributes:
        name: The data's name for people.
        where: Its folder, or a description of the data.
        read_labels: Returns the label indices of an image at its own size, uint8 (H, W).
        read_image: Returns the image itself, uint8 (H, W, 3); None without images.
        data_format: How the images' names are read for clusters.
        heldout_from: ``truth``, or the split of the project that the images are from.
        others: Further images of the same data, whose masks are skipped.
    """

    name: str
    where: str
    ids: tuple[str, ...]
    read_labels: Callable[[str], Mask]
    read_image: Callable[[str], Mask] | None
    data_format: str
    heldout_from: str
    others: frozenset[str] = frozenset()


@dataclass(frozen=True)
class MaskArm:
    """One arm: its name, the mapping of its masks' classes, and the masks."""

    name: str
    mapping: Mapping
    runs: Runs


@dataclass(frozen=True, eq=False)
class CountedArm:
    """The counts of one arm; R runs, N images, C classes of its own, K common ones.

    Attributes:
        own: int64 (R, N, C, C + 1).
        own_void: The predictions on void pixels of its own space, int64 (R, N, C + 1).
        common: int64 (R, N, K, K + 1).
        common_void: The same in the common space, int64 (R, N, K + 1).
    """

    own: Matrices
    own_void: Matrices
    common: Matrices
    common_void: Matrices

    def as_runs(self, name: str) -> ArmRuns:
        """Return what is compared: for decided masks both rules of collapse agree."""
        return ArmRuns(name, self.own, self.common, self.common)

    def counts(self, space: Mapping, *, own: bool) -> list[Counts]:
        """Return the counts of each run, which protocols score."""
        matrices, void = (self.own, self.own_void) if own else (self.common, self.common_void)
        return [Counts(m, v, background_of(space)) for m, v in zip(matrices, void, strict=True)]


@dataclass(frozen=True, eq=False)
class CountedMasks:
    """All arms counted.

    Attributes:
        pixels: Pixels of each label index in the truth, int64 (256,).
        sizes: Height and width -> number of images of that size.
        same: Whether all masks of all arms are equal in the common space.
    """

    arms: tuple[CountedArm, ...]
    pixels: Matrices
    sizes: dict[tuple[int, int], int]
    same: bool


@dataclass(frozen=True, eq=False)
class _Table:
    """How one arm's classes and the truth's labels become rows and columns of its matrices."""

    mapping: Mapping
    truth_own: Mask
    columns_own: NDArray[np.int64]
    columns_common: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _ImageCounts:
    """One image: own, own void, common, common void for each arm and run; or its faults."""

    counted: list[list[tuple[Matrices, Matrices, Matrices, Matrices]]]
    pixels: Matrices
    size: tuple[int, int]
    same: bool
    faults: list[str]


def count_masks(
    arms: Sequence[MaskArm], truth: Truth, common: Mapping, progress: Progress | None = None
) -> CountedMasks:
    """Read every mask and count it, at the size of its truth.

    Args:
        arms: Every run has a mask of every image.
        progress: Called with how many images are counted, and of how many.

    Raises:
        InputError: With every mask that cannot be read, has another size than its truth, or has
            values that are not classes.
    """
    tables = [_table(arm.mapping, common) for arm in arms]
    truth_common = common.lookup()

    def count(image: str) -> _ImageCounts:
        return _count_image(image, arms, tables, truth, truth_common)

    images = map_in_threads(count, truth.ids, progress)
    faults = [fault for image in images for fault in image.faults]
    if faults:
        more = len(faults) - MAX_LISTED
        raise InputError(
            [*faults[:MAX_LISTED], *([f"and {more} more masks with faults"] if more > 0 else [])]
        )
    sizes: dict[tuple[int, int], int] = {}
    for image in images:
        sizes[image.size] = sizes.get(image.size, 0) + 1
    counted = []
    for place, arm in enumerate(arms):
        by_kind = [
            np.stack(
                [
                    np.stack([image.counted[place][run][kind] for image in images])
                    for run in range(len(arm.runs.files))
                ]
            )
            for kind in range(4)
        ]
        counted.append(CountedArm(*by_kind))
    pixels: Matrices = np.stack([image.pixels for image in images]).sum(axis=0)
    return CountedMasks(tuple(counted), pixels, sizes, all(image.same for image in images))


def unreadable_masks(arms: Sequence[MaskArm], truth: Truth) -> list[str]:
    """List the faults of all masks that exist, when others are missing."""

    def read(image: str) -> list[str]:
        try:
            labels = truth.read_labels(image)
        except SampleFault as fault:
            return [str(fault)]
        faults = []
        for arm in arms:
            for files in arm.runs.files:
                try:
                    if image in files:
                        _read_at(files[image], arm.mapping, labels)
                except SampleFault as fault:
                    faults.append(str(fault))
        return faults

    return [fault for faults in map_in_threads(read, truth.ids) for fault in faults]


def common_decision(path_of: MaskArm, run: int, image: str, common: Mapping) -> Mask:
    """Read a mask into the common space, uint8 (H, W), where K is *none*."""
    decided = read_decided(path_of.runs.files[run][image], path_of.mapping)
    columns = _table(path_of.mapping, common).columns_common
    return columns[decided].astype(np.uint8)


def _table(mapping: Mapping, common: Mapping) -> _Table:
    own, collapsed = len(mapping.classes), collapse_lookup(mapping, common)
    columns_own = np.full(256, own, np.int64)
    columns_own[:own] = np.arange(own)
    columns_common = np.full(256, len(common.classes), np.int64)
    columns_common[:own] = collapsed
    return _Table(mapping, mapping.lookup(), columns_own, columns_common)


def _count_image(
    image: str,
    arms: Sequence[MaskArm],
    tables: Sequence[_Table],
    truth: Truth,
    truth_common: Mask,
) -> _ImageCounts:
    nothing = np.zeros(256, np.int64)
    try:
        labels = truth.read_labels(image)
    except SampleFault as fault:
        return _ImageCounts([], nothing, (0, 0), True, [str(fault)])
    size = (labels.shape[0], labels.shape[1])
    in_common = truth_common[labels]
    common_rows = int(tables[0].columns_common[NONE])
    faults: list[str] = []
    counted: list[list[tuple[Matrices, Matrices, Matrices, Matrices]]] = []
    first: NDArray[np.int64] | None = None
    same = True
    for arm, table in zip(arms, tables, strict=True):
        own_rows = len(arm.mapping.classes)
        in_own = table.truth_own[labels]
        runs = []
        for files in arm.runs.files:
            try:
                decided = _read_at(files[image], arm.mapping, labels)
            except SampleFault as fault:
                faults.append(str(fault))
                continue
            guess = table.columns_common[decided]
            first = guess if first is None else first
            same = same and bool((guess == first).all())
            own, own_void = _matrix(in_own, table.columns_own[decided], own_rows)
            runs.append((own, own_void, *_matrix(in_common, guess, common_rows)))
        counted.append(runs)
    pixels = np.bincount(labels.ravel(), minlength=256).astype(np.int64)
    return _ImageCounts(counted, pixels, size, same, faults)


def _read_at(path: Path, mapping: Mapping, labels: Mask) -> Mask:
    """Read a mask, which must have the size of its truth."""
    decided = read_decided(path, mapping)
    if decided.shape != labels.shape:
        raise SampleFault(
            f"{path}: {decided.shape[0]}x{decided.shape[1]} pixels, but its truth has "
            f"{labels.shape[0]}x{labels.shape[1]}; write predictions at the size of the images"
        )
    return decided


def _matrix(truth: Mask, guess: NDArray[np.int64], rows: int) -> tuple[Matrices, Matrices]:
    """Count one image: (rows, rows + 1), and the predictions on void pixels, (rows + 1,)."""
    columns = rows + 1
    cells = truth.astype(np.int64) * columns + guess
    counts = np.bincount(cells.ravel(), minlength=256 * columns).reshape(256, columns)
    return counts[:rows].astype(np.int64), counts[VOID].astype(np.int64)
