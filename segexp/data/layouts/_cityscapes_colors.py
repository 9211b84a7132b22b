"""Masks in the colours of Cityscapes, those of its void labels included.

Names and colours are those of cityscapesScripts' `labels.py`. Of its other void labels four are
black as void is, a polegroup has the colour of a pole and a license plate that of a car.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.data.files.masks import read_labels
from segexp.data.source import AS_STORED, MaskRules
from segexp.labels.taxonomy import VOID, Label, Taxonomy

VOID_COLORS = (
    Label("dynamic", (111, 74, 0)),
    Label("ground", (81, 0, 81)),
    Label("parking", (250, 170, 160)),
    Label("rail track", (230, 150, 140)),
    Label("guard rail", (180, 165, 180)),
    Label("bridge", (150, 100, 100)),
    Label("tunnel", (150, 120, 90)),
    Label("caravan", (0, 0, 90)),
    Label("trailer", (0, 0, 110)),
)

SHARED = (
    "polegroups have the colour of poles and license plates that of cars: they are read as such"
)
"""A note for people."""

READING = "color"
"""`Source.reading` of these masks."""

Reader = Callable[[Path, Taxonomy, str, MaskRules], NDArray[np.uint8]]


def read_color_labels(
    path: Path,
    taxonomy: Taxonomy,
    encoding: str,
    rules: MaskRules = AS_STORED,
    read: Reader = read_labels,
) -> NDArray[np.uint8]:
    """Decode a mask of colours to label indices; colours of void labels are void.

    Args:
        path: The mask.
        taxonomy: Cityscapes' labels.
        encoding: Not looked at: colours need none.
        rules: As `files.masks.read_labels` takes them.
        read: Reads a mask by the colours of a taxonomy.

    Raises:
        SampleFault: As `read` does.
    """
    labels = read(path, with_void_colors(taxonomy), "default", rules)
    labels[labels >= len(taxonomy.labels)] = VOID
    return labels


def with_void_colors(taxonomy: Taxonomy) -> Taxonomy:
    """Return a taxonomy with Cityscapes' void labels as its last ones, where it has others."""
    more = (label for label in VOID_COLORS if label.color not in taxonomy.colors)
    return replace(taxonomy, labels=(*taxonomy.labels, *more))
