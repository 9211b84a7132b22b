"""A data set decoded and resized once, into arrays that all trials and workers share.

Under the cache folder each data set at each size has a folder named by its content key, with
``<split>_images.npy``, ``<split>_labels.npy`` (label indices, not classes: another mapping needs
no other cache), ``<split>_counts.npy`` (how many of each an image has), ``<split>_places.npy``
(where it lies in the arrays: `segexp.data.tiles`) and ``meta.json``. It is built beside its place
under a lock and renamed in.
"""

import atexit
import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.core.data_config import Resize
from segexp.core.errors import InputError, WorkError
from segexp.core.files import locked, may_write, write_atomic
from segexp.data.cache_build import build_arrays
from segexp.data.check import CheckReport, check_source
from segexp.data.content_hash import source_hash, stamp_of
from segexp.data.halves import Halves, divide
from segexp.data.resize import resized_size, resized_sizes
from segexp.data.source import SampleFault, Source, spread
from segexp.data.split import Split, is_whole, read_split
from segexp.data.threads import Progress
from segexp.data.tiles import Size, tiling_for
from segexp.labels.taxonomy import Taxonomy

CACHE_VERSION = 4
"""Bumped whenever the same files would be decoded or resized to other arrays."""

_LOOKED_AT = 5  # images whose sizes decide the tile


@dataclass(frozen=True)
class Dataset:
    """A data set as training sees it.

    Attributes:
        name: As in its source.
        format: As in its source.
        root: As in its source.
        taxonomy: What the label indices mean.
        hash: Digest of the files' content and the taxonomy, whatever their place and size.
        image_size: Height and width of the largest part that the network sees at once.
        train: What is trained on.
        val: What tuning sees.
        heldout: What only final scores see.
        heldout_from: ``test``; or ``val`` when it is the other half of val.
        heldout_by: How val was halved then, ``Halves.by``; None where there is a test split.
        mean: Mean of each channel over train, in 0..1, shape (3,).
        std: Standard deviation of each channel over train, in 0..1, shape (3,).
        source: The files, for scores at full size.
        report: What the scan found when the cache was built.
        resize: To which size images are brought; see `resize.resized_size`.
    """

    name: str
    format: str
    root: Path | None
    taxonomy: Taxonomy
    hash: str
    image_size: Size
    train: Split
    val: Split
    heldout: Split
    heldout_from: str
    heldout_by: str | None
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    source: Source
    report: CheckReport
    resize: Resize

    def format_of(self, split: Split) -> str:
        """Return the layout that names the images of one of its splits."""
        return self.source.heldout_format if split is self.heldout else self.source.format

    @property
    def sizes(self) -> dict[Size, int]:
        """Images by their size after resizing, the most common first."""
        return resized_sizes(self.report.sizes, self.resize, self.image_size)


def open_dataset(
    source: Source,
    image_size: Size,
    cache_dir: Path,
    progress: Progress | None = None,
    heldout_by: str = "auto",
    resize: Resize = "stretch",
) -> Dataset:
    """Open a data set at a size, from the cache or by building it.

    The first opening decodes every file and refuses what `check.check_source` refuses; later
    ones look at sizes and times of the files only. Any number of processes may call it at once.

    Args:
        source: The data set.
        image_size: Height and width of the largest part that the network sees at once.
        cache_dir: The project's own cache folder; made when missing. Where it may not be written,
            what it lacks is built in a temporary folder that this process deletes.
        progress: Called with how many samples are decoded, and of how many.
        heldout_by: How val is halved where there is no test split: one of `halves.RULES`.
        resize: To which size images are brought; see `resize.resized_size`.

    Raises:
        InputError: With every fault of the data set, or when val cannot be halved so.
        WorkError: When the cache folder cannot be written.
    """
    if min(image_size) < 1:
        raise InputError(f"data.image_size: {list(image_size)}; both sides must be 1 or more")
    if source.faults:
        raise InputError(check_source(source, progress).faults)
    halves = divide([sample.id for sample in source.splits["val"]], source.format, heldout_by)
    try:
        digest, stamps = source_hash(source, cache_dir)
        place = cache_dir / _key(digest, resize, image_size, halves)
        meta = _read_meta(place)
        if meta is None:
            if not may_write(cache_dir):
                place = _temporary_folder() / place.name
            place.parent.mkdir(parents=True, exist_ok=True)
            with locked(place.with_suffix(".lock")):
                meta = _read_meta(place)  # another process may have built it meanwhile
                if meta is None:
                    _build(source, (resize, image_size), halves, place, stamps, progress)
                    meta = _read_meta(place)
    except SampleFault as fault:  # a file vanished or is unreadable: the scan lists all of them
        raise InputError(check_source(source, progress).faults or str(fault)) from None
    except OSError as error:
        raise WorkError(f"{cache_dir}: the cache cannot be written: {error}") from None
    if meta is None:
        raise WorkError(f"{place}: the cache was built but cannot be read; remove it and try again")
    return _dataset(source, digest, (resize, image_size), halves, place, meta)


@cache
def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="segexp-cache-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _key(digest: str, resize: Resize, image_size: Size, halves: Halves) -> str:
    size = f"{image_size[0]}x{image_size[1]}"
    if resize == "fit":
        size = f"fit {size}"
    elif resize != "stretch":  # the images are of the same size whatever is seen of them at once
        size = str(resize)
    content = f"{CACHE_VERSION} {digest} {size} {halves.by}"
    return hashlib.sha256(content.encode()).hexdigest()[:24]


def _build(
    source: Source,
    resizing: tuple[Resize, Size],
    halves: Halves,
    place: Path,
    stamps: dict[Path, list[int]],
    progress: Progress | None,
) -> None:
    """Build a cache beside its place and rename it in; the caller holds the lock."""
    size_of = partial(resized_size, resizing[0], image_size=resizing[1])

    def some() -> list[Size]:
        looked_at = spread(source.splits["train"], _LOOKED_AT)
        return [size_of(source.read_image(sample).shape[:2]) for sample in looked_at]

    tiling = tiling_for(*resizing, some)
    building = place.with_name(f".{place.name}.building")
    for leftover in (building, place):  # of a process that died, or damaged
        shutil.rmtree(leftover, ignore_errors=True)
    building.mkdir()
    try:
        built = build_arrays(source, size_of, tiling, halves, building, progress)
        changed = [path for path, stamp in stamps.items() if stamp_of(path) != stamp]
        if changed:
            raise InputError([f"{path}: changed while it was read; run again" for path in changed])
        meta = {
            "key": place.name,
            "dataset": source.name,
            "image_size": list(tiling.tile),  # the name that it had when each image was one tile
            "ids": built.ids,
            "mean": built.mean.tolist(),
            "std": built.std.tolist(),
            "report": built.report.to_dict(),
        }
        write_atomic(building / "meta.json", json.dumps(meta))
        building.rename(place)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def _read_meta(place: Path) -> dict[str, Any] | None:
    """Read what describes a cache; None when it is absent, broken or cut short."""
    try:
        meta = json.loads((place / "meta.json").read_text(encoding="utf-8"))
        tile = tuple(meta["image_size"])
        report = CheckReport.from_dict(meta["report"])
        whole = (
            meta["key"] == place.name and not report.faults and len(meta["mean"] + meta["std"]) == 6
        )
        for name, ids in meta["ids"].items():
            whole = whole and is_whole(read_split(place, name, ids), tile)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return meta if whole else None


def _dataset(
    source: Source,
    digest: str,
    resizing: tuple[Resize, Size],
    halves: Halves,
    place: Path,
    meta: dict[str, Any],
) -> Dataset:
    report = CheckReport.from_dict(meta["report"])
    splits = {name: read_split(place, name, ids) for name, ids in meta["ids"].items()}
    val = splits["val"]
    if "test" in splits and not report.void_test:
        test = splits["test"]
        tuning, heldout, heldout_from = val, test.part("heldout", 0, len(test)), "test"
    else:
        middle = len(halves.tuning)
        tuning = val.part("val", 0, middle)
        heldout, heldout_from = val.part("heldout", middle, len(val)), "val"
    return Dataset(
        name=source.name,
        format=source.format,
        root=source.root,
        taxonomy=source.taxonomy,
        hash=digest,
        image_size=resizing[1],
        train=splits["train"],
        val=tuning,
        heldout=heldout,
        heldout_from=heldout_from,
        heldout_by=report.heldout_by,
        mean=np.array(meta["mean"]),
        std=np.array(meta["std"]),
        source=source,
        report=report,
        resize=resizing[0],
    )
