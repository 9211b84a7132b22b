"""CamVid in 32 colours, as its authors and Kaggle have it.

    CamVid/train/0001TP_009210.png            val/ and test/ likewise
    CamVid/train_labels/0001TP_009210_L.png
    CamVid/class_dict.csv

    701_StillsRaw_full/0001TP_006690.png
    LabeledApproved_full/0001TP_006690_L.png

Its 701 frames are of four videos.
"""

import re
from pathlib import Path

from segexp.data.layout import Layout, Places
from segexp.data.layouts._named import folder_with, named_source, with_roles
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

SEQUENCES = ("0001TP", "0006R0", "0016E5", "Seq05VD")

_STEM = rf"({'|'.join(SEQUENCES)})_f?\d+"


def open_camvid(root: Path, taxonomy: Taxonomy) -> Source:
    """List the frames of CamVid's four videos."""
    files = with_roles(root, rf"{_STEM}\.png", rf"{_STEM}_L\.png")
    return named_source(root, taxonomy, files, mask_ends="_L")


def _recognised(root: Path) -> str | None:
    there = [name for name in SEQUENCES if folder_with(root, f"{name}_*_L.png")]
    return ", ".join(f"{name}_*_L.png" for name in there) or None


LAYOUT = Layout(
    form="0001TP_009210.png with 0001TP_009210_L.png",
    recognised=_recognised,
    open=open_camvid,
    taxonomy=lambda root: "camvid32",
    places=Places(
        re.compile(r"(?:.*_)?(?P<sequence>0001TP|0006R0|0016E5|Seq05VD)_f?(?P<frame>\d+)"),
        {"sequence": ("sequence",)},
    ),
    rather_than=("folder",),
)
