"""BDD100K's 10,000 images with masks, in Cityscapes' 19 train ids.

    bdd100k/images/10k/train/0004a4c0-d4dff0ad.jpg
    bdd100k/labels/sem_seg/masks/train/0004a4c0-d4dff0ad.png
    bdd100k/labels/sem_seg/colormaps/         left out, as are images/100k/ and other tasks' labels

The first release:

    bdd100k/seg/images/train/0004a4c0-d4dff0ad.jpg
    bdd100k/seg/labels/train/0004a4c0-d4dff0ad_train_id.png
    bdd100k/seg/color_labels/                 left out
"""

from pathlib import Path

from segexp.data.layout import Layout
from segexp.data.layouts._cityscapes_masks import TRAIN_IDS, known_kind
from segexp.data.layouts._named import folder_with, named_source, with_roles
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

MASKS = "labels/sem_seg/masks"
FIRST_MASKS = "seg/labels"
FIRST_END = "_train_id"


def open_bdd100k(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images of the later release, or of the first one where it is alone.

    Raises:
        InputError: When the taxonomy has no encoding for train ids.
    """
    _, encoding = known_kind(root, taxonomy, {TRAIN_IDS: 1})
    if folder_with(root, MASKS):
        files = with_roles(root, r"images/10k/.+\.jpg", rf"{MASKS}/.+\.png")
        return named_source(root, taxonomy, files, encoding=encoding)
    files = with_roles(root, r"seg/images/.+\.jpg", rf"{FIRST_MASKS}/.+{FIRST_END}\.png")
    return named_source(root, taxonomy, files, mask_ends=FIRST_END, encoding=encoding)


def _recognised(root: Path) -> str | None:
    found = (MASKS, f"{FIRST_MASKS}/*/*{FIRST_END}.png")
    return ", ".join(pattern for pattern in found if folder_with(root, pattern)) or None


LAYOUT = Layout(
    form="images/10k/ with labels/sem_seg/masks/",
    recognised=_recognised,
    open=open_bdd100k,
    taxonomy=lambda root: "cityscapes19",
    rather_than=("folder",),
)
