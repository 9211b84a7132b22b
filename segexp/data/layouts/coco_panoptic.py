"""COCO panoptic: the segments of each image in a PNG, their categories in a JSON.

    train2017/000000000009.jpg                        or images/train2017/; val2017 likewise
    panoptic_train2017/000000000009.png               or annotations/panoptic_train2017/
    annotations/panoptic_train2017.json               or beside the folder of masks

Other data in this form, with any name behind ``panoptic_``, has its own categories: a taxonomy
numbers its labels by their ids.
"""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError, collected
from segexp.data.files.panoptic import Panoptic, read_panoptic, read_segments
from segexp.data.layout import Layout
from segexp.data.layouts._named import folder_with, named_source, with_roles
from segexp.data.source import AS_STORED, MaskRules, Source
from segexp.labels.taxonomy import VOID, Taxonomy

PREFIX = "panoptic_"

_OF_COCO = {(1, "person"), (92, "banner"), (200, "rug-merged")}
"""Some of COCO's 133 categories."""


def open_coco_panoptic(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images and their masks of segments.

    Raises:
        InputError: When a JSON is missing, cannot be read, or has categories that the taxonomy does
            not number.
    """
    faults: list[str] = []
    described: list[Panoptic] = []
    for folder in _folders(root):
        with collected(faults):
            described.append(read_panoptic(_json_of(folder)))
    if faults or not described:
        raise InputError(faults or f"{root}: no folder {PREFIX}* with a {PREFIX}*.json")
    path = described[0].path
    categories = {i: name for each in described for i, name in each.categories.items()}
    _refuse_unknown(path, categories, taxonomy)
    names = "|".join(re.escape(each.path.stem.removeprefix(PREFIX)) for each in described)
    files = with_roles(root, rf"({names})/[^/]+\.(jpe?g|png)", rf"{PREFIX}({names})/[^/]+\.png")
    return replace(
        named_source(root, taxonomy, files, read_labels=read_labels),
        reading=" ".join(("panoptic", *(each.digest for each in described))),
        warnings=_other_names(path, categories, taxonomy),
    )


def read_labels(
    path: Path, taxonomy: Taxonomy, encoding: str, rules: MaskRules = AS_STORED
) -> NDArray[np.uint8]:
    """Decode a mask of segments; see `files.panoptic.read_segments`.

    Raises:
        SampleFault: As there.
    """
    return read_segments(path, _json_of(path.parent), taxonomy, rules)


def _folders(root: Path) -> list[Path]:
    """Return the folders of masks."""
    around = folder_with(root, f"{PREFIX}*/*.png")
    return sorted(f for f in around.glob(f"{PREFIX}*") if f.is_dir()) if around else []


def _json_of(folder: Path) -> Path:
    """Return the JSON of a folder of masks; where it should be, if it is missing."""
    name = f"{folder.name}.json"
    beside = folder.with_name(name)
    return beside if beside.exists() else folder.parent / "annotations" / name


def _refuse_unknown(path: Path, categories: dict[int, str], taxonomy: Taxonomy) -> None:
    known = taxonomy.encodings["default"]
    unknown = [f"{i} {name}" for i, name in sorted(categories.items()) if i not in known]
    if unknown:
        told = ", ".join(unknown[:8]) + (f" and {len(unknown) - 8} more" if unknown[8:] else "")
        listing = json.dumps({str(i): categories[i] for i in sorted(categories)[:2]})
        raise InputError(
            f"{path}: categories that the taxonomy {taxonomy.name} lacks: {told}; write all of "
            f"them into id2label.json, {listing[:-1]}, ...}}, and name it: `segexp init "
            "... --classes id2label.json`, or `segexp mapping import id2label.json "
            "--new-taxonomy NAME`"
        )


def _other_names(path: Path, categories: dict[int, str], taxonomy: Taxonomy) -> tuple[str, ...]:
    """Warn of categories that the taxonomy calls otherwise."""
    index_of = taxonomy.encodings["default"]
    called = {i: taxonomy.names[index_of[i]] for i in categories if index_of[i] != VOID}
    others = [f"{i} is {categories[i]}, not {n}" for i, n in called.items() if categories[i] != n]
    if not others:
        return ()
    told = "; ".join(others[:4]) + (f"; and {len(others) - 4} more" if others[4:] else "")
    return (f"{path.name} and the taxonomy {taxonomy.name} name categories differently: {told}",)


def _recognised(root: Path) -> str | None:
    found = [f"{folder.name}/" for folder in _folders(root) if _json_of(folder).is_file()]
    return ", ".join(found) or None


def _taxonomy(root: Path | None) -> str | None:
    """Return COCO's labels where the first JSON has its categories."""
    first = next(iter(_folders(root)), None) if root else None
    try:
        categories = read_panoptic(_json_of(first)).categories if first else {}
    except InputError:  # `open` says why
        return None
    return "coco133" if categories.items() >= _OF_COCO else None


LAYOUT = Layout(
    form="train2017/ with panoptic_train2017/ and annotations/panoptic_train2017.json",
    recognised=_recognised,
    open=open_coco_panoptic,
    taxonomy=_taxonomy,
    rather_than=("folder",),
)
