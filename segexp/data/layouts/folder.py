"""Folders of images and of masks in any order, or images and masks beside each other.

``{images,masks}/<split>/``, ``<split>/{images,masks}/``, ``<split>/`` with ``<split>annot/``, and
whatever else `segexp.data.layouts._words` understands.
"""

from pathlib import Path

from segexp.data.layout import VIDEO, Layout
from segexp.data.layouts._any_folders import pair_files, recognised_folders
from segexp.data.layouts._pairing import present, source_of
from segexp.data.layouts._words import SPLIT_WORDS
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy


def open_folder(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images and masks below ``root``, joined by what their names share.

    A test split without masks is left out with a note.
    """
    found = pair_files(root)
    return source_of(root, taxonomy, found.listings, faults=found.faults, notes=found.notes)


def _annotated(root: Path) -> list[str]:
    """Return the ``<split>annot`` folders of ``root`` (CamVid's)."""
    return present(root, (f"{name}annot" for name in SPLIT_WORDS))


LAYOUT = Layout(
    form="folders of images and of masks, such as images/train/ with masks/train/",
    recognised=recognised_folders,
    open=open_folder,
    taxonomy=lambda root: "camvid11" if root is not None and _annotated(root) else None,
    places=VIDEO,
)
