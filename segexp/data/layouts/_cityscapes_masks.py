"""Masks in Cityscapes' labels: how their ids are numbered, and their colours.

Names and colours of void labels are those of cityscapesScripts' `labels.py`. Four others of these
are black as void is; a polegroup has the colour of a pole, and a license plate that of a car.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.data.files.masks import read_labels
from segexp.data.layouts._named import no_encoding
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

ALL_LABELS = "cityscapes34"
"""The taxonomy that numbers its labels by label id; others do so by train id."""

LABEL_IDS, TRAIN_IDS = "labelIds", "labelTrainIds"
"""How the names of masks say which numbers they hold."""

Reader = Callable[[Path, Taxonomy, str, MaskRules], NDArray[np.uint8]]


def encoding_of(taxonomy: Taxonomy, kind: str) -> str | None:
    """Return the taxonomy's encoding of LABEL_IDS or TRAIN_IDS; None where it has none."""
    numbers = LABEL_IDS if taxonomy.name == ALL_LABELS else TRAIN_IDS
    encoding = "default" if kind == numbers else kind
    return encoding if encoding in taxonomy.encodings else None


def known_kind(root: Path, taxonomy: Taxonomy, counts: Mapping[str, int]) -> tuple[str, str]:
    """Choose between LABEL_IDS and TRAIN_IDS: the most frequent of those that can be read.

    Args:
        root: The data set's folder.
        taxonomy: What its ids mean.
        counts: How many masks of each there are; of equals the first is chosen.

    Returns:
        The kind, and the taxonomy's encoding.

    Raises:
        InputError: When the taxonomy has no encoding of those that are there.
    """
    there = [kind for kind in counts if counts[kind]] or [*counts]
    known = {kind: name for kind in there if (name := encoding_of(taxonomy, kind)) is not None}
    if not known:
        raise no_encoding(root, taxonomy, there[0])
    kind = max(known, key=counts.__getitem__)
    return kind, known[kind]


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
