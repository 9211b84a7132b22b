"""What labelme's `labelme2voc.py` writes.

    class_names.txt
    JPEGImages/2011_000003.jpg
    SegmentationClass/2011_000003.png                 .npy in earlier versions
    SegmentationClassPNG/2011_000003.png              the masks of earlier versions
    SegmentationClassNpy/, SegmentationClassVisualization/, SegmentationObject/    left out

Arrays and pictures hold the same ids; the pictures are read.
"""

from pathlib import Path

from segexp.data.layout import VIDEO, Layout
from segexp.data.layouts._named import folder_with, named_source, recognised_by, with_roles
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy


def open_labelme(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images and their masks of classes."""
    folder = "SegmentationClassPNG"
    if folder_with(root, f"{folder}/*.png") is None:
        folder = "SegmentationClass"
    files = with_roles(root, r"JPEGImages/.+", rf"{folder}/.+\.png")
    return named_source(root, taxonomy, files)


LAYOUT = Layout(
    form="class_names.txt with JPEGImages/ and SegmentationClass/",
    recognised=recognised_by("class_names.txt", "JPEGImages", "SegmentationClass*/*.png"),
    open=open_labelme,
    places=VIDEO,
    rather_than=("folder", "pascal-voc"),
)
