"""What the name of a folder says: images or masks, and of which split.

A name is taken apart into words: ``train_labels``, ``trainannot``, ``imagesTr`` and
``SegmentationClass`` are folders of masks or images, ``city_01`` is neither.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

Role = Literal["image", "mask", "other"]


def _words_in(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn", "trainset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "valset"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "testset"), "test"),
}
_SHORT_SPLITS = {"tr": "train", "va": "val", "vl": "val", "ts": "test"}
"""Only beside the word of a role: ``imagesTr``."""

IMAGE_WORDS = _words_in("""
image images img imgs im jpegimages photo photos picture pictures pic pics rgb input inputs
frame frames leftimg8bit original originals
""")
MASK_WORDS = _words_in("""
mask masks label labels lbl annot annots annotation annotations ann anns anno annos gt gts
groundtruth truth seg segs segmentation segmentations segmentationclass segmentationclassaug
segmentationclassraw segmentationclasspng target targets semantic gtfine gtcoarse trimap trimaps
labelids labeltrainids stuffthingmaps segmap segmaps
""")
OTHER_WORDS = _words_in("""
instance instances instanceids segmentationobject panoptic polygon polygons depth disparity
boxes bbox bboxes overlay overlays vis visualization visualizations preview previews thumbs
thumbnails weights edges
""")
"""Drawings beside the masks that are not what a network learns to name."""

COLOR_WORDS = _words_in("color colour colors colours colormap colormaps")
"""Drawings in colours, which may stand beside masks of ids."""

_IN_FILE_NAMES = _words_in("""
l p m sat msk lab id ids color colour
""")
"""Words of roles in names of files only: CamVid's ``_L``, DeepGlobe's ``_sat``."""

_GLUED = re.compile(
    rf"(?P<before>{'|'.join(sorted(SPLIT_WORDS, key=len, reverse=True))})?"
    rf"(?P<role>{'|'.join(sorted(IMAGE_WORDS | MASK_WORDS, key=len, reverse=True))})"
    rf"(?P<after>{'|'.join(sorted(SPLIT_WORDS, key=len, reverse=True))})?"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")


@dataclass(frozen=True)
class Meaning:
    """What the name of a folder says.

    Attributes:
        role: Whose files lie below it; None where it does not say.
        split: ``train``, ``val`` or ``test``; None where it does not say.
        split_word: The word for it, such as ``valid``; else empty.
        kind: The name without the words of a split, in lower case: ``labels`` of ``train_labels``.
    """

    role: Role | None
    split: str | None
    split_word: str
    kind: str


@cache
def meaning_of(name: str) -> Meaning:
    """Read the name of a folder."""
    words = _words_of(name)
    role = _role(words)
    known = SPLIT_WORDS | (_SHORT_SPLITS if role else {})
    others = [word for word in words if word not in known]
    told = {known[word]: word for word in words if word in known}
    if len(told) > 1 or (role is None and not all(map(str.isdigit, others))):
        told = {}  # "trainval" is two splits, and "test_drive_3" is a video
    split, split_word = next(iter(told.items()), (None, ""))
    return Meaning(role, split, split_word, "_".join(others))


def says_role(words: str) -> bool:
    """Whether words in the names of files say that these are images or masks."""
    return not (IMAGE_WORDS | MASK_WORDS | _IN_FILE_NAMES).isdisjoint(_words_of(words))


def says_mask(words: str) -> bool:
    """Whether words in the names of files say that these are masks."""
    return not (MASK_WORDS | {"l", "p", "m", "msk", "lab"}).isdisjoint(_words_of(words))


def says_other(words: str) -> bool:
    """Whether words in the names of masks say that they are drawings beside the masks."""
    return not (OTHER_WORDS | COLOR_WORDS).isdisjoint(_words_of(words))


def _role(words: list[str]) -> Role | None:
    if OTHER_WORDS.intersection(words):
        return "other"
    if MASK_WORDS.intersection(words):  # "label_images" are masks
        return "mask"
    return "image" if IMAGE_WORDS.intersection(words) else None


def _words_of(name: str) -> list[str]:
    """Take a name apart at separators, capitals and digits, and ``trainannot`` into two words."""
    words: list[str] = []
    for part in re.split(r"[\W_]+", name):
        whole = part.lower()
        if whole in IMAGE_WORDS | MASK_WORDS | OTHER_WORDS or whole in SPLIT_WORDS:
            words.append(whole)
        elif glued := _GLUED.fullmatch(whole):
            words += [word for word in glued.groups() if word]
        else:
            words += [word.lower() for word in _WORD.findall(part)]
    return words
