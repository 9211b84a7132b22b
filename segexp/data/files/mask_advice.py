"""What to write into `config.yaml` when a mask holds what its taxonomy does not know."""

from collections.abc import Collection, Mapping

from segexp.data.files.colors import MAX_FAR
from segexp.labels.taxonomy import VOID, VOID_NAME, Color, Taxonomy

MOST_IDS = 60
"""A line of advice lists so many ids at most."""

DISTANCES = (8, 16, 24, 48)
"""Colours that far from a label's can be its own: smoothed edges, and JPEG.

Within 48 are 97% of the pixels of CamVid's masks as JPEG of quality 75 (benchmarks/lossy_masks.py).
"""

MOST_VOID = 4
"""With more unknown ids than these it is likely that the mask is of another numbering."""

FEW = 0.05
"""The share of pixels that are void by the distance that is advised, where there is a choice."""

_INSTANCES = 256
_CITYSCAPES_INSTANCES = 1000


def advice_on_ids(used: Collection[int], known: Mapping[int, int], taxonomy: Taxonomy) -> str:
    """Say which line makes the ids of a mask known; empty where no line is likely to.

    Args:
        used: The ids in the mask, of which some are not known.
        known: Raw id -> label index or VOID.
        taxonomy: What the label indices mean.
    """
    unknown = sorted(i for i in used if i not in known)
    labels = {i: index for i, index in known.items() if index != VOID and i >= 0}
    if unknown == [VOID] and set(used) <= {0, VOID} and labels.keys() >= {0, 1}:
        name = taxonomy.names[labels[1]]
        return f"; if {VOID} stands for {name!r}: `data.masks: {{ids: {{{VOID}: 1}}}}`"
    stretched = _stretched(used, known)
    if stretched:
        return (
            "; the ids are spread over 0 to 255, as a picture for people: "
            f"`data.masks: {{ids: {stretched}}}`"
        )
    if max(used) > VOID and {i // _INSTANCES for i in used} <= known.keys():
        return (
            "; if each holds a label and the number of an object: "
            f"`data.masks: {{divide: {_INSTANCES}}}`"
        )
    if (
        max(used) >= _CITYSCAPES_INSTANCES
        and {i // _CITYSCAPES_INSTANCES if i >= _CITYSCAPES_INSTANCES else i for i in used}
        <= known.keys()
    ):
        return "; these are ids of objects: take the masks *_labelIds.png"
    if len(unknown) > 12:
        return (
            "; so many ids come from resizing with interpolation, or from JPEG: resize masks by "
            "nearest neighbour; if its grey levels are the labels' colours: "
            "`data.masks: {channels: rgb, nearest_color: 48}`"
        )
    advice = ""
    if len(unknown) <= MOST_VOID and len(unknown) < len(used):
        advice = f"; if void: `data.masks: {{void: {unknown}}}`"
    numbered = sorted(i for i in known if 0 <= i < VOID)
    if unknown == [len(numbered)] and numbered == [*range(len(numbered))]:
        shifted = {0: VOID_NAME, **{i + 1: i for i in numbered}}
        if len(shifted) <= MOST_IDS:
            advice += f"; if its labels begin at 1: `data.masks: {{ids: {_written(shifted)}}}`"
    return advice


def advice_on_colors(
    counts: Mapping[Color, int], taxonomy: Taxonomy, known: Mapping[int, int]
) -> str:
    """Say which line makes the colours of a mask known; empty where no line is likely to.

    Args:
        counts: Colour -> pixels of the mask; some colours are not known.
        taxonomy: Whose colours these should be.
        known: Its raw ids, for a mask that holds ids in three channels.
    """
    colors = {*taxonomy.colors, taxonomy.void_color}
    if all(color[::-1] in colors for color in counts):
        return "; red and blue are exchanged: `data.masks: {channels: bgr}`"
    if all(red == green == blue for red, green, blue in counts):
        if {red for red, _, _ in counts} <= known.keys():
            return "; it holds ids three times: `data.masks: {channels: grey}`"
        return "; it is grey: `data.masks: {channels: grey}` if it holds ids, not colours"
    pixels = sum(counts.values())
    unknown = {color: n for color, n in counts.items() if color not in colors}
    away = {color: min(_squared(color, other) for other in colors) for color in unknown}
    far = {d: sum(n for color, n in unknown.items() if away[color] > d**2) for d in DISTANCES}
    distance = next((d for d in DISTANCES if far[d] <= FEW * pixels), DISTANCES[-1])
    inexact = sum(unknown.values())
    if far[distance] <= MAX_FAR * pixels and far[distance] <= inexact / 2:
        return (
            f"; {inexact / pixels:.1%} of the pixels have colours between those of "
            f"labels (up to {max(away.values()) ** 0.5:.0f} away), as smoothed edges and JPEG "
            "leave: save masks without either, or have the nearest taken: "
            f"`data.masks: {{nearest_color: {distance}}}`"
        )
    if len(unknown) == 1 and taxonomy.void_color not in counts:
        return (
            f"; if it is void: `void_color: {list(next(iter(unknown)))}` in "
            f"mappings/taxonomies/{taxonomy.name}.yaml"
        )
    return ""


def _stretched(used: Collection[int], known: Mapping[int, int]) -> str | None:
    """Return the ids of all labels that are spread over 0..255, if these explain a mask."""
    if min(used) < 0 or max(used) > VOID or len(used) < 3:
        return None
    ids = [i for i in known if 0 <= i < VOID]
    last, last_label = max(ids), max((i for i in ids if known[i] != VOID), default=0)
    for whole in (last_label, last, last + 1):  # 255 is the last label, the last id, or void
        if not 2 <= whole <= MOST_IDS:
            continue
        for levels in (
            {VOID // whole * i: i for i in ids},
            {VOID * i // whole: i for i in ids},
            {round(VOID * i / whole): i for i in ids},
        ):
            if set(used) <= {*levels, VOID}:
                other = {level: i for level, i in levels.items() if level != i and level <= VOID}
                return _written(other if VOID in {*levels, *known} else {**other, VOID: VOID_NAME})
    return None


def _written(ids: Mapping[int, object]) -> str:
    return f"{{{', '.join(f'{raw}: {meant}' for raw, meant in ids.items())}}}"


def _squared(one: Color, other: Color) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
