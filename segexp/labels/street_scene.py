"""What nearly all street scenes have in common, as evidence of a wrong numbering.

A mask whose ids are read in another data set's numbering is a valid mask: only the look of a street
scene gives it away. Three things hold in every data set that we counted, with wide margins:

- road, sidewalk, building, vegetation, sky and car are most of what is labelled: 92% of the train
  split of Cityscapes (Cordts et al. 2016, figure 2), 96% of CamVid, 92% of our drawn scenes. One
  id more or less leaves about half of it, and CamVid read as Cityscapes too;
- the sky is above the road;
- a shift of all ids that restores the share is not a coincidence.

Only a taxonomy that has road, building, sky and vegetation, or tree, is judged.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from segexp.labels.raw_ids import moves_with_shift
from segexp.labels.taxonomy import VOID, Taxonomy
from segexp.labels.warning import MappingWarning

COMMON = {
    "road": ("road", "street"),
    "sidewalk": ("sidewalk", "pavement"),
    "building": ("building", "buildings"),
    "vegetation": ("vegetation", "tree", "trees"),
    "sky": ("sky",),
    "car": ("car", "cars"),
}
NEEDED = ("road", "building", "vegetation", "sky")

LEAST = 0.6
"""With a smaller share of labelled pixels in common labels, a data set is not of street scenes."""

RESTORED = 0.8
"""A shift of the ids that raises the share of the common labels to this is the right one,"""

GAIN = 0.25
"""if it raises the share by at least this much."""

SEEN = 0.03
"""The position of a label with a smaller share of the labelled pixels means nothing."""


def street_warnings(
    taxonomy: Taxonomy, encoding: Mapping[int, int], counts: NDArray[np.int64]
) -> list[MappingWarning]:
    """Check whether labels are distributed as in street scenes.

    Args:
        taxonomy: The masks' taxonomy.
        encoding: Raw id -> label index or VOID: the numbering that the masks follow; empty where
            they follow none, as colour masks do.
        counts: Pixels of each label index in the upper and in the lower halves of the images;
            int64 (2, 256).

    Returns:
        ``shifted-labels``, or ``unlike-streets``; and ``road-above-sky``. Nothing for a taxonomy
        that is not of street scenes, or without a labelled pixel.
    """
    common = _common_labels(taxonomy)
    if any(name not in common for name in NEEDED):
        return []
    pixels = counts.sum(axis=0)
    share = _share(pixels, common)
    if share is None:
        return []
    warnings = []
    better = _better_shift(encoding, pixels, common, share)
    top = _largest(taxonomy, pixels)
    if better is not None:
        by, restored = better
        warnings.append(
            MappingWarning(
                "shifted-labels",
                f"the ids in the masks look one too {'high' if by < 0 else 'low'} for the "
                f"taxonomy {taxonomy.name}: road, building, sky and the like are {share:.0%} of "
                f"the labelled train pixels ({top}), and would be {restored:.0%} if every id were "
                f"read as the label of the id {'before' if by < 0 else 'after'} it: renumber the "
                "masks, or use a taxonomy with their ids",
            )
        )
    elif share < LEAST:
        warnings.append(
            MappingWarning(
                "unlike-streets",
                f"the labels are not distributed as those of {taxonomy.name} are in street scenes: "
                f"road, sidewalk, building, vegetation, sky and car are {share:.0%} of the "
                f"labelled train pixels, usually over 85%; the most frequent are {top}: check "
                "that the masks are labelled in this taxonomy",
            )
        )
    return warnings + _upside_down(taxonomy, counts, common)


def _common_labels(taxonomy: Taxonomy) -> dict[str, int]:
    """Return the label index of each of COMMON that a taxonomy has."""
    found: dict[str, int] = {}
    for index, name in enumerate(taxonomy.names):
        word = name.lower().replace("_", "-").rpartition("--")[2].strip()  # Mapillary's paths
        for kind, words in COMMON.items():
            if word in words:
                found.setdefault(kind, index)
    return found


def _share(pixels: NDArray[np.int64], common: Mapping[str, int]) -> float | None:
    labelled = int(pixels[:VOID].sum())
    return int(pixels[[*common.values()]].sum()) / labelled if labelled else None


def _better_shift(
    encoding: Mapping[int, int],
    pixels: NDArray[np.int64],
    common: Mapping[str, int],
    share: float,
) -> tuple[int, float] | None:
    """Return the shift of all raw ids, -1 or +1, that makes them street scenes, and its share.

    Ids that mean void in any numbering stay; one that leaves the taxonomy becomes void.
    """
    found = []
    for by in (-1, 1):
        moved = np.zeros_like(pixels)
        for raw_id, index in encoding.items():
            if index != VOID and moves_with_shift(raw_id):
                moved[encoding.get(raw_id + by, VOID)] += pixels[index]
        restored = _share(moved, common)
        if restored is not None and restored >= RESTORED and restored - share >= GAIN:
            found.append((restored, by))
    if not found:
        return None
    restored, by = max(found)
    return by, restored


def _upside_down(
    taxonomy: Taxonomy, counts: NDArray[np.int64], common: Mapping[str, int]
) -> list[MappingWarning]:
    road, sky = common["road"], common["sky"]
    pixels = counts.sum(axis=0)
    if min(pixels[road], pixels[sky]) < SEEN * pixels[:VOID].sum():
        return []
    road_above, sky_above = (float(counts[0, i] / pixels[i]) for i in (road, sky))
    if road_above <= sky_above:
        return []
    return [
        MappingWarning(
            "road-above-sky",
            f"the road lies above the sky: {road_above:.0%} of the pixels that {taxonomy.name} "
            f"calls {taxonomy.names[road]} are in the upper halves of the train images, and "
            f"{sky_above:.0%} of those that it calls {taxonomy.names[sky]}: check that the masks "
            "are labelled in this taxonomy",
        )
    ]


def _largest(taxonomy: Taxonomy, pixels: NDArray[np.int64]) -> str:
    labelled = int(pixels[:VOID].sum())
    order = np.argsort(-pixels[: len(taxonomy.names)], kind="stable")[:4]
    return ", ".join(f"{taxonomy.names[i]} {pixels[i] / labelled:.0%}" for i in order if pixels[i])
