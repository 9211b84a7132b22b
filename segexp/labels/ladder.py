"""A ladder of merges: from a model's classes down to two, each step the merge that pays best.

What a merge gains is known from the confusion matrix alone, without training: it is the *ruler*
effect. Every rung is scored by the rule ``argmax``: decide in the fine space, then merge.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError, did_you_mean
from segexp.labels.information import entropy_bits
from segexp.labels.iou import ious
from segexp.labels.mapping import MappedClass, Mapping, collapse_confusion, collapse_lookup
from segexp.labels.merge_gains import MergeGains, merge_gains

RULER_EFFECT = (
    "Every gain here is predicted and is the ruler effect: what the same predictions score when "
    "they are counted in fewer classes. Whether a model trained on the merged classes is better, "
    "only an A/B study can show."
)

LONGEST_NAME = 40


@dataclass(frozen=True)
class Rung:
    """A label space of a ladder, and the merge that led to it from the rung above.

    Attributes:
        space: The label space, of one class fewer than the rung above.
        merged: The names of the two classes of the rung above that became one.
        miou: Predicted mIoU in this space, of the classes that the truth has.
        gain: ``miou`` minus that of the rung above.
        resolved: The part of ``gain`` from confusion between the two, which is no longer an
            error. The rest comes from what enters the mean: a class with a low IoU no longer
            does.
        bits_kept: Entropy of the space's classes over the scored pixels, bits per pixel.
        bits_lost: What the merge takes from it.
        told_bits_lost: What the merge takes from the information that the predictions give about
            the truth, bits per pixel: little where the model cannot tell the two apart.
    """

    space: Mapping
    merged: tuple[str, str]
    miou: float
    gain: float
    resolved: float
    bits_kept: float
    bits_lost: float
    told_bits_lost: float


@dataclass(frozen=True)
class Ladder:
    """The merges of a model's classes, from many to few.

    Attributes:
        base: The model's own label space.
        miou: Its mIoU there.
        bits_kept: Entropy of its classes over the scored pixels, bits per pixel.
        rungs: The spaces below, each of one class fewer; down to two, or to where ``keep`` and
            ``within`` allow no further merge.
        absent: The classes without a true pixel: nothing is known about them.
        never_right: The classes with pixels of which the model found none.
    """

    base: Mapping
    miou: float
    bits_kept: float
    rungs: tuple[Rung, ...]
    absent: tuple[str, ...]
    never_right: tuple[str, ...]

    @property
    def fewest(self) -> int:
        """The number of classes where the ladder ends."""
        return len(self.base.classes) - len(self.rungs)

    def rung(self, classes: int) -> Rung:
        """Return the rung of this many classes; the last one where the ladder ends above it.

        Args:
            classes: Fewer than the model has; the ladder must have a rung.
        """
        return self.rungs[len(self.base.classes) - 1 - max(classes, self.fewest)]


def make_ladder(
    mapping: Mapping,
    confusion: NDArray[np.int64],
    keep: Collection[str] = (),
    within: Mapping | None = None,
) -> Ladder:
    """Merge the classes of a model one pair at a time.

    Each step is the merge that resolves most for the information it costs; `merge_gains`
    defines that, and `docs/mappings.md` gives the reasons. Merges that lower mIoU come after those
    that do not. Ties go to the merge that costs fewer bits, then to fewer pixels, then to lower
    indices.

    Args:
        mapping: The model's own label space, of C classes.
        confusion: Its confusion matrix over a split, (C, C + 1), rows ground truth; the last
            column is *none*.
        keep: Names of classes that are never merged.
        within: A coarser space: only classes that fall into the same class of it are merged.

    Raises:
        InputError: When ``keep`` names no class or ``within`` is not coarser, with every fault;
            or when no pixel is scored.
    """
    if not confusion.sum():
        raise InputError(f"the confusion matrix of {mapping.name} is empty: no pixel was scored")
    family = _families(mapping, keep, within)
    pixels = confusion.sum(axis=1)
    groups: list[tuple[int, ...]] = [(index,) for index in range(len(mapping.classes))]
    top = (float(np.nanmean(ious(confusion))), entropy_bits(pixels))
    rungs: list[Rung] = []
    space, matrix, (miou, bits) = mapping, confusion, top
    while len(groups) > 2:
        gains = merge_gains(matrix)
        families = family[[group[0] for group in groups]]
        pair = _best_pair(gains, matrix.sum(axis=1), families)
        if pair is None:
            break
        merged = (space.names[pair[0]], space.names[pair[1]])
        second = groups.pop(pair[1])
        groups[pair[0]] = tuple(sorted((*groups[pair[0]], *second)))
        space = _merge(mapping, space, pair, groups[pair[0]], pixels)
        matrix = _collapsed(confusion, groups)
        scored = ious(matrix)
        above, miou = miou, float(np.nanmean(scored))
        bits_above, bits = bits, entropy_bits(matrix.sum(axis=1))
        rungs.append(
            Rung(
                space=space,
                merged=merged,
                miou=miou,
                gain=miou - above,
                resolved=float(gains.resolved[pair]) / int((~np.isnan(scored)).sum()),
                bits_kept=bits,
                bits_lost=max(bits_above - bits, 0.0),
                told_bits_lost=float(gains.told_bits_lost[pair]),
            )
        )
    found = np.diagonal(confusion) > 0
    return Ladder(
        base=mapping,
        miou=top[0],
        bits_kept=top[1],
        rungs=tuple(rungs),
        absent=_names(mapping, pixels == 0),
        never_right=_names(mapping, (pixels > 0) & ~found),
    )


def _families(mapping: Mapping, keep: Collection[str], within: Mapping | None) -> NDArray[np.int64]:
    """Number the classes: two may be merged when they share a number other than -1."""
    faults = [
        f"--keep: {name!r} is not a class of {mapping.name}{did_you_mean(name, mapping.names)}; "
        f"its classes are {', '.join(mapping.names)}"
        for name in keep
        if name not in mapping.names
    ]
    family = np.zeros(len(mapping.classes), np.int64)
    if within is not None:
        try:
            family = collapse_lookup(mapping, within)
            family[family == len(within.classes)] = -1  # falls into no class of it
        except InputError as error:
            faults.append(
                f"--within {within.name}: must be coarser than the model's own mapping, "
                f"{mapping.name}: {error}"
            )
    if faults:
        raise InputError(faults)
    family[[mapping.names.index(name) for name in keep]] = -1
    return family


def _best_pair(
    gains: MergeGains, pixels: NDArray[np.int64], family: NDArray[np.int64]
) -> tuple[int, int] | None:
    """Return the pair of class indices that is merged next, the lower one first."""
    allowed = (family[:, None] == family) & (family >= 0)
    first, second = np.nonzero(np.triu(allowed, k=1))
    if not len(first):
        return None
    pairs = (first, second)
    # Rounded, so that equals are equal whatever the order in which floats were added.
    keys = (
        second,
        first,
        (pixels[:, None] + pixels)[pairs],
        gains.bits_lost[pairs].round(12),
        -gains.resolved[pairs].round(12),
        -gains.worth[pairs].round(12),
        gains.gain[pairs] < -1e-12,
    )
    best = int(np.lexsort(keys)[0])  # the last key counts most
    return int(first[best]), int(second[best])


def _collapsed(
    confusion: NDArray[np.int64], groups: Sequence[tuple[int, ...]]
) -> NDArray[np.int64]:
    """Return the confusion matrix with each group of classes as one, (K, K + 1)."""
    rows = np.empty(len(confusion), np.int64)
    for index, group in enumerate(groups):
        rows[list(group)] = index
    return collapse_confusion(confusion, rows, len(groups))


def _merge(
    mapping: Mapping,
    above: Mapping,
    pair: tuple[int, int],
    group: tuple[int, ...],
    pixels: NDArray[np.int64],
) -> Mapping:
    """Return the space below ``above``, where two of its classes are one.

    The merged class takes the place of the first of the two, and its largest member's colour.

    Args:
        mapping: The model's own space.
        above: The space above.
        pair: The two classes of it, the lower index first.
        group: The classes of ``mapping`` that they are made of.
        pixels: True pixels of each class of ``mapping``.
    """
    members = [mapping.classes[index] for index in group]
    largest = members[int(np.argmax(pixels[list(group)]))]
    classes = [c for index, c in enumerate(above.classes) if index not in pair]
    name = _joined([member.name for member in members], largest.name)
    while name in [c.name for c in classes]:
        name += "+"  # another short form, or a class that was called so
    labels = tuple(label for member in members for label in member.labels)
    classes.insert(pair[0], MappedClass(name, largest.color, labels))
    return Mapping(f"{mapping.name}_suggested{len(classes)}", mapping.taxonomy, tuple(classes))


def _joined(names: Sequence[str], largest: str) -> str:
    name = "+".join(names)
    if len(name) <= LONGEST_NAME:
        return name
    others = f"+{len(names) - 1}"
    return f"{largest[: LONGEST_NAME - len(others)]}{others}"


def _names(mapping: Mapping, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(name for name, is_chosen in zip(mapping.names, chosen, strict=True) if is_chosen)
