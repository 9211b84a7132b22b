"""Images beside their masks: what a person looks at before anything is trained."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path

import cv2
import numpy as np

from segexp.core.files import write_atomic
from segexp.data.cache import Dataset
from segexp.data.source import SampleFault, Source
from segexp.labels.taxonomy import VOID, Color
from segexp.report.pictures import (
    Pixels,
    class_areas,
    class_entries,
    compose,
    encode_png,
    mark_pixels,
    paint_hatched,
)

PANE = (240, 320)
"""The largest height and width of a picture on the sheet."""

SHOWN = 5
"""Pairs on the sheet."""

OF_SPLIT = 2
"""Pairs on the sheet of a split; a page has three of them."""

LOOKED_AT = 100
"""Pairs among which a label's picture is chosen."""

_MARKED: Color = (255, 0, 255)


def contact_sheet(
    pairs: Sequence[tuple[str, Pixels, Pixels]],
    colors: Pixels,
    names: Sequence[str],
    title: str,
    pane: tuple[int, int] = PANE,
) -> bytes:
    """Lay out images, each beside its mask in the labels' colours, as a PNG.

    Args:
        pairs: Name, image (H, W, 3) RGB and label indices or VOID (H, W) of each; at least one.
        colors: The labels' colours, shape (L, 3).
        pane: Height and width that a picture is fitted into.
    """
    panes: list[tuple[str, Pixels]] = []
    areas = np.zeros(len(names), np.int64)
    has_void = False
    for name, image, labels in pairs:
        areas += class_areas(labels, len(names))
        has_void = has_void or bool((labels == VOID).any())
        panes.append((name, _fitted(image, pane, cv2.INTER_AREA)))
        mask = _fitted(labels, pane, cv2.INTER_NEAREST_EXACT)
        panes.append(("", paint_hatched(mask, colors)))
    entries = class_entries(areas, colors, names, has_void)
    return encode_png(compose(panes, [entries], title, columns=2))


def split_sheets(dataset: Dataset) -> list[tuple[str, bytes]]:
    """Draw a few images of each split with their masks, at the size of training.

    Returns:
        A title and a `contact_sheet` of each split that has images.
    """
    colors = np.array(dataset.taxonomy.colors, np.uint8)
    sheets = []
    for title, split in (
        ("train", dataset.train),
        ("val", dataset.val),
        ("held-out", dataset.heldout),
    ):
        count = min(len(split), OF_SPLIT)
        chosen = [place * len(split) // count for place in range(count)]
        if pairs := [(split.ids[i], split.image(i), split.label(i)) for i in chosen]:
            # No taller than the images need: the rest of a pane would look like void.
            tallest = max(height * PANE[1] // width for height, width in map(split.size, chosen))
            pane = (max(1, min(PANE[0], tallest)), PANE[1])
            sheet = contact_sheet(pairs, colors, dataset.taxonomy.names, "", pane)
            sheets.append((f"{title}: {count} of {len(split):,} images", sheet))
    return sheets


def label_picture(image: Pixels, labels: Pixels, index: int) -> bytes:
    """Draw a grey image with the pixels of a label in colour, as a PNG."""
    return encode_png(mark_pixels(image, labels, [(labels == index, _MARKED)]))


def _fitted(pixels: Pixels, within: tuple[int, int], interpolation: int) -> Pixels:
    """Fit a picture into a pane, in its own shape; the rest is white, or void in masks."""
    height, width = pixels.shape[:2]
    scale = min(within[0] / height, within[1] / width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    fitted = cv2.resize(pixels, size[::-1], interpolation=interpolation)
    pane = np.full((*within, *pixels.shape[2:]), 255, np.uint8)
    pane[: size[0], : size[1]] = fitted
    return pane


def write_pictures(directory: Path, source: Source, each_label: bool) -> list[Path]:
    """Write the first pairs of a data set as ``contact-sheet.png``.

    Args:
        each_label: Whether to write a picture of each label, too: ``labels/<name>.png`` shows where
            most of it is.

    Returns:
        What to look at: the sheet, and the folder ``labels/``.
    """
    taxonomy = source.taxonomy
    colors = np.array(taxonomy.colors, np.uint8)
    pairs = [*islice(_pairs(source), SHOWN)]
    written = []
    if pairs:
        title = f"{source.name}: {len(pairs)} of {sum(map(len, source.splits.values()))} pairs"
        sheet = directory / "contact-sheet.png"
        write_atomic(sheet, contact_sheet(pairs, colors, taxonomy.names, title))
        written.append(sheet)
    if each_label:
        most: dict[int, tuple[int, Pixels, Pixels]] = {}
        for _, image, labels in islice(_pairs(source), LOOKED_AT):
            for index, area in enumerate(class_areas(labels, len(taxonomy.labels)).tolist()):
                if area > most.get(index, (0,))[0]:
                    most[index] = area, image, labels
        for index, (_, image, labels) in sorted(most.items()):
            path = directory / "labels" / f"{taxonomy.names[index]}.png"
            write_atomic(path, label_picture(image, labels, index))
        written.append(directory / "labels")
    return written


def _pairs(source: Source) -> Iterator[tuple[str, Pixels, Pixels]]:
    """Yield images with their masks, of all splits in turn; what cannot be read is left out."""
    for sample in chain.from_iterable(zip_longest(*source.splits.values())):
        if sample is None:
            continue
        try:
            image, labels = source.read_image(sample), source.read_labels(sample)
        except SampleFault:  # `segexp data check` lists these
            continue
        if image.shape[:2] == labels.shape:
            yield sample.id, image, labels
