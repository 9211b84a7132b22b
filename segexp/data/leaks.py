"""Held-out and tuning images that look like images that were trained or tuned on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.core.wording import counted
from segexp.data.near_duplicates import find_pairs, make_looks

TRAIN, VAL, HELDOUT = "train", "val", "held-out"

SHOWN = 3
"""How many pairs a line names."""

_ASKED = ((HELDOUT, TRAIN), (HELDOUT, VAL), (VAL, TRAIN))


@dataclass(frozen=True)
class Pair:
    """Two images of a data set that look the same.

    Attributes:
        of: The part of the image: ``held-out`` or ``val``, which tuning sees.
        image: Its id.
        like: The part of the other image.
        other: The other one's id.
        difference: Between the two: see `near_duplicates.difference`.
    """

    of: str
    image: str
    like: str
    other: str
    difference: float


@dataclass(frozen=True)
class Leaks:
    """The near-duplicates across the parts of a data set.

    Attributes:
        images: How many images train, val and held-out have.
        pairs: All pairs; at most 8 for an image and another part.
    """

    images: Mapping[str, int]
    pairs: tuple[Pair, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the leaks as JSON holds them."""
        return {"images": dict(self.images), "pairs": [asdict(pair) for pair in self.pairs]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Leaks":
        """Read what `to_dict` wrote."""
        return cls(dict(content["images"]), tuple(Pair(**pair) for pair in content["pairs"]))


NONE = Leaks({}, ())


def find_leaks(parts: Mapping[str, Mapping[str, NDArray[np.uint8]]]) -> Leaks:
    """Compare the held-out images with those of train and those of tuning, and these with train.

    Args:
        parts: By ``train``, ``val`` and ``held-out``, the looks of the images by id.
    """
    looks = {name: make_looks(list(part), list(part.values())) for name, part in parts.items()}
    pairs = [
        Pair(of, image, like, other, round(difference, 4))
        for of, like in _ASKED
        for image, other, difference in find_pairs(looks[of], looks[like])
    ]
    return Leaks({name: len(part) for name, part in parts.items()}, tuple(pairs))


def describe_leaks(leaks: Leaks) -> list[str]:
    """Say how many images have a near-duplicate elsewhere, one line for each two parts."""
    lines = []
    for of, like in _ASKED:
        pairs = [pair for pair in leaks.pairs if (pair.of, pair.like) == (of, like)]
        if not pairs:
            continue
        found = len({pair.image for pair in pairs})
        where = {TRAIN: "in train", VAL: "among the images that tuning sees"}[like]
        has = "has" if found == 1 else "have"
        lines.append(
            f"{found} of {leaks.images[of]} {of} images {has} a near-duplicate {where}: scores "
            f"flatter ({_named(pairs)})"
        )
    return lines


def _named(pairs: Sequence[Pair]) -> str:
    named = "; ".join(f"{pair.image} is like {pair.other}" for pair in pairs[:SHOWN])
    left = len(pairs) - SHOWN
    if left <= 0:
        return named
    return f"{named}; {counted(left, 'more pair')}: `segexp data check --json`"
