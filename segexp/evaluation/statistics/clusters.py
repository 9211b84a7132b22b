"""Which images of a split belong together: frames of one video, or pictures of one city.

Neighbouring frames show nearly the same scene. Resampling them one by one would count one scene as
many, and the interval would be too narrow; so whole clusters are resampled.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError, did_you_mean
from segexp.core.wording import counted
from segexp.data.sequences import certain_places, places_of

KINDS = ("auto", "none", "sequence", "city")
FEWEST = 5
BLOCKS = 10


@dataclass(frozen=True, eq=False)
class Clusters:
    """The clusters of a split's images, two or more.

    Attributes:
        kind: ``none``, ``sequence``, ``city`` or ``block``.
        names: The cluster names, G of them.
        index: The cluster of each image, shape (N,), 0..G-1.
        caveat: A sentence if the clusters limit what can be said, else None.
    """

    kind: str
    names: tuple[str, ...]
    index: NDArray[np.int64]
    caveat: str | None

    @property
    def effective(self) -> float:
        """The number of equally large clusters that tell as much, at least 2.

        ``sum(n)**2 / sum(n**2)`` (Kish 1965); the number of clusters if all have the same size.
        """
        return _effective(np.bincount(self.index))


def make_clusters(kind: str, image_ids: Sequence[str], data_format: str) -> Clusters:
    """Group images by their ids.

    ``auto`` takes the video sequences if the ids have them; else every image is its own cluster.
    Fewer than five sequences are cut into blocks of consecutive frames, about ten in all
    (non-overlapping blocks: Carlstein 1986), and the caveat says so. Ids have sequences in the
    format ``cityscapes`` (``<city>_<sequence>_<frame>``), and in the format ``folder`` if every id
    is ``<sequence>_<frame number>`` with fewer sequences than images. There ``auto`` also requires
    a digit in the sequence (0016E5_07959, but not img_0001).

    Args:
        kind: One of KINDS.
        image_ids: N ids, each once.
        data_format: The name of the data set's layout.

    Raises:
        InputError: The kind is unknown, the ids do not have it, or all images are in one cluster.
    """
    if kind not in KINDS:
        raise InputError(
            f"--cluster: {kind!r} is unknown{did_you_mean(kind, KINDS)}; expected one of "
            f"{', '.join(KINDS)}"
        )
    if len(image_ids) < 2:
        raise InputError(
            f"an interval needs at least two images, got {', '.join(image_ids) or 'none'}; put two "
            "or more into the test split, or, without one, four or more into val, half of which is "
            "held out"
        )
    if kind == "none":
        return _one_by_one(image_ids, data_format)
    if kind == "auto":
        return _automatic(image_ids, data_format)
    labels = places_of(kind, image_ids, data_format)
    if labels is None:
        raise InputError(
            f"--cluster: the image ids of format {data_format} name no {kind} "
            f"(the first is {image_ids[0]!r}); take --cluster none, or auto"
        )
    if len(set(labels)) == 1:
        raise InputError(
            f"--cluster: all {len(image_ids)} images are of one {kind} ({labels[0]}), and one "
            "cluster has no spread; take --cluster none, or auto"
        )
    return _grouped(kind, labels, _few(kind, labels))


def _automatic(image_ids: Sequence[str], data_format: str) -> Clusters:
    labels = certain_places("sequence", image_ids, data_format)
    if labels is None:
        return _singles(image_ids)
    sequences = sorted(set(labels))
    if len(sequences) >= FEWEST:
        return _grouped("sequence", labels, _few("sequence", labels))
    count = len(image_ids)
    where = (
        f"All {count} images come from one video sequence ({sequences[0]})"
        if len(sequences) == 1
        else f"The {count} images come from {len(sequences)} video sequences "
        f"({', '.join(sequences)})"
    )
    # Simulated in docs/method.md: ten blocks do not fully correct for nearly identical frames.
    caveat = (
        f"{where}: blocks of consecutive frames are resampled. If neighbouring frames are nearly "
        "alike, the interval is still too narrow; and nothing can be said about other videos."
    )
    return _grouped("block", _blocks(labels, image_ids), caveat)


def _blocks(labels: Sequence[str], image_ids: Sequence[str]) -> list[str]:
    """Cut each sequence into stretches of consecutive frames, about BLOCKS in all."""
    blocks = [""] * len(labels)
    for sequence in sorted(set(labels)):
        frames = [image for image, label in enumerate(labels) if label == sequence]
        frames.sort(key=lambda image: _frame(image_ids[image]))
        count = min(len(frames), max(1, round(BLOCKS * len(frames) / len(labels))))
        for number, block in enumerate(np.array_split(frames, count), start=1):
            for image in block:
                blocks[image] = f"{sequence} block {number:02d}"
    return blocks


def _frame(image_id: str) -> tuple[int, str]:
    """Order frames by number, however many digits it is written with."""
    digits = re.search(r"\d+$", image_id)
    return (int(digits[0]) if digits else 0, image_id)


def _one_by_one(image_ids: Sequence[str], data_format: str) -> Clusters:
    """Resample every image on its own; add a caveat if the names show sequences of frames."""
    labels = certain_places("sequence", image_ids, data_format)
    singles = _singles(image_ids)
    if labels is None or len(set(labels)) == len(labels):
        return singles
    count = len(set(labels))
    caveat = (
        f"Images are resampled one by one, but their names show "
        f"{counted(count, 'video sequence')}: neighbouring frames are alike, so the interval is "
        "too narrow; in simulations it missed up to 77% of the time (docs/method.md). Take "
        "--cluster auto."
    )
    return replace(singles, caveat=caveat)


def _singles(image_ids: Sequence[str]) -> Clusters:
    return Clusters("none", tuple(image_ids), np.arange(len(image_ids), dtype=np.int64), None)


def _grouped(kind: str, labels: Sequence[str], caveat: str | None) -> Clusters:
    names, index = np.unique(np.array(labels), return_inverse=True)
    return Clusters(kind, tuple(names.tolist()), index.astype(np.int64), caveat)


def _few(kind: str, labels: Sequence[str]) -> str | None:
    """Return a caveat if few clusters, or a very large one, make intervals wide, else None."""
    sizes = Counter(labels)
    effective = _effective(np.array(list(sizes.values())))
    if effective >= BLOCKS:
        return None
    largest, images = max(sizes.items(), key=lambda item: item[1])
    return (
        f"{len(sizes)} clusters by {kind}, the largest ({largest}) with {images} of the "
        f"{len(labels)} images, tell as much as {effective:.1f} of equal size: this makes the "
        "intervals wide."
    )


def _effective(sizes: NDArray[np.int64]) -> float:
    return max(2.0, float(sizes.sum() ** 2 / (sizes**2).sum()))
