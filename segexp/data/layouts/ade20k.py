"""ADE20K as the scene parsing challenge has it: 150 labels, and 0 for all else.

    ADEChallengeData2016/images/training/ADE_train_00000001.jpg
    ADEChallengeData2016/annotations/training/ADE_train_00000001.png
    ADEChallengeData2016/objectInfo150.txt

The whole ADE20K is told and refused: R / 10 * 256 + G in `images/.../ADE_train_00016869_seg.png` is
one of 3,688 labels, and a taxonomy has 255 at most.
"""

from pathlib import Path

from segexp.core.errors import InputError
from segexp.data.layout import Layout
from segexp.data.layouts._named import folder_with, named_source, with_roles
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

CHALLENGE = ("images/training/ADE_*.jpg", "annotations/training/ADE_*.png")

_STEM = r"ADE_(train|val|test)_\d{8}"


WHOLE = (
    "images/ADE/training/*/*/ADE_train_*_seg.png",
    "images/training/*/*/ADE_train_*_seg.png",
)
"""Masks of the whole ADE20K, as released in 2021 and in 2016."""


def open_ade20k(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images of the challenge.

    Raises:
        InputError: For the whole ADE20K.
    """
    if not folder_with(root, *CHALLENGE) and _recognised(root):
        raise InputError(
            f"{root}: the whole ADE20K, whose *_seg.png have 3,688 labels; a taxonomy has 255 at "
            "most. Take its release with 150 labels, ADEChallengeData2016, or write masks of the "
            "labels that you need"
        )
    files = with_roles(root, rf"images/.+/{_STEM}\.jpg", rf"annotations/.+/{_STEM}\.png")
    return named_source(root, taxonomy, files)


def _recognised(root: Path) -> str | None:
    forms = (CHALLENGE, *((pattern,) for pattern in WHOLE))
    return next((", ".join(form) for form in forms if folder_with(root, *form)), None)


LAYOUT = Layout(
    form="images/training/ADE_*.jpg with annotations/training/ADE_*.png",
    recognised=_recognised,
    open=open_ade20k,
    taxonomy=lambda root: "ade150",
    rather_than=("folder",),
)
