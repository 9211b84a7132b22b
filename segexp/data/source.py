"""A data set before it is decoded: its samples by split, and how to read them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from segexp.labels.taxonomy import Taxonomy

_Read = TypeVar("_Read")

SPLITS = ("train", "val", "test")
UNDIVIDED = ""
"""The split of images that nothing puts into one: see `segexp.data.division`."""


class SampleFault(Exception):  # noqa: N818 - wrong input is called a fault here
    """One file cannot be used. The message begins with its path and says what is wrong."""


@dataclass(frozen=True)
class MaskRules:
    """How masks are read where neither their content nor the taxonomy says it.

    Attributes:
        ids: Raw ids with their label index, or VOID: beside the taxonomy's, or in their place.
        divide: A number in the mask is divided by this (rounded down) and is a raw id then.
        nearest_color: The largest distance in RGB between a pixel and the label's colour that it
            is taken for; 0 where colours must be exact.
        channels: What is in three channels: ``rgb`` (grey and palette masks are read by their
            colours, too), ``bgr``, or ``grey`` for ids three times; empty to go by the file.
        array: The array's name in npz files; empty where there is one.
    """

    ids: tuple[tuple[int, int], ...] = ()
    divide: int = 1
    nearest_color: int = 0
    channels: Literal["", "rgb", "bgr", "grey"] = ""
    array: str = ""


AS_STORED = MaskRules()


@dataclass(frozen=True)
class Sample:
    """One image with its mask.

    Attributes:
        id: Unique within the split: the file stem, or ``<city>_<sequence>_<frame>``.
        image: The image file; None for a synthetic scene.
        mask: The mask file; None for a synthetic scene.
        seed: What a synthetic scene is rendered from; None for files.
        is_of_other: Whether it is of the other data set, `Source.other`.
    """

    id: str
    image: Path | None
    mask: Path | None
    seed: int | None = None
    is_of_other: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the sample: image and mask, or none."""
        return tuple(path for path in (self.image, self.mask) if path is not None)


@dataclass(frozen=True)
class Source:
    """A data set whose files are listed and paired, but not read.

    Attributes:
        name: ``synthetic``, or the name of the root folder.
        root: The root folder; None for synthetic.
        taxonomy: What the masks' raw ids mean.
        splits: The samples of train, val and, where there is one, test; in this order. Those of a
            folder that is not divided are UNDIVIDED.
        faults: What is wrong with the listing, such as an image without a mask.
        read_image: Decodes an image to uint8 (H, W, 3), RGB. Raises SampleFault.
        read_labels: Decodes a mask to label indices, uint8 (H, W) with VOID. Raises SampleFault.
            Of files it takes ``rules``, too: see `segexp.data.mask_rules`.
        notes: What a person should know about the listing, such as a folder left out.
        warnings: What looks unintended in how it is read: shown before training and beside scores.
        reading: How the files are read where their content does not say it (the encoding of
            raw ids, the generator's version): it enters the data set's hash.
        rules: How masks are read besides; they enter the hash where there are any.
        count_inexact: Counts the pixels of a mask whose colour is no label's, and those that are
            too far from all, where the nearest colour is taken; None where this is not counted.
        format: The layout's name, which `open_source` fills in.
        other: The data set that the test split is of, where it is another: `segexp.data.heldout`.
    """

    name: str
    root: Path | None
    taxonomy: Taxonomy
    splits: Mapping[str, tuple[Sample, ...]]
    faults: tuple[str, ...]
    read_image: Callable[[Sample], NDArray[np.uint8]]
    read_labels: Callable[..., NDArray[np.uint8]]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reading: str = ""
    rules: MaskRules = AS_STORED
    count_inexact: Callable[..., tuple[int, int]] | None = None
    format: str = ""
    other: "Source | None" = None

    @property
    def heldout_format(self) -> str:
        """The layout's name of the images that final scores are on."""
        return self.format if self.other is None else self.other.format

    @property
    def raw_ids(self) -> Mapping[int, int]:
        """The label index, or VOID, of each raw id; empty where masks are not files."""
        encoding = self.taxonomy.encodings.get(self.reading)
        return {} if encoding is None else {**encoding, **dict(self.rules.ids)}


def spread(samples: Sequence[Sample], most: int) -> Sequence[Sample]:
    """Return at most so many samples of a split, spread over it: neighbours are alike."""
    return samples[:: max(1, len(samples) // most)][:most]


def file_of(sample: Sample, part: Literal["image", "mask"]) -> Path:
    """Return the image file or the mask file of a sample that has files.

    Raises:
        SampleFault: For a synthetic sample.
    """
    path = sample.image if part == "image" else sample.mask
    if path is None:
        raise SampleFault(f"{sample.id}: has no {part} file")
    return path


def read_file(
    read: Callable[..., _Read], part: Literal["image", "mask"], sample: Sample, **options: Any
) -> _Read:
    """Read the image file or the mask file of a sample.

    With `functools.partial` it makes the readers of a `Source`, which can then be sent to another
    process.

    Raises:
        SampleFault: For a synthetic sample, and when the file cannot be read.
    """
    return read(file_of(sample, part), **options)
