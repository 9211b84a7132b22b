"""Predictions as files: class indices, colours, and an overlay with a legend."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.core.files import inside, write_atomic
from segexp.data.files.pictures import CLASS_INDICES
from segexp.data.threads import work_ahead
from segexp.evaluation.predict import MAX_PIXELS, Prediction
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID
from segexp.report.mask_png import encode_mask
from segexp.report.pictures import colorize, encode_png, overlay

WRITERS = 4
"""Threads that write pictures: they mostly wait for the disk."""


def write_predictions(
    out_dir: Path, predictions: Iterable[Prediction], mapping: Mapping, *, grey_masks: bool = False
) -> Iterator[tuple[Path, Path, Path]]:
    """Write the pictures of predictions while the next ones are made.

    Args:
        grey_masks: As `write_prediction` takes it.

    Yields:
        The result of `write_prediction` for each, in order.

    Raises:
        InputError: As `write_prediction`; and what ``predictions`` raises, after all earlier
            pictures are written.
        OSError: When one of them cannot be written.
    """
    raised: list[InputError] = []

    def without_faults() -> Iterator[Prediction]:
        try:
            yield from predictions
        except InputError as error:
            raised.append(error)

    def write(found: Prediction) -> tuple[Path, Path, Path]:
        return write_prediction(
            out_dir, found.file.stem, found.image, found.mask, mapping, grey_masks=grey_masks
        )

    yield from work_ahead(write, without_faults(), WRITERS, lambda f: f.mask.size, MAX_PIXELS)
    if raised:
        raise raised[0]


def write_prediction(
    out_dir: Path,
    stem: Path,
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    mapping: Mapping,
    *,
    grey_masks: bool = False,
) -> tuple[Path, Path, Path]:
    """Write the three pictures of a prediction.

    Args:
        out_dir: Made if it is missing, with the sub-directories of ``stem``.
        stem: Relative to ``out_dir``, without suffix.
        image: uint8 RGB, shape (H, W, 3).
        mask: Class indices, shape (H, W).
        grey_masks: Whether the mask has no palette, for programs that read a palette's colours.

    Returns:
        The paths of ``<stem>_mask.png`` (8-bit class indices with a palette of the classes'
        colours), ``<stem>_color.png`` and ``<stem>_overlay.png`` (with a legend). Where the class
        indices differ from the taxonomy's raw ids, a text in the mask file says so: nobody must
        take them for raw ids.

    Raises:
        InputError: When ``stem`` leads out of ``out_dir`` through a link in it.
        OSError: When one of them cannot be written.
    """
    directory = inside(out_dir, stem.parent)
    colors = mapping.colors
    texts = {} if _are_raw_ids(mapping) else {CLASS_INDICES: mapping.name}
    files = {
        "mask": encode_mask(mask, None if grey_masks else colors, texts),
        "color": encode_png(colorize(mask, colors, mapping.taxonomy.void_color)),
        "overlay": encode_png(overlay(image, mask, colors, mapping.names)),
    }
    paths = {kind: directory / f"{stem.name}_{kind}.png" for kind in files}
    for kind, data in files.items():
        write_atomic(paths[kind], data)
    return paths["mask"], paths["color"], paths["overlay"]


def _are_raw_ids(mapping: Mapping) -> bool:
    """Whether each class is one label, and its index that label's raw id."""
    labels = mapping.taxonomy.encodings["default"]
    return all(
        c.labels == (mapping.taxonomy.names[labels[index]],)
        if labels.get(index, VOID) != VOID
        else False
        for index, c in enumerate(mapping.classes)
    )
