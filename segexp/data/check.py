"""The scan of a data set: every file is decoded, every fault listed."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.data.files.file_kind import file_kind
from segexp.data.halves import Halves, divide, too_few_to_halve
from segexp.data.label_counts import half_counts
from segexp.data.leaks import HELDOUT, NONE, TRAIN, VAL, Leaks, find_leaks
from segexp.data.near_duplicates import look_of
from segexp.data.source import MaskRules, Sample, SampleFault, Source
from segexp.data.threads import Progress, map_in_threads
from segexp.labels.taxonomy import VOID

Size = tuple[int, int]


@dataclass(frozen=True)
class Inspection:
    """What a full decode of one sample showed.

    Attributes:
        split: The split that lists it.
        sample: The sample.
        faults: What is wrong with its files.
        size: Height and width of the image; None when it cannot be read.
        digest: Of the image's decoded pixels: equal for equal pictures.
        labelled_pixels: Pixels of the mask that are not void; None when it cannot be read.
        kinds: What the files are, such as ``image PNG RGB``.
        counts: Of the mask's labels at its own size, from `half_counts`; None when it cannot be
            read.
        look: Of the image, from `near_duplicates.look_of`; None when it cannot be read.
        inexact: From `Source.count_inexact`, where the nearest colour is taken.
    """

    split: str
    sample: Sample
    faults: tuple[str, ...]
    size: Size | None
    digest: str | None
    labelled_pixels: int | None
    kinds: tuple[str, ...]
    counts: NDArray[np.int64] | None = None
    look: NDArray[np.uint8] | None = None
    inexact: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class CheckReport:
    """What the scan of a data set found.

    Attributes:
        faults: Why it is refused; empty when it is not.
        notes: What is unusual but allowed.
        images: Images by split.
        sizes: Images by size (height, width), the most common first.
        kinds: Files by kind, such as ``mask PNG L``.
        void_test: Whether there is a test split without a labelled pixel, as in the official
            Cityscapes: it is then not used as a test split.
        heldout_by: How val is halved, ``Halves.by``; None where there is a test split.
        leaks: The near-duplicates across train, val and held-out; none where there are faults.
        heldout_of: The name of the data set that the test split is of, where it is another.
    """

    faults: tuple[str, ...]
    notes: tuple[str, ...]
    images: Mapping[str, int]
    sizes: Mapping[Size, int]
    kinds: Mapping[str, int]
    void_test: bool
    heldout_by: str | None
    leaks: Leaks = NONE
    heldout_of: str | None = None

    @property
    def heldout(self) -> str:
        """Where the held-out images come from, for people."""
        if self.heldout_of is not None:
            return f"images of {self.heldout_of}"
        if self.heldout_by is None:
            return "test split"
        return f"a half of val, by {self.heldout_by}"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON holds it."""
        return {
            "faults": list(self.faults),
            "notes": list(self.notes),
            "images": dict(self.images),
            "sizes": [[height, width, n] for (height, width), n in self.sizes.items()],
            "kinds": dict(self.kinds),
            "void_test": self.void_test,
            "heldout_by": self.heldout_by,
            "leaks": self.leaks.to_dict(),
            "heldout_of": self.heldout_of,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CheckReport":
        """Read what `to_dict` wrote."""
        return cls(
            tuple(content["faults"]),
            tuple(content["notes"]),
            dict(content["images"]),
            {(height, width): n for height, width, n in content["sizes"]},
            dict(content["kinds"]),
            bool(content["void_test"]),
            content["heldout_by"],
            Leaks.from_dict(content["leaks"]),
            content.get("heldout_of"),
        )


def check_source(source: Source, progress: Progress | None = None) -> CheckReport:
    """Decode every file of a data set and list everything that is wrong with it.

    `cache.open_dataset` builds on the same inspection and the same summary: it refuses what
    this refuses, in the same words.
    """
    return scan_source(source, progress)[0]


def scan_source(
    source: Source, progress: Progress | None = None, heldout_by: str = "auto"
) -> tuple[CheckReport, dict[str, NDArray[np.int64]]]:
    """As `check_source`, and count the labels of each split at the masks' own size.

    Args:
        source: The data set.
        progress: Called with how many samples are decoded, and of how many.
        heldout_by: How val is halved where there is no test split: one of `halves.RULES`.

    Returns:
        The report; and by split `half_counts` of all its masks that can be read.

    Raises:
        InputError: When val cannot be halved so.
    """
    val = [sample.id for sample in source.splits.get("val", ())]
    halves = divide(val, source.format, heldout_by)
    entries = [(split, sample) for split, samples in source.splits.items() for sample in samples]
    inspected = map_in_threads(lambda e: inspect_sample(source, *e)[0], entries, progress)
    counts = {split: np.zeros((2, VOID + 1), np.int64) for split in source.splits}
    for inspection in inspected:
        if inspection.counts is not None:
            counts[inspection.split] += inspection.counts
    return summarise(source, inspected, halves), counts


def inspect_sample(
    source: Source, split: str, sample: Sample
) -> tuple[Inspection, NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    """Decode one sample; return what it showed, the image and the label indices."""
    faults: list[str] = []
    image: NDArray[np.uint8] | None = None
    labels: NDArray[np.uint8] | None = None
    try:
        image = source.read_image(sample)
    except SampleFault as fault:
        faults.append(str(fault))
    try:
        labels = source.read_labels(sample)
    except SampleFault as fault:
        faults.append(str(fault))
    if image is not None and labels is not None and image.shape[:2] != labels.shape:
        faults.append(
            f"{sample.image or sample.id}: {_by(image.shape)} pixels, but its mask "
            f"{sample.mask} has {_by(labels.shape)}{_way_out(image.shape, labels.shape)}"
        )
    inexact = (0, 0)
    if labels is not None and source.count_inexact is not None and source.rules.nearest_color:
        inexact = source.count_inexact(sample, rules=source.rules)
    counts = None if labels is None else half_counts(labels)
    inspection = Inspection(
        split,
        sample,
        tuple(faults),
        None if image is None else (image.shape[0], image.shape[1]),
        None if image is None else _digest(image),
        None if counts is None else int(counts[:, :VOID].sum()),
        _kinds(sample),
        counts,
        None if image is None else look_of(image),
        inexact,
    )
    return inspection, image, labels


def summarise(source: Source, inspected: Sequence[Inspection], halves: Halves) -> CheckReport:
    """Build the report from the inspections of all samples, in the order of the splits.

    ``halves`` are those of val, for data without a test split.

    Refused: faults of the listing and of single files, one picture in two splits (the scores
    would be flattered), a train or val split without any labelled pixel, and a single val image
    where val must be split for want of a test split. Noted: masks that are wholly void,
    one picture twice in a split, images of several sizes.
    """
    faults = [*source.faults, *(fault for found in inspected for fault in found.faults)]
    notes = [*source.notes, *_inexact(inspected, source.rules)]
    void_test = False
    for split, samples in source.splits.items():
        found = [i for i in inspected if i.split == split]
        void = [i for i in found if i.labelled_pixels == 0]
        if not void or len(void) < len(samples):
            notes += [
                f"{i.sample.mask or i.sample.id}: every pixel is void (empty mask in {split})"
                for i in void
            ]
        elif split == "test":
            void_test = True
            notes.append("test: no mask has a labelled pixel, so it is not used as a test split")
        else:
            faults.append(f"{split}: no mask has a labelled pixel")
    faults += too_few_to_halve(
        {name: s for name, s in source.splits.items() if name != "test" or not void_test}
    )
    repeated_faults, repeated_notes = _repeated(inspected)
    sizes = Counter(i.size for i in inspected if i.size is not None)
    if len(sizes) > 1:
        listing = ", ".join(f"{_by(size)} ({n})" for size, n in sizes.most_common(8))
        notes.append(f"images of {len(sizes)} sizes (height x width): {listing}")
    has_test = "test" in source.splits and not void_test
    return CheckReport(
        (*faults, *repeated_faults),
        (*notes, *repeated_notes),
        {split: len(samples) for split, samples in source.splits.items()},
        dict(sizes.most_common()),
        dict(Counter(kind for i in inspected for kind in i.kinds).most_common()),
        void_test,
        None if has_test else halves.by,
        NONE if faults or repeated_faults else _leaks(inspected, halves, void_test),
        None if source.other is None else source.other.name,
    )


def _inexact(inspected: Sequence[Inspection], rules: MaskRules) -> list[str]:
    """Say which share of the pixels has no label's colour; nothing where colours are exact."""
    found = [i for i in inspected if i.counts is not None]
    other, far = (sum(i.inexact[n] for i in found) for n in (0, 1))
    if not other:
        return []
    pixels = sum(int(i.counts.sum()) for i in found if i.counts is not None)
    return [
        f"masks: {other / pixels:.1%} of the pixels have a colour that no label has, and were "
        f"given the nearest one's label; {far / pixels:.1%} are more than {rules.nearest_color} "
        "away from all, and void"
    ]


def _leaks(inspected: Sequence[Inspection], halves: Halves, void_test: bool) -> Leaks:
    looks: dict[str, dict[str, NDArray[np.uint8]]] = {"train": {}, "val": {}, "test": {}}
    for found in inspected:
        if found.look is not None and not (found.split == "test" and void_test):
            looks[found.split][found.sample.id] = found.look
    heldout = looks.pop("test")
    if not heldout:
        heldout = {id_: look for id_, look in looks["val"].items() if id_ in halves.heldout}
        looks["val"] = {id_: look for id_, look in looks["val"].items() if id_ in halves.tuning}
    return find_leaks({TRAIN: looks["train"], VAL: looks["val"], HELDOUT: heldout})


def _repeated(inspected: Sequence[Inspection]) -> tuple[list[str], list[str]]:
    """Return a fault for each picture in several splits, a note for each twice in one."""
    groups: dict[str, list[Inspection]] = {}
    for inspection in inspected:
        if inspection.digest is not None:
            groups.setdefault(inspection.digest, []).append(inspection)
    faults, notes = [], []
    for group in groups.values():
        if len(group) == 1:
            continue
        listing = " and ".join(f"{i.split} {i.sample.image or i.sample.id}" for i in group)
        if len({i.split for i in group}) > 1:
            faults.append(f"the same picture in two splits: {listing}; keep it in one")
        else:
            notes.append(f"the same picture more than once: {listing}")
    return faults, notes


def _way_out(image: Sequence[int], mask: Sequence[int]) -> str:
    if tuple(image[:2]) == tuple(mask[::-1]):
        return " (JPEGs are turned as their EXIF orientation says; masks must be drawn on that)"
    if image[0] * mask[1] != image[1] * mask[0]:
        return ""
    return (
        f"; save the images at {_by(mask)}, or the masks at {_by(image)} by nearest neighbour "
        "(no new values)"
    )


def _kinds(sample: Sample) -> tuple[str, ...]:
    parts: list[tuple[str, Path | None]] = [("image", sample.image), ("mask", sample.mask)]
    return tuple(f"{part} {file_kind(path)}" for part, path in parts if path is not None)


def _digest(image: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def _by(shape: Sequence[int]) -> str:
    return f"{shape[0]}x{shape[1]}"
