"""IDD, the India Driving Dataset: a folder for each drive, masks made by its public code.

    leftImg8bit/train/0/frame0029_leftImg8bit.png             .jpg in its second part
    gtFine/train/0/frame0029_gtFine_labellevel3Ids.png        26 labels: what its benchmark scores
    gtFine/train/0/frame0029_gtFine_labelids.png              all 40 labels
    gtFine/train/0/frame0029_gtFine_polygons.json             what `createLabels.py` draws them from

The taxonomy decides which masks are read, or else the first kind that is there.
"""

import re
from pathlib import Path

from segexp.data.layout import Layout, Places
from segexp.data.layouts._named import folder_with, named_source, with_roles
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

TAXONOMIES = {"level3Ids": "idd26", "ids": "idd40"}
"""By the end of the masks' names; of those that are there, the first is read."""


def open_idd(root: Path, taxonomy: Taxonomy) -> Source:
    """List the frames of all drives, with the masks that the taxonomy is for."""
    there = _masks_there(root)
    asked = [kind for kind in there if TAXONOMIES[kind] == taxonomy.name]
    kind = (*asked, *there, *TAXONOMIES)[0]
    files = with_roles(
        root, r"leftImg8bit/.+_leftImg8bit\.(png|jpe?g)", rf"gtFine/.+_gtFine_label{kind}\.png"
    )
    end = f"_gtFine_label{kind}"
    return named_source(root, taxonomy, files, image_ends="_leftImg8bit", mask_ends=end)


def _masks_there(root: Path) -> list[str]:
    return [
        kind for kind in TAXONOMIES if folder_with(root, f"gtFine/*/*/*_gtFine_label{kind}.png")
    ]


def _taxonomy(root: Path | None) -> str | None:
    there = _masks_there(root) if root else []
    return TAXONOMIES[there[0]] if there else None


LAYOUT = Layout(
    form="leftImg8bit/ with gtFine/ of *_gtFine_labellevel3Ids.png",
    recognised=lambda root: ", ".join(f"*_gtFine_label{k}" for k in _masks_there(root)) or None,
    open=open_idd,
    taxonomy=_taxonomy,
    places=Places(re.compile(r"(?P<sequence>[^_]+)_(?P<frame>.+)"), {"sequence": ("sequence",)}),
    rather_than=("cityscapes", "folder"),
)
