"""Predictions as files: class indices, colours, an overlay, probabilities and uncertainty."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.core.files import inside, write_atomic, written_beside
from segexp.data.files.pictures import CLASS_INDICES, OURS, WRITER
from segexp.data.threads import work_ahead
from segexp.evaluation.image_files import ENDINGS, PROBABILITIES_ENDING, UNCERTAINTY_ENDING
from segexp.evaluation.predict import MAX_PIXELS, Prediction
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID
from segexp.report.mask_png import encode_mask
from segexp.report.pictures import colorize, encode_png, overlay

UNCERTAINTY = "segexp uncertainty"
"""The key of a PNG text that says what an uncertainty map holds."""

WRITERS = 4
"""Threads that write pictures: they mostly wait for the disk."""


def write_predictions(
    out_dir: Path, predictions: Iterable[Prediction], mapping: Mapping, *, grey_masks: bool = False
) -> Iterator[tuple[Path, ...]]:
    """Write the pictures of predictions while the next ones are made.

    Args:
        grey_masks: As `write_prediction` takes it.

    Yields:
        The files of each, in order: those of `write_prediction`, then ``<stem>_uncertainty.png``
        and ``<stem>_probabilities.npz`` where there are such.

    Raises:
        InputError: As `write_prediction`; and what ``predictions`` raises, after all earlier
            pictures are written.
        OSError: When one of them cannot be written.
    """
    raised: list[InputError] = []

    def write(found: Prediction) -> tuple[Path, ...]:
        pictures = write_prediction(
            out_dir, found.file.stem, found.image, found.mask, mapping, grey_masks=grey_masks
        )
        return *pictures, *_write_beside(out_dir, found, mapping.names)

    yield from work_ahead(write, until_fault(predictions, raised), WRITERS, _weight, MAX_PIXELS)
    if raised:
        raise raised[0]


def until_fault(
    predictions: Iterable[Prediction], raised: list[InputError]
) -> Iterator[Prediction]:
    """Yield predictions until making one raises an InputError, which is appended."""
    try:
        yield from predictions
    except InputError as error:
        raised.append(error)


def _weight(found: Prediction) -> int:
    """Return how many pixels of pictures take the memory of a prediction."""
    return found.mask.size + (0 if found.probabilities is None else found.probabilities.nbytes // 4)


def _write_beside(out_dir: Path, found: Prediction, names: Sequence[str]) -> Iterator[Path]:
    """Write what was computed beside a mask, each file whole or not at all."""
    directory, name = inside(out_dir, found.file.stem.parent), found.file.stem.name
    if found.uncertainty is not None:
        meaning = "entropy of the class probabilities by its largest value, 0..1 as 0..255"
        path = directory / f"{name}{UNCERTAINTY_ENDING}"
        write_atomic(path, encode_mask(found.uncertainty, None, {UNCERTAINTY: meaning}))
        yield path
    if found.probabilities is not None:
        path = directory / f"{name}{PROBABILITIES_ENDING}"
        with written_beside(path) as beside, beside.open("xb") as file:
            np.savez_compressed(file, probabilities=found.probabilities, classes=np.array(names))
        yield path


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
    contents = (
        encode_class_mask(mask, mapping, grey=grey_masks),
        encode_png(colorize(mask, colors, mapping.taxonomy.void_color)),
        encode_png(overlay(image, mask, colors, mapping.names)),
    )
    index, color, over = (directory / f"{stem.name}{ending}" for ending in ENDINGS)
    for path, content in zip((index, color, over), contents, strict=True):
        write_atomic(path, content)
    return index, color, over


def encode_class_mask(mask: NDArray[np.uint8], mapping: Mapping, *, grey: bool) -> bytes:
    """Encode class indices as PNG, which says so where they are not the taxonomy's raw ids."""
    texts = {WRITER: OURS} | ({} if _are_raw_ids(mapping) else {CLASS_INDICES: mapping.name})
    return encode_mask(mask, None if grey else mapping.colors, texts)


def _are_raw_ids(mapping: Mapping) -> bool:
    """Whether each class is one label, and its index that label's raw id."""
    labels = mapping.taxonomy.encodings["default"]
    return all(
        c.labels == (mapping.taxonomy.names[labels[index]],)
        if labels.get(index, VOID) != VOID
        else False
        for index, c in enumerate(mapping.classes)
    )
