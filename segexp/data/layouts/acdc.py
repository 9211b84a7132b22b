"""ACDC: streets in fog, at night, in rain and snow, in Cityscapes' labels.

    rgb_anon/fog/train/GOPR0475/GOPR0475_frame_000041_rgb_anon.png
    gt/fog/train/GOPR0475/GOPR0475_frame_000041_gt_labelTrainIds.png
    gt/fog/train/GOPR0475/*_gt_labelIds.png        read where there are no labelTrainIds
    gt/fog/train/GOPR0475/*_gt_labelColor.png      left out, and so is *_gt_invIds.png
    rgb_anon/fog/train_ref/                        left out: the same places in clear weather

A folder such as `GOPR0475` is a video; with its weather it is a sequence.
"""

import re
from pathlib import Path

from segexp.data.layout import Layout, Places
from segexp.data.layouts._cityscapes_masks import LABEL_IDS, TRAIN_IDS, known_kind
from segexp.data.layouts._named import named_source, recognised_by, with_roles
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

KINDS = (TRAIN_IDS, LABEL_IDS)


def open_acdc(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images in bad weather.

    Raises:
        InputError: When the taxonomy has no encoding for the masks.
    """
    ends = {kind: f"_gt_{kind}" for kind in KINDS}
    files = with_roles(root, r"rgb_anon/.+_rgb_anon\.png", rf"gt/.+_gt_({'|'.join(KINDS)})\.png")
    masks = [file.stem for file in files if file.role == "mask"]
    counts = {kind: sum(stem.endswith(end) for stem in masks) for kind, end in ends.items()}
    kind, encoding = known_kind(root, taxonomy, counts)
    return named_source(
        root, taxonomy, files, image_ends="_rgb_anon", mask_ends=ends[kind], encoding=encoding
    )


LAYOUT = Layout(
    form="rgb_anon/ with gt/ of *_gt_labelTrainIds.png",
    recognised=recognised_by("rgb_anon/*/*/*/*_rgb_anon.png", "gt/*/*/*/*_gt_label*Ids.png"),
    open=open_acdc,
    taxonomy=lambda root: "cityscapes19",
    places=Places(
        re.compile(r"(?P<condition>[^_]+)_(?P<sequence>.+)_frame_(?P<frame>\d+)"),
        {"sequence": ("condition", "sequence")},
    ),
    rather_than=("folder",),
)
