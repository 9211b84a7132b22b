"""Probable mistakes in a mapping: in its colours, and against the labels of a data set."""

import numpy as np
from numpy.typing import NDArray

from segexp.core.wording import counted
from segexp.labels.colors import confusable
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID, VOID_NAME
from segexp.labels.warning import MAX_VOID, MIN_SHARE, MappingWarning

MAX_UNLABELLED = 0.25
"""A larger share of pixels without a label is warned of. Street scenes usually have some, whatever
the mapping; a taxonomy that takes road for void has far more."""

LOOK_ALIKE = 5.0
"""Colours closer than this (CIEDE2000) count as looking alike: 2 of the 171 pairs of Cityscapes'
own colours (vegetation and person, fence and pole), where 10 would name 11 of them."""

MOST_PAIRS = 10
"""More pairs of look-alike colours than these are counted; 150 classes have 1,458."""


def color_warnings(mapping: Mapping) -> list[MappingWarning]:
    """Find colours that two classes share, and pairs that some people cannot tell apart.

    Returns:
        ``shared-color`` and ``look-alike-colors``, the nearest first; one a pair of classes, and
        one for all pairs after the first MOST_PAIRS.
    """
    warnings = []
    pairs = confusable([c.color for c in mapping.classes], LOOK_ALIKE)
    for pair in pairs[:MOST_PAIRS]:
        first, second = mapping.classes[pair.first], mapping.classes[pair.second]
        if first.color == second.color:
            kind = "shared-color"
            message = (
                f"classes {first.name!r} and {second.name!r} share the colour "
                f"{list(first.color)}: no picture shows which is which; change one"
            )
        else:
            kind = "look-alike-colors"
            seen = "" if pair.deficiency == "none" else f" with {pair.deficiency}"
            message = (
                f"classes {first.name!r} {list(first.color)} and {second.name!r} "
                f"{list(second.color)} look alike{seen} (CIEDE2000 {pair.distance:.1f}, under "
                f"{LOOK_ALIKE:g}): make one lighter or darker"
            )
        warnings.append(MappingWarning(kind, message))
    if len(pairs) > MOST_PAIRS:
        message = (
            f"{len(pairs) - MOST_PAIRS} more pairs of classes have colours that look alike: "
            f"pictures of {len(mapping.classes)} classes show little of which is which"
        )
        warnings.append(MappingWarning("look-alike-colors", message))
    return warnings


def histogram_warnings(
    mapping: Mapping,
    counts: NDArray[np.int64],
    min_share: float = MIN_SHARE,
    max_void: float = MAX_VOID,
) -> list[MappingWarning]:
    """Compare a mapping with the labels that the train split of a data set holds.

    Args:
        mapping: The mapping.
        counts: Pixels of each label index of its taxonomy, VOID included, in each image; shape
            (N, 256).
        min_share: The smallest share, of the pixels in classes, that a class should have; 0..1.
        max_void: The largest share, of the labelled pixels, that the mapping should make void.

    Returns:
        ``absent-label``; ``empty-class``; ``rare-class``; ``hidden-pixels``, which the mapping
        makes void; ``unlabelled-pixels``, which the data leaves void and no class takes. In
        this order; each only where it applies.
    """
    return [
        *_absent_labels(mapping, counts),
        *_small_classes(mapping, counts, min_share),
        *_hidden_pixels(mapping, counts, max_void),
        *_unlabelled_pixels(mapping, counts),
    ]


def _absent_labels(mapping: Mapping, counts: NDArray[np.int64]) -> list[MappingWarning]:
    class_names = {label: c.name for c in mapping.classes for label in c.labels}
    pixels = counts.sum(axis=0)
    absent = [
        f"{label} (in {class_names.get(label, VOID_NAME)})"
        for place, label in enumerate(mapping.taxonomy.names)
        if pixels[place] == 0
    ]
    if not absent:
        return []
    message = (
        f"{counted(len(absent), 'label')} of {mapping.taxonomy.name} never in the {len(counts)} "
        f"train images: {', '.join(absent)}: nothing is learned about them; if they should be "
        "there, check the taxonomy's raw ids"
    )
    return [MappingWarning("absent-label", message)]


def _small_classes(
    mapping: Mapping, counts: NDArray[np.int64], min_share: float
) -> list[MappingWarning]:
    lookup = mapping.lookup()
    scored = int(counts[:, lookup != VOID].sum())
    warnings = []
    for index, mapped_class in enumerate(mapping.classes):
        by_image = counts[:, lookup == index].sum(axis=1)
        pixels = int(by_image.sum())
        where = f"class {mapped_class.name!r} ({', '.join(mapped_class.labels)})"
        if pixels == 0:
            message = (
                f"{where} is empty: no pixel of it in the {len(counts)} train images: merge it "
                "into another class or leave its labels out"
            )
            warnings.append(MappingWarning("empty-class", message))
        elif pixels < min_share * scored:
            message = (
                f"{where} has {_percent(pixels / scored)} of the scored train pixels, under "
                f"{_percent(min_share)}, in {np.count_nonzero(by_image)} of {len(counts)} images: "
                "its IoU rests on few pixels; merge it or weight it"
            )
            warnings.append(MappingWarning("rare-class", message))
    return warnings


def _hidden_pixels(
    mapping: Mapping, counts: NDArray[np.int64], max_void: float
) -> list[MappingWarning]:
    pixels = counts.sum(axis=0)
    labelled = max(int(pixels[:VOID].sum()), 1)
    names = mapping.taxonomy.names
    shares = {label: int(pixels[names.index(label)]) / labelled for label in mapping.void_labels}
    hidden = sum(shares.values())
    if hidden <= max_void:
        return []
    largest_first = sorted(shares.items(), key=lambda item: -item[1])
    listing = ", ".join(f"{label} {_percent(share)}" for label, share in largest_first)
    message = (
        f"void hides {_percent(hidden)} of the labelled train pixels, over {_percent(max_void)}: "
        f"{listing}: these are neither learned nor scored; give them to a class"
    )
    return [MappingWarning("hidden-pixels", message)]


def _unlabelled_pixels(mapping: Mapping, counts: NDArray[np.int64]) -> list[MappingWarning]:
    share = int(counts[:, VOID].sum()) / max(int(counts.sum()), 1)
    if share <= MAX_UNLABELLED or mapping.lookup()[VOID] != VOID:
        return []
    message = (
        f"{_percent(share)} of the train pixels carry no label of {mapping.taxonomy.name}, over "
        f"{_percent(MAX_UNLABELLED)}: check which raw ids the taxonomy calls void"
    )
    return [MappingWarning("unlabelled-pixels", message)]


def _percent(share: float) -> str:
    """Write 0.00012 as 0.012%: two digits that count, so that no share above 0 reads as 0."""
    return f"{100 * share:.2g}%" if share < 0.1 else f"{share:.1%}"
