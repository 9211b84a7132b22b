"""What a few masks of a data set hold, whether a taxonomy fits or not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segexp.data.files.file_kind import file_kind
from segexp.data.files.masks import look_at_mask
from segexp.data.source import Sample, SampleFault, Source, spread
from segexp.labels.taxonomy import VOID, VOID_NAME, Color, Taxonomy
from segexp.labels.warning import MappingWarning

_MAY_HAVE_PALETTES = ("PNG P", "BMP", "TIFF")

LOOKED_AT = 12
"""Masks that are read of a split; spread over it, since neighbours are alike."""


@dataclass(frozen=True)
class MaskSample:
    """What a few masks hold.

    Attributes:
        masks: How many were read.
        ids: Raw id -> pixels, of grey, palette and npy masks.
        colors: Colour -> pixels, of RGB masks.
    """

    masks: int
    ids: Mapping[int, int]
    colors: Mapping[Color, int]


def sample_masks(source: Source) -> MaskSample:
    """Count ids and colours in a few masks of every split; what cannot be read is left out."""
    ids: Counter[int] = Counter()
    colors: Counter[Color] = Counter()
    masks = 0
    for samples in source.splits.values():
        for path in _spread(samples):
            try:
                content = look_at_mask(path, source.rules)
            except SampleFault:  # `check.check_source` lists these
                continue
            ids.update(content.ids)
            colors.update(content.colors)
            masks += 1
    return MaskSample(masks, dict(sorted(ids.items())), dict(sorted(colors.items())))


def palette_warnings(source: Source) -> list[MappingWarning]:
    """Check whether the palettes of a few train masks name other labels than their indices do.

    The index always counts. But where a palette has the taxonomy's colours beside other indices
    than the taxonomy's, whoever drew the masks meant other labels.

    Returns:
        ``palette-colors`` when at least half of the labels that occur have, in the palette, the
        colour of a label, and most of these colours are of another label; else nothing.
    """
    taxonomy = source.taxonomy
    encoding = source.raw_ids
    named: dict[int, str] = {VOID: VOID_NAME, **dict(enumerate(taxonomy.names))}
    label_of: dict[Color, str] = {taxonomy.void_color: VOID_NAME}
    label_of |= dict(zip(taxonomy.colors, taxonomy.names, strict=True))
    meant: dict[int, Color] = {}
    for path in _spread(source.splits.get("train", ())):
        if not file_kind(path).startswith(_MAY_HAVE_PALETTES):  # nothing else is worth decoding
            continue
        try:
            meant |= look_at_mask(path, source.rules).palette
        except SampleFault:
            continue
    used = {i: color for i, color in meant.items() if encoding.get(i, VOID) != VOID}
    known = {i: label_of[color] for i, color in used.items() if color in label_of}
    others = {i: name for i, name in known.items() if name != named[encoding[i]]}
    if not others or len(known) < len(used) / 2 or len(others) <= len(known) / 2:
        return []
    listing = ", ".join(
        f"{i} is {named[encoding[i]]} and drawn as {name}" for i, name in list(others.items())[:4]
    )
    more = f" and {len(others) - 4} more" if len(others) > 4 else ""
    return [
        MappingWarning(
            "palette-colors",
            f"the palettes of the train masks have the colours of {taxonomy.name} beside other "
            f"ids: {listing}{more}. The ids count, not the colours: check which of them is right; "
            "`data.masks: {channels: rgb}` takes the colours",
        )
    ]


def fitting_taxonomies(sample: MaskSample, taxonomies: Sequence[Taxonomy]) -> list[Taxonomy]:
    """Return the taxonomies that know every id and every colour of a sample.

    Those with the fewest labels that do not occur in it come first; one that calls all of it void
    does not fit.
    """
    fitting: list[tuple[int, Taxonomy]] = []
    for taxonomy in taxonomies:
        encoding = taxonomy.encodings["default"]
        colors = {*taxonomy.colors}
        if sample.ids.keys() <= encoding.keys() and sample.colors.keys() <= {
            *colors,
            taxonomy.void_color,
        }:
            by_id = sum(encoding[raw_id] != VOID for raw_id in sample.ids)
            occurring = max(by_id, len(colors & sample.colors.keys()))
            if occurring or not sample.masks:
                fitting.append((len(taxonomy.labels) - occurring, taxonomy))
    return [taxonomy for _, taxonomy in sorted(fitting, key=lambda item: item[0])]


def holds_foreground(sample: MaskSample, taxonomy: Taxonomy) -> bool:
    """Whether 255 is what masks are about, not void: the one of two labels that is not 0.

    With 255 as void one class would be left of masks of 0 and 255 alone, and nothing to learn.
    """
    is_void = taxonomy.encodings["default"].get(VOID) == VOID
    return is_void and len(taxonomy.labels) == 2 and sample.ids.keys() == {0, VOID}


def _spread(samples: Sequence[Sample]) -> list[Path]:
    return [s.mask for s in spread(samples, LOOKED_AT) if s.mask is not None]
