"""What makes a score mean less than it seems to: void everywhere, classes that never occur.

The counts are of the splits as training sees them. `checks` looks at one mapping more closely;
every command that trains or scores gives the warnings here.
"""

from collections.abc import Mapping as Dict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segexp.labels.mapping import Mapping
from segexp.labels.street_scene import street_warnings
from segexp.labels.taxonomy import VOID, VOID_NAME, Taxonomy
from segexp.labels.warning import MappingWarning

MOST = 0.5
"""A larger share of void pixels in a split is warned of. Street scenes have under 15%."""

LISTED = 12
"""How many names a line lists."""

Counts = Dict[str, NDArray[np.int64]]
"""By split, the pixels of each label index in the upper and in the lower halves, int64 (2, 256)."""


def label_warnings(
    taxonomy: Taxonomy,
    encoding: Dict[int, int],
    mappings: Sequence[Mapping],
    counts: Counts,
) -> list[MappingWarning]:
    """Compare the labels in a data set's splits with what is to be learned and scored.

    Args:
        taxonomy: The data's taxonomy.
        encoding: The numbering of its masks; see `street_scene.street_warnings`.
        mappings: What the labels become; without any, the labels themselves are looked at.
        counts: Of ``train`` and the other splits.

    Returns:
        ``shifted-labels``, ``unlike-streets`` and ``road-above-sky`` of the labels; then
        ``mostly-void``, ``one-class`` and ``absent-class``, of each mapping.
    """
    found = street_warnings(taxonomy, encoding, counts["train"])
    pixels = {split: of_split.sum(axis=0) for split, of_split in counts.items()}
    if not mappings:
        identity = np.arange(VOID + 1, dtype=np.uint8)
        return [*found, *_warnings(taxonomy, f"taxonomy {taxonomy.name}", identity, pixels, None)]
    for mapping in mappings:
        where = f"mapping {mapping.name}"
        found += _warnings(taxonomy, where, mapping.lookup(), pixels, mapping)
    # Several mappings over one taxonomy may give the same warning.
    return list({warning.message: warning for warning in found}.values())


def objective_faults(spaces: Sequence[Mapping], counts: Counts) -> list[str]:
    """List splits with one class or none, where the mIoU of a model means nothing.

    With one class in train, a model learns to predict it everywhere; with one class in val,
    predicting it everywhere scores 1.0000.

    Args:
        spaces: The label spaces in which trials are scored.
        counts: Of ``train`` and ``val``.
    """
    faults: dict[str, list[str]] = {}
    for space in spaces:
        lookup = space.lookup()
        for split in ("train", "val"):
            pixels = counts[split].sum(axis=0)
            present = _present(lookup, pixels, len(space.classes))
            if len(present) > 1:
                continue
            what = f"no pixel is in a class of {space.name}"
            if present:
                labels = _labels_of(space.taxonomy, lookup, pixels, present[0])
                what = (
                    f"only {space.names[present[0]]!r} ({labels}) of the {len(space.classes)} "
                    f"classes of {space.name} occurs"
                )
            fault = (
                f"{what}: there is nothing to tell apart, "
                f"and a model that predicts it everywhere has mIoU 1.0000; "
                f"{_way_out(space, lookup, pixels)}"
            )
            faults.setdefault(fault, []).append(split)
    return [f"{' and '.join(splits)}: {fault}" for fault, splits in faults.items()]


def _way_out(space: Mapping, lookup: NDArray[np.uint8], pixels: NDArray[np.int64]) -> str:
    labels = [i for i in range(len(space.taxonomy.names)) if pixels[i]]
    if len(labels) > 1 and len({lookup[i] for i in labels}) < len(labels):
        names = ", ".join(space.taxonomy.names[i] for i in labels[:LISTED])
        return f"take a mapping that keeps {names} apart (--mapping NAME)"
    void = pixels[lookup == VOID].sum() / max(int(pixels.sum()), 1)
    share = f"{void:.0%} of the pixels are void: " if void else ""
    return (
        f"{share}check the ids of the masks against the taxonomy {space.taxonomy.name}, whose void "
        f"is {_void_of(space.taxonomy)}"
    )


def _warnings(
    taxonomy: Taxonomy,
    where: str,
    lookup: NDArray[np.uint8],
    pixels: Counts,
    mapping: Mapping | None,
) -> list[MappingWarning]:
    names = taxonomy.names if mapping is None else mapping.names
    found = _mostly_void(taxonomy, where, lookup, pixels)
    present = {split: _present(lookup, of_split, len(names)) for split, of_split in pixels.items()}
    single = [f"{names[c[0]]!r} in {split}" for split, c in present.items() if len(c) == 1]
    if single:
        message = (
            f"{where}: only one class occurs, {', '.join(single)}: predicting it everywhere scores "
            "mIoU 1.0000 there, which means nothing"
        )
        found.append(MappingWarning("one-class", message))
    splits_of: dict[tuple[str, ...], list[str]] = {}
    for split, classes in present.items():
        missing = tuple(name for index, name in enumerate(names) if index not in classes)
        splits_of.setdefault(missing, []).append(split)
    splits_of.pop((), None)
    if splits_of:
        kind = "labels" if mapping is None else "classes"
        parts = [
            f"{len(missing)} of {len(names)} {kind} never in {', '.join(splits)} "
            f"({_listed(missing)})"
            for missing, splits in splits_of.items()
        ]
        meaning = "not learned where train lacks them, not scored where a split lacks them"
        if 2 * len(present["train"]) < len(names):
            meaning += f"; check that the masks are labelled in {taxonomy.name}"
        found.append(MappingWarning("absent-class", f"{where}: {'; '.join(parts)}: {meaning}"))
    return found


def _mostly_void(
    taxonomy: Taxonomy, where: str, lookup: NDArray[np.uint8], pixels: Counts
) -> list[MappingWarning]:
    shares = {
        split: float(of_split[lookup == VOID].sum() / max(int(of_split.sum()), 1))
        for split, of_split in pixels.items()
    }
    most = {split: share for split, share in shares.items() if share > MOST}
    if not most:
        return []
    split = next(iter(most))
    hidden = [
        f"{taxonomy.names[i]} {pixels[split][i] / pixels[split].sum():.1%}"
        for i in range(len(taxonomy.names))
        if lookup[i] == VOID and pixels[split][i]
    ]
    left_out = f", and the labels that it leaves out: {_listed(hidden)}" if hidden else ""
    listing = ", ".join(f"{share:.1%} of {name}" for name, share in most.items())
    message = (
        f"{where}: most pixels are void, {listing}: neither learned nor scored. Void is "
        f"{_void_of(taxonomy)}{left_out}; if that is a background or a label, give it a class"
    )
    return [MappingWarning("mostly-void", message)]


def _present(lookup: NDArray[np.uint8], pixels: NDArray[np.int64], classes: int) -> list[int]:
    by_class = np.bincount(lookup, weights=pixels, minlength=VOID + 1)
    return [index for index in range(classes) if by_class[index] > 0]


def _labels_of(
    taxonomy: Taxonomy, lookup: NDArray[np.uint8], pixels: NDArray[np.int64], index: int
) -> str:
    named = {**dict(enumerate(taxonomy.names)), VOID: VOID_NAME}
    return _listed([name for i, name in named.items() if lookup[i] == index and pixels[i]])


def _void_of(taxonomy: Taxonomy) -> str:
    ids = [str(i) for i, index in taxonomy.encodings.get("default", {}).items() if index == VOID]
    is_free = taxonomy.void_color not in taxonomy.colors
    return (
        f"raw id {' or '.join(ids) or 'none'}, and in RGB masks "
        f"{taxonomy.void_color if is_free else 'no colour'}"
    )


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")
