"""Pascal VOC, and what CVAT exports as "Segmentation mask 1.1".

    JPEGImages/2007_000032.jpg
    SegmentationClass/2007_000032.png
    SegmentationObject/2007_000032.png        left out: instances
    ImageSets/Segmentation/train.txt          and val.txt; CVAT writes default.txt
    labelmap.txt                              CVAT's labels and their colours

Of VOC's 17,125 images 2,913 have a mask: the others are left out, and so are images in no list.
"""

import re
from dataclasses import replace
from pathlib import Path

from segexp.core.errors import InputError
from segexp.data.layout import VIDEO, Layout
from segexp.data.layouts._named import folder_with, named_source, recognised_by, with_roles
from segexp.data.layouts._pairing import directory_entries
from segexp.data.layouts._split_lists import read_names
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

FOLDERS = ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")

_NAME = re.compile(r"20(07|08|09|10|11)_\d{6}")
"""The names of VOC 2012's images; those of VOC 2007, six digits, could be anybody's."""


def open_pascal_voc(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images that have a mask of classes."""
    files = with_roles(root, r"JPEGImages/.+", r"SegmentationClass/.+\.png")
    labelled = {file.stem for file in files if file.role == "mask"}
    files = [
        replace(file, role="other") if file.role == "image" and file.stem not in labelled else file
        for file in files
    ]
    return named_source(root, taxonomy, files)


def _taxonomy(root: Path | None) -> str | None:
    """Return VOC's labels where the lists name VOC's images: other data comes in this form, too."""
    folder = folder_with(root, *FOLDERS) if root else None
    if folder is None or (folder / "labelmap.txt").exists():
        return None
    lists = [p for p in directory_entries(folder / FOLDERS[-1]) if p.suffix == ".txt"]
    try:
        names = [name for path in lists for name in read_names(path)]
    except InputError:  # `open` says why
        return None
    return "voc21" if names and all(map(_NAME.fullmatch, names)) else None


LAYOUT = Layout(
    form="JPEGImages/ with SegmentationClass/ and ImageSets/Segmentation/",
    recognised=recognised_by(*FOLDERS),
    open=open_pascal_voc,
    taxonomy=_taxonomy,
    places=VIDEO,
    rather_than=("folder",),
    pairs=(("JPEGImages", "SegmentationClass"),),
)
