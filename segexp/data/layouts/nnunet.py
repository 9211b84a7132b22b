"""nnU-Net's raw data, two-dimensional: PNG, BMP or TIFF.

    dataset.json                   its `file_ending` names the suffix, its `channel_names` the files
    imagesTr/case_001_0000.png     one file an image; several (_0001, ...) are refused
    labelsTr/case_001.png
    imagesTs/, labelsTs/           the test split, where labels are there

Files that are volumes (`.nii.gz`) are refused.
"""

import json
from dataclasses import replace
from pathlib import Path

from segexp.core.errors import InputError
from segexp.core.files import read_bounded
from segexp.data.layout import VIDEO, Layout
from segexp.data.layouts._named import folder_with, named_source, recognised_by, with_roles
from segexp.data.layouts._pairing import MASK_SUFFIXES
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

FOLDERS = ("dataset.json", "imagesTr", "labelsTr")
MAX_BYTES = 16 << 20

_SPLITS = {"Tr": "train", "Ts": "test"}


def open_nnunet(root: Path, taxonomy: Taxonomy) -> Source:
    """List the cases of train, and those of test that have labels.

    Raises:
        InputError: Where cases are volumes, or have several channels in files of their own.
    """
    ending = _file_ending(root)
    files = with_roles(root, r"images(Tr|Ts)/[^/]+", r"labels(Tr|Ts)/[^/]+")
    files = [replace(f, split=_SPLITS.get(f.path.parent.name[-2:]), rest=()) for f in files]
    several = [f for f in files if f.role == "image" and f.stem.endswith("_0001")]
    if several:
        raise InputError(
            f"{several[0].path}: its case has more than one channel, each in a file of its own; "
            "a network here sees RGB: write one picture a case, called ..._0000"
        )
    if ending not in MASK_SUFFIXES:
        raise InputError(
            f"{root}: dataset.json says that its files end in {ending}; pictures end in "
            f"{', '.join(MASK_SUFFIXES)}: write each slice of a volume as a PNG"
        )
    return named_source(root, taxonomy, files, image_ends="_0000")


def _file_ending(root: Path) -> str:
    folder = folder_with(root, *FOLDERS) or root
    file = folder / FOLDERS[0]
    try:
        content = json.loads(read_bounded(file, MAX_BYTES))
    except ValueError as error:
        raise InputError(f"{file}: not JSON: {error}") from None
    ending = content.get("file_ending") if isinstance(content, dict) else None
    first = next(folder.glob("labelsTr/*"), None)
    return str(ending or (first.suffix if first else "nothing")).lower()


LAYOUT = Layout(
    form="imagesTr/ with labelsTr/ and dataset.json",
    recognised=recognised_by(*FOLDERS),
    open=open_nnunet,
    places=VIDEO,
    rather_than=("folder",),
)
