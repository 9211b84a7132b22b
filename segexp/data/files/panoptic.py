"""COCO's panoptic masks: segments in a PNG, and the category of each in a JSON.

A pixel's number is R + 256 G + 65536 B: the id of its segment, or 0 for none.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError, at_most
from segexp.core.files import read_bounded
from segexp.data.files.mask_file import read_mask
from segexp.data.source import AS_STORED, MaskRules, SampleFault
from segexp.labels.taxonomy import VOID, Taxonomy

MAX_BYTES = 1 << 30
"""COCO's train JSON has about a third."""

_CHANNELS = np.array([1, 256, 65536], np.int32)


@dataclass(frozen=True, eq=False)
class Panoptic:
    """What a panoptic JSON says.

    Attributes:
        path: The JSON.
        categories: The name of each category, by its id.
        segments: The segments of each mask, by its file name: rows of an id and a category, sorted,
            int64 (N, 2).
        digest: Changes with what it says, 16 hex digits.
    """

    path: Path
    categories: Mapping[int, str]
    segments: Mapping[str, NDArray[np.int64]]
    digest: str


def read_panoptic(path: Path) -> Panoptic:
    """Read a panoptic JSON; the last few are kept in memory.

    Raises:
        InputError: When it cannot be read or has another form; with every mask of which it does not
            say the segments, or says them twice.
    """
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return _read(path, changed_ns)


def read_segments(
    path: Path, described: Path, taxonomy: Taxonomy, rules: MaskRules = AS_STORED
) -> NDArray[np.uint8]:
    """Decode a mask of segments to the label indices of their categories, uint8 (H, W).

    Args:
        path: The PNG.
        described: The JSON that says its segments.
        taxonomy: Its default encoding numbers the categories.
        rules: Other meanings of category ids.

    Raises:
        SampleFault: When the mask is no RGB picture of 8 bits, or the JSON lacks it, one of its
            segments or a segment's category.
    """
    try:
        known = read_panoptic(described)
    except InputError as error:
        raise SampleFault(str(error)) from None
    rows = known.segments.get(path.name)
    if rows is None:
        raise SampleFault(f"{path}: {described.name} has no annotation of it; remove the mask")
    held = read_mask(path)
    if held.picture is None or held.picture.pixels.mode != "RGB" or held.picture.bits > 8:
        raise SampleFault(f"{path}: a panoptic mask is RGB of 8 bits: R + 256 G + 65536 B")
    ids, inverse = np.unique(np.asarray(held.picture.pixels) @ _CHANNELS, return_inverse=True)
    index_of = {**taxonomy.encodings["default"], **dict(rules.ids)}
    category_of = dict(rows.tolist())
    unknown = [i for i in ids.tolist() if i and category_of.get(i) not in index_of]
    if unknown:
        told = ", ".join(map(str, unknown[:4])) + (", ..." if len(unknown) > 4 else "")
        raise SampleFault(
            f"{path}: {described.name} does not say the category of segment {told}, or the "
            f"taxonomy {taxonomy.name} lacks it"
        )
    labels = np.array([index_of[category_of[i]] if i else VOID for i in ids.tolist()], np.uint8)
    return labels[inverse.reshape(held.picture.pixels.height, -1)]


@lru_cache(maxsize=4)
def _read(path: Path, changed_ns: int) -> Panoptic:
    try:
        content = json.loads(read_bounded(path, MAX_BYTES))
        categories = {int(each["id"]): str(each["name"]) for each in content["categories"]}
        annotations = content["annotations"]
        faults: list[str] = []
        segments: dict[str, NDArray[np.int64]] = {}
        for number, annotation in enumerate(annotations):
            name, rows = _segments(annotation)
            if name in segments:
                faults.append(f"{path}: annotations[{number}]: {name} is there twice; keep one")
            elif len(np.unique(rows[:, 0])) < len(rows):
                faults.append(f"{path}: annotations[{number}]: a segment of {name} is there twice")
            segments[name] = rows
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}:{error.colno}: {error.msg}; no JSON") from None
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        raise InputError(
            f"{path}: no COCO panoptic JSON; expected `categories` with `id` and `name`, and "
            "`annotations` with `file_name` and `segments_info`, each with `id` and `category_id`"
        ) from None
    if faults:
        told, more = at_most(faults, str(path))
        raise InputError([*told, *more])
    digest = hashlib.sha256(repr(sorted(categories.items())).encode())
    for name in sorted(segments):
        digest.update(name.encode() + segments[name].tobytes())
    return Panoptic(path, categories, segments, digest.hexdigest()[:16])


def _segments(annotation: Mapping[str, Any]) -> tuple[str, NDArray[np.int64]]:
    rows = sorted((int(s["id"]), int(s["category_id"])) for s in annotation["segments_info"])
    return str(annotation["file_name"]), np.array(rows, np.int64).reshape(-1, 2)
