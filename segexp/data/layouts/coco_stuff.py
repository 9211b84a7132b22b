"""COCO-Stuff: a mask of things and stuff for each image of COCO.

    train2017/000000000009.jpg                         or images/train2017/; val2017 likewise
    stuffthingmaps/train2017/000000000009.png          or annotations/train2017/, as its readme says
    annotations/train2017/000000000009_labelTrainIds.png    mmsegmentation's: read where alone

The ids are 0 to 181, and 255 for what is not labelled; labelTrainIds are 0 to 170.
"""

from pathlib import Path

from segexp.data.layout import Layout
from segexp.data.layouts._named import folder_with, named_source, no_encoding, with_roles
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

FOLDERS = ("stuffthingmaps", "annotations")

_TRAIN_IDS = "labelTrainIds"


def open_coco_stuff(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images of COCO and their masks.

    Raises:
        InputError: When the taxonomy has no encoding for the masks.
    """
    is_plain = any(folder_with(root, f"{_train(folder)}.png") for folder in FOLDERS)
    encoding, end = ("default", "") if is_plain else (_TRAIN_IDS, f"_{_TRAIN_IDS}")
    if encoding not in taxonomy.encodings:
        raise no_encoding(root, taxonomy, encoding)
    name = r"(train|val|test)2017/\d{12}"
    files = with_roles(root, rf"{name}\.jpg", rf"({'|'.join(FOLDERS)})/{name}{end}\.png")
    return named_source(root, taxonomy, files, mask_ends=end, encoding=encoding)


def _recognised(root: Path) -> str | None:
    there = [folder for folder in FOLDERS if folder_with(root, f"{_train(folder)}*.png")]
    return ", ".join(f"{folder}/train2017/" for folder in there) or None


def _train(folder: str) -> str:
    return f"{folder}/train2017/{'[0-9]' * 12}"


LAYOUT = Layout(
    form="train2017/ with stuffthingmaps/train2017/",
    recognised=_recognised,
    open=open_coco_stuff,
    taxonomy=lambda root: "cocostuff164k",
    rather_than=("folder",),
)
