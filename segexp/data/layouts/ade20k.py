"""ADE20K as the scene parsing challenge has it: 150 labels, and 0 for all else.

    ADEChallengeData2016/images/training/ADE_train_00000001.jpg
    ADEChallengeData2016/annotations/training/ADE_train_00000001.png
    ADEChallengeData2016/objectInfo150.txt

The whole ADE20K, with `*_seg.png` beside its images, is another form, which is not read.
"""

from pathlib import Path

from segexp.data.layout import Layout
from segexp.data.layouts._named import named_source, recognised_by, with_roles
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

_STEM = r"ADE_(train|val|test)_\d{8}"


def open_ade20k(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images of the challenge."""
    files = with_roles(root, rf"images/.+/{_STEM}\.jpg", rf"annotations/.+/{_STEM}\.png")
    return named_source(root, taxonomy, files)


LAYOUT = Layout(
    form="images/training/ADE_*.jpg with annotations/training/ADE_*.png",
    recognised=recognised_by("images/training/ADE_*.jpg", "annotations/training/ADE_*.png"),
    open=open_ade20k,
    taxonomy=lambda root: "ade150",
    rather_than=("folder",),
)
