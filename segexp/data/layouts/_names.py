"""What the names of images and of their masks share: a part that each side puts words around.

``aachen_000000_000019_leftImg8bit`` and ``aachen_000000_000019_gtFine_labelIds`` share
``aachen_000000_000019``. The words around it are the same in all files of a side; so they are found
from the listing.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from segexp.data.files.pictures import IMAGE_SUFFIXES
from segexp.data.layouts._pairing import MASK_SUFFIXES
from segexp.data.layouts._words import says_role

SAMPLED = 400
"""Masks whose names are tried with every rule; the best rules are then tried with all names."""

_MOST_WORDS = 6
_SHARE = 0.1
"""Words around a name are a rule only where so many of a side's files have them: one folder of the
official Cityscapes holds four files for each mask."""

_CHANGE = r"(?<=[a-z])(?=[A-Z])|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)"
_WORD_BEGINS = re.compile(rf"(?<=[\W_])(?=[^\W_])|{_CHANGE}")
_WORD_ENDS = re.compile(rf"(?<=[^\W_])(?=[\W_])|{_CHANGE}")
_KNOWN_WITH_DIGITS = re.compile(r"leftimg8bit|rgb8bit|8bit", re.IGNORECASE)

Place = tuple[str | None, tuple[str, ...]]
"""A split, where it counts, and folders."""

Key = tuple[Place, str]
"""Where a file lies, and its stem: files are joined only where both places are the same."""


@dataclass(frozen=True, order=True)
class Affixes:
    """The words that all files of a side have before and after what the sides share."""

    before: str = ""
    after: str = ""

    def core(self, stem: str) -> str | None:
        """Return what is left of a stem without the words; None where it lacks them."""
        if len(stem) <= len(self.before) + len(self.after):
            return None
        if not (stem.startswith(self.before) and stem.endswith(self.after)):
            return None
        return stem[len(self.before) : len(stem) - len(self.after)]

    def describe(self, side: str) -> str:
        """Write the rule as a name: ``images *_leftImg8bit``."""
        return f"{side} {self.before}*{self.after}"


@dataclass(frozen=True)
class FileNames:
    """What is known of the names of images and masks.

    Attributes:
        image_suffixes: The suffixes of images, lower case, with the dot.
        mask_suffixes: The suffixes of masks.
        affixes: The words around the names of images and of masks; None where they are to be found.
    """

    image_suffixes: tuple[str, ...] = IMAGE_SUFFIXES
    mask_suffixes: tuple[str, ...] = MASK_SUFFIXES
    affixes: tuple[Affixes, Affixes] | None = None


@dataclass(frozen=True)
class Rule:
    """How the names of two sides are joined.

    Attributes:
        images: The words of the images' names.
        masks: The words of the masks' names.
        pairs: The key of an image by the key of its mask.
    """

    images: Affixes
    masks: Affixes
    pairs: Mapping[Key, Key]

    @property
    def is_plain(self) -> bool:
        """Whether images and masks have the same names."""
        return self.images == self.masks == Affixes()

    def describe(self) -> str:
        """Say the rule in a few words."""
        return f"{self.images.describe('images')} with {self.masks.describe('masks')}"


def find_rules(
    images: Collection[Key],
    masks: Collection[Key],
    image_affixes: Affixes | None = None,
    mask_affixes: Affixes | None = None,
) -> list[Rule]:
    """Find the rules by which most masks have an image, best first; each joins other files.

    Rules that join fewer than half as many masks as the best one are not returned; nor are other
    rules where the plain one, the same names on both sides, is the best.

    Args:
        images: The images' keys.
        masks: The masks' keys.
        image_affixes: Only these words of images are tried; by default all that many files have.
        mask_affixes: Likewise of masks.
    """
    if not images or not masks:
        return []
    of_images, of_masks = (
        frequent_affixes([stem for _, stem in keys]) if affixes is None else [affixes]
        for keys, affixes in ((images, image_affixes), (masks, mask_affixes))
    )
    ordered = sorted(masks, key=repr)
    sample = Random(0).sample(ordered, min(SAMPLED, len(ordered)))
    counted: list[tuple[int, Affixes, Affixes]] = []
    for of_image in of_images:
        cores = {(place, of_image.core(stem)) for place, stem in images}
        for of_mask in of_masks:
            if image_affixes is None and not _is_safe(of_image, of_mask):
                continue
            found = {(place, of_mask.core(stem)) for place, stem in sample}
            n = len({key for key in found if key[1] is not None} & cores)
            if n:
                counted.append((n, of_image, of_mask))
    most = max((n for n, _, _ in counted), default=0)
    likely = [(i, m) for n, i, m in counted if 2 * n >= most]
    rules = [Rule(i, m, _pairs(images, masks, i, m)) for i, m in likely]
    return _different(sorted(rules, key=_order))


def _order(rule: Rule) -> tuple[int, bool, int, Affixes, Affixes]:
    words = (rule.images.before, rule.images.after, rule.masks.before, rule.masks.after)
    return -len(rule.pairs), not rule.is_plain, len("".join(words)), rule.images, rule.masks


def _is_safe(images: Affixes, masks: Affixes) -> bool:
    """Whether words around the images' names are known to say that they are images.

    Else ``train_1`` would be joined with ``val_1``.
    """
    words = (images.before, images.after, masks.before, masks.after)
    return images == Affixes() or any(map(says_role, words))


def _different(rules: Sequence[Rule]) -> list[Rule]:
    """Keep the rules that join other files than a better one, with at least half as many."""
    kept: list[Rule] = []
    for rule in rules:
        if kept and (kept[0].is_plain or 2 * len(rule.pairs) < len(kept[0].pairs)):
            break
        if not any(rule.pairs.items() <= other.pairs.items() for other in kept):
            kept.append(rule)
    return kept


def _pairs(
    images: Collection[Key], masks: Collection[Key], of_images: Affixes, of_masks: Affixes
) -> dict[Key, Key]:
    by_core = {
        (key[0], core): key for key in images if (core := of_images.core(key[1])) is not None
    }
    pairs = {}
    for key in masks:
        core = of_masks.core(key[1])
        if core is not None and (key[0], core) in by_core:
            pairs[key] = by_core[key[0], core]
    return pairs


def frequent_affixes(stems: Sequence[str]) -> list[Affixes]:
    """List the words, with none, that many of the stems begin and end with."""
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for stem in stems:
        begins = [match.start() for match in _WORD_BEGINS.finditer(stem) if match.start()]
        ends = [match.start() for match in _WORD_ENDS.finditer(stem)]
        before.update({stem[:place] for place in begins[:_MOST_WORDS]})
        after.update({stem[place:] for place in ends[-_MOST_WORDS:]})
    return [
        Affixes(first, last)
        for first in ("", *_frequent(before, len(stems)))
        for last in ("", *_frequent(after, len(stems)))
    ]


def _frequent(words: Counter[str], stems: int) -> list[str]:
    # In few files everything is frequent: then only words count that are known.
    return sorted(
        word
        for word, n in words.items()
        if n >= _SHARE * stems
        and (n > 2 or says_role(word))
        and not any(map(str.isdigit, _KNOWN_WITH_DIGITS.sub("", word)))
    )
