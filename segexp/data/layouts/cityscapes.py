"""Cityscapes: files named ``<city>_<sequence>_<frame>_leftImg8bit`` and ``..._gtFine_labelIds``.

In ``{leftImg8bit,gtFine}/<split>/<city>/`` as in the official archives, unpacked into one folder or
into one each; without the folders of cities; in ``<split>/{img,label}/``; with JPEG images.
"""

import re
from dataclasses import replace
from pathlib import Path

from segexp.core.errors import InputError
from segexp.data.layout import Layout, Places
from segexp.data.layouts._any_folders import pair_files
from segexp.data.layouts._names import Affixes, FileNames
from segexp.data.layouts._pairing import source_of
from segexp.data.layouts._tree import File, files_below
from segexp.data.layouts._words import Role
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MASK_SUFFIXES = (".png",)
ENCODINGS = {"labelIds": "labelIds", "labelTrainIds": "default"}
"""The masks' file names, and the taxonomy's encoding that they are written in."""

ANNOTATIONS = ("gtFine", "gtCoarse")
"""The first that is there is read."""

EXTRA = "train_extra"
"""The folder of images that have coarse annotations only."""

_IMAGE = re.compile(r".+_leftImg8bit")
_MASK = re.compile(rf".+_({'|'.join(ANNOTATIONS)})_.+")


def open_cityscapes(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images and masks of ``root``.

    The masks are ``gtFine``, or ``gtCoarse`` where there are no others; ``labelIds``, or
    ``labelTrainIds`` when there are more of these. A test split without masks is left out with a
    note, and so are the coarse extra images.

    Raises:
        InputError: When the taxonomy has no encoding for these masks.
    """
    files = [file for file in files_below(root) if EXTRA not in file.path.parts]
    stems = [file.stem for file in files if file.suffix in MASK_SUFFIXES]
    there = [a for a in ANNOTATIONS if any(f"_{a}_" in stem for stem in stems)]
    annotation = (*there, *ANNOTATIONS)[0]
    ends = {kind: f"_{annotation}_{kind}" for kind in ENCODINGS}
    kind = max(ENCODINGS, key=lambda kind: sum(stem.endswith(ends[kind]) for stem in stems))
    encoding = ENCODINGS[kind]
    if encoding not in taxonomy.encodings:
        raise InputError(
            f"{root}: the masks are written in {kind}, but the taxonomy {taxonomy.name} has no "
            f"encoding {encoding!r}; it has {', '.join(taxonomy.encodings)}"
        )
    images = [_named(file, "image") for file in files if _is_image(file)]
    masks = [_named(file, "mask") for file in files if file.stem.endswith(ends[kind])]
    affixes = (Affixes(after="_leftImg8bit"), Affixes(after=ends[kind]))
    found = pair_files(root, [*images, *masks], FileNames(IMAGE_SUFFIXES, MASK_SUFFIXES, affixes))
    return source_of(
        root, taxonomy, found.listings, encoding=encoding, faults=found.faults, notes=found.notes
    )


def _named(file: File, role: Role) -> File:
    """Return a file whose name alone says what it is and where it was taken."""
    return replace(file, role=role, kind=(), rest=())


def _is_image(file: File) -> bool:
    return file.suffix in IMAGE_SUFFIXES and _IMAGE.fullmatch(file.stem) is not None


def _recognised(root: Path) -> str | None:
    """Name what is there of ``leftImg8bit`` and ``gtFine``."""
    seen: dict[str, None] = {}
    for file in files_below(root):
        mask = _MASK.fullmatch(file.stem)
        if mask or _is_image(file):
            seen[mask[1] if mask else "leftImg8bit"] = None
    return ", ".join(f"*_{name}*" for name in seen) or None


LAYOUT = Layout(
    form="*_leftImg8bit.png with *_gtFine_labelIds.png",
    recognised=_recognised,
    open=open_cityscapes,
    taxonomy=lambda root: "cityscapes19",
    places=Places(
        re.compile(r"(?P<city>[^_]+)_(?P<sequence>\d+)_(?P<frame>\d+)"),
        {"city": ("city",), "sequence": ("city", "sequence")},
    ),
    rather_than=("folder",),
)
