"""Val divided in two where there is no test split: one part for tuning, one for final scores.

Frames of one video show nearly the same scene. If neighbours were on both sides, the held-out
images would show little that is new; so each city, or video sequence, is kept together.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from segexp.core.errors import InputError
from segexp.data.sequences import certain_places, places_of

RULES = ("auto", "city", "sequence", "image")

SMALLEST_SHARE = 0.25
"""Of the images: if the smaller part has less, ``auto`` takes the next finer rule."""


@dataclass(frozen=True)
class Halves:
    """The two parts of val.

    Attributes:
        by: ``city``, ``sequence`` or ``image``: what is kept together in one of the parts.
        tuning: The ids that tuning sees.
        heldout: The ids that only final scores see; none where there is one image.
    """

    by: str
    tuning: frozenset[str]
    heldout: frozenset[str]


def too_few_to_halve(splits: Mapping[str, Sequence[object]]) -> list[str]:
    """Return a fault where there is no test split, and val has a single image."""
    if "test" in splits or len(splits.get("val", ())) != 1:
        return []
    return [
        "val: 1 image and no test split: val cannot be split into a part for tuning and one for "
        "final scores; two images are needed, or one in a test split"
    ]


def divide(ids: Sequence[str], data_format: str, rule: str = "auto") -> Halves:
    """Divide the images of val into two parts that are as equal as they can be.

    ``auto`` divides by city where the ids name two or more, else by sequence where they name two
    or more, else by image; a rule by which the smaller part has under a quarter of the images is
    passed over. Which part a city, sequence or image falls into follows from the SHA-256 of its
    name: in that order each goes to tuning, as long as the others can still make the parts as
    equal as possible. Tuning has the odd image. The order of the ids changes nothing, and nothing
    is random.

    Args:
        ids: The ids of val, each once, in any order.
        data_format: The name of the layout.
        rule: One of RULES.

    Raises:
        InputError: When the ids do not name what the rule divides by, or name only one of it.
    """
    if rule == "image" or not ids:
        return _by("image", ids, ids)
    if rule != "auto":
        return _by(rule, ids, _asked_for(rule, ids, data_format))
    for finer in ("city", "sequence"):
        places = certain_places(finer, ids, data_format)
        if places is not None and len(set(places)) > 1:
            halves = _by(finer, ids, places)
            if len(halves.heldout) >= SMALLEST_SHARE * len(ids):
                return halves
    return _by("image", ids, ids)


def _asked_for(rule: str, ids: Sequence[str], data_format: str) -> list[str]:
    places = places_of(rule, ids, data_format)
    if places is None:
        raise InputError(
            f"data.heldout_by: {rule}: the ids of val in format {data_format} name no {rule} "
            f"(the first is {ids[0]!r}); take auto or image"
        )
    if len(set(places)) == 1:
        raise InputError(
            f"data.heldout_by: {rule}: all {len(ids)} images of val are of one {rule} "
            f"({places[0]}), which cannot lie whole on two sides; take auto or image"
        )
    return places


def _by(rule: str, ids: Sequence[str], places: Sequence[str]) -> Halves:
    chosen = _tuning_places(Counter(places))
    tuning = frozenset(id_ for id_, place in zip(ids, places, strict=True) if place in chosen)
    return Halves(rule, tuning, frozenset(ids) - tuning)


def _tuning_places(sizes: Counter[str]) -> frozenset[str]:
    """Choose places that have half of the images, or as little more as possible."""
    ranked = sorted(sizes, key=lambda place: hashlib.sha256(place.encode()).hexdigest())
    if len(ranked) == sizes.total():  # what the rest comes to then, for any number of images
        return frozenset(ranked[: (len(ranked) + 1) // 2])
    # Bit n of the last entry but k: whether some of the last k places have n images together.
    sums = list(
        accumulate((sizes[p] for p in reversed(ranked)), lambda s, n: s | s << n, initial=1)
    )
    total = sizes.total()
    wanted = next(n for n in range((total + 1) // 2, total + 1) if sums[-1] >> n & 1)
    chosen = set()
    for place, rest in zip(ranked, reversed(sums[:-1]), strict=True):
        if sizes[place] <= wanted and rest >> (wanted - sizes[place]) & 1:
            chosen.add(place)
            wanted -= sizes[place]
    return frozenset(chosen)
