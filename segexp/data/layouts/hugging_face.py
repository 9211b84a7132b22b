"""Hugging Face's data sets as Parquet files, with a column of images and one of masks.

    data/train-00000-of-00002-f3a663f7140ee7fd.parquet    or train/0000.parquet
    data/validation-00000-of-00001.parquet
    id2label.json                                         what the ids of the masks mean

The columns are told by their names: `image` or `pixel_values`, and `label`, `mask`, `annotation` or
the like. An image's id is its file and its row.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.data.files.images import decode_rgb
from segexp.data.files.mask_file import decode_mask
from segexp.data.files.masks import labels_of
from segexp.data.files.parquet import count_rows, picture_columns, read_cell
from segexp.data.layout import Layout
from segexp.data.layouts._named import folder_with
from segexp.data.layouts._pairing import Listing, source_of
from segexp.data.layouts._tree import File, files_below
from segexp.data.layouts._words import meaning_of
from segexp.data.source import (
    AS_STORED,
    SPLITS,
    UNDIVIDED,
    MaskRules,
    Sample,
    SampleFault,
    Source,
    file_of,
)
from segexp.labels.taxonomy import Taxonomy

SUFFIX = ".parquet"
IMAGES = ("pixel_values",)
"""Columns of images whose names do not say so."""


def open_hugging_face(root: Path, taxonomy: Taxonomy) -> Source:
    """List the rows of all files; a test split without masks is left out with a note.

    Raises:
        InputError: When a file cannot be read, or its columns are not told by their names.
    """
    files = [file for file in files_below(root) if file.suffix == SUFFIX]
    samples: dict[str, list[Sample]] = {}
    notes: list[str] = []
    columns: tuple[str, str] | None = None
    for file in files:
        split = _split(file)
        try:
            columns = _columns(file.path)
            rows = count_rows(file.path)
            if split == "test" and rows and read_cell(file.path, columns[1], 0) is None:
                notes.append(f"{file.path}: no masks; it is left out")
                continue
        except SampleFault as fault:
            raise InputError(str(fault)) from None
        name = "_".join((*file.path.parent.relative_to(root).parts, file.stem))
        samples.setdefault(split, []).extend(
            Sample(f"{name}_{row}", file.path, file.path) for row in range(rows)
        )
    listings = {
        split: Listing(tuple(samples[split])) for split in (*SPLITS, UNDIVIDED) if split in samples
    }
    if columns:
        notes.append(f"{root}: images are the column {columns[0]!r}, masks {columns[1]!r}")
    return replace(
        source_of(root, taxonomy, listings, notes=notes),
        read_image=read_image,
        read_labels=partial(read_row_labels, taxonomy=taxonomy),
        count_inexact=None,
    )


def read_image(sample: Sample) -> NDArray[np.uint8]:
    """Decode the image of a row, uint8 (H, W, 3).

    Raises:
        SampleFault: When it cannot be read.
    """
    path = file_of(sample, "image")
    return decode_rgb(_named(path, sample), _cell(sample, path, 0))


def read_row_labels(
    sample: Sample, *, taxonomy: Taxonomy, rules: MaskRules = AS_STORED
) -> NDArray[np.uint8]:
    """Decode the mask of a row to label indices, uint8 (H, W).

    Raises:
        SampleFault: As `files.masks.read_labels` does.
    """
    path = file_of(sample, "mask")
    name = _named(path, sample)
    held = decode_mask(name, _cell(sample, path, 1), rules)
    return labels_of(name, held, taxonomy, "default", rules)


def _cell(sample: Sample, path: Path, side: int) -> bytes:
    column = _columns(path)[side]
    data = read_cell(path, column, _row(sample))
    if data is None:
        raise SampleFault(f"{_named(path, sample)}: {column} is empty")
    return data


def _row(sample: Sample) -> int:
    return int(sample.id.rpartition("_")[2])


def _named(path: Path, sample: Sample) -> Path:
    """Name a row in messages: ``train-00000-of-00001.parquet:17``."""
    return path.with_name(f"{path.name}:{_row(sample)}")


def _columns(path: Path) -> tuple[str, str]:
    """Return the names of the columns of images and of masks."""
    found = picture_columns(path)
    masks = [name for name in found if meaning_of(name).role == "mask"]
    images = [name for name in found if name in IMAGES or meaning_of(name).role == "image"]
    if len(images) != 1 or len(masks) != 1:
        raise SampleFault(
            f"{path}: columns of pictures: {', '.join(found) or 'none'}; expected one called "
            "`image` and one called `label`: rename or remove columns"
        )
    return images[0], masks[0]


def _split(file: File) -> str:
    return file.split or meaning_of(file.stem.partition("-")[0]).split or UNDIVIDED


def _recognised(root: Path) -> str | None:
    folder = folder_with(root, f"*{SUFFIX}")
    first = min(folder.glob(f"*{SUFFIX}"), default=None) if folder else None
    try:
        columns = picture_columns(first) if first else []
    except SampleFault:
        return None
    return f"columns {', '.join(columns)}" if len(columns) > 1 else None


LAYOUT = Layout(
    form="data/train-*.parquet with columns of images and of masks",
    recognised=_recognised,
    open=open_hugging_face,
    rather_than=("folder",),
)
