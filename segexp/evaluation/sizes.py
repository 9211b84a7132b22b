"""At which size a model is scored: as its images are resized, or at the masks' own size."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segexp.core.data_config import Factor, ScoredAt, ShortSide
from segexp.core.errors import InputError
from segexp.data.cache import Dataset
from segexp.data.resize import resized_size
from segexp.data.source import SampleFault
from segexp.data.split import Split

OWN_SIZE = "the masks' own size"


def is_resized(dataset: Dataset) -> bool:
    """Whether any image of the data has another size than its file."""
    rule, largest = dataset.resize, dataset.image_size
    return any(resized_size(rule, size, largest) != size for size in dataset.report.sizes)


def at_own_size(scored_at: ScoredAt | None, dataset: Dataset) -> bool:
    """Whether final scores are at the masks' own size.

    Args:
        scored_at: ``data.scored_at``. By default they are where images are resized in their own
            shape; stretched ones are scored as they were trained, which is what segexp did before
            there was a choice.
    """
    if scored_at is None:
        return dataset.resize != "stretch" and is_resized(dataset)
    return scored_at == "own"


def size_text(dataset: Dataset, *, at_own: bool) -> str:
    """Name the size of scores, for people."""
    rule, (height, width) = dataset.resize, dataset.image_size
    if at_own or rule == "none":
        return OWN_SIZE
    if isinstance(rule, ShortSide):
        return f"a short side of {rule.short_side}"
    if isinstance(rule, Factor):
        return f"{rule.factor:g} times their own size"
    if rule == "fit" and [*dataset.sizes] != [dataset.image_size]:
        return f"the largest that fits into {height}x{width}"
    return f"{height}x{width}"


def own_labels(dataset: Dataset, split: Split) -> Callable[[int], NDArray[np.uint8]]:
    """Return what reads the label indices of an image of a split, uint8 (H, W), at its own size.

    It raises InputError for a mask that cannot be read any more.
    """
    name = dataset.heldout_from if split.name == "heldout" else split.name
    samples = {sample.id: sample for sample in dataset.source.splits[name]}

    def read(index: int) -> NDArray[np.uint8]:
        try:
            return dataset.source.read_labels(samples[split.ids[index]])
        except SampleFault as fault:
            raise InputError(f"{fault}; final scores at the masks' own size need it") from None

    return read
