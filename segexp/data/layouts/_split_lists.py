"""Lists that name the images of each split: ``train.txt``, ``ImageSets/Segmentation/val.txt``.

A line has the name of an image, with or without its folders and suffix, and may have that of its
mask behind it (PaddleSeg, SegNet's CamVid).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from segexp.core.errors import InputError
from segexp.core.files import read_bounded
from segexp.data.layouts._pairing import Listing
from segexp.data.layouts._tree import File
from segexp.data.layouts._words import SPLIT_WORDS
from segexp.data.source import SPLITS, UNDIVIDED, Sample

MAX_BYTES = 64 << 20
"""Of one list; a name takes some 50 bytes."""

_SUFFIXES = (".txt", ".lst", ".list", ".csv")


def divide_by_lists(
    root: Path, files: Sequence[File], listings: Mapping[str, Listing]
) -> dict[str, Listing]:
    """Put samples that no folder puts into a split into those of the lists in a tree.

    Samples that no list names stay undivided: they are left out where there are lists.

    Args:
        root: The data set's folder.
        files: All files of the tree.
        listings: By split, with `UNDIVIDED`.

    Raises:
        InputError: When a list cannot be read.
    """
    undivided = listings.get(UNDIVIDED)
    lists = split_lists(files)
    if set(listings) != {UNDIVIDED} or undivided is None or "train" not in lists:
        return dict(listings)
    by_name = _by_name(undivided.samples)
    divided: dict[str, Listing] = {}
    taken: dict[str, str] = {}
    for split in (name for name in SPLITS if name in lists):
        lines = _read_texts(lists[split])
        named = [_sample_of(line, by_name) for line in lines]
        samples = {sample.id: sample for sample in named if sample is not None}
        if split == "test" and not samples:
            note = f"{lists[split]}: no image of it has a mask; the test split is left out"
            divided[split] = Listing(notes=(note,))
            continue
        faults = [
            f"{lists[split]}: {id_} is in the list of {taken[id_]}, too; keep it in one"
            for id_ in samples
            if id_ in taken
        ]
        missing = named.count(None)
        if missing:
            first = lines[named.index(None)]
            faults.append(
                f"{lists[split]}: {missing} of {len(named)} lines name no image that has a mask, "
                f"or several; the first is {first!r}"
            )
        taken |= dict.fromkeys(samples, split)
        ordered = tuple(s for s in undivided.samples if s.id in samples)
        divided[split] = Listing(ordered, tuple(faults))
    left = [sample for sample in undivided.samples if sample.id not in taken]
    notes = [f"{root}: {len(left)} images that are in no list are left out"] if left else []
    first, *_ = divided
    divided[first] = Listing(
        divided[first].samples, divided[first].faults, (*undivided.notes, *notes)
    )
    return divided


def read_names(path: Path) -> list[str]:
    """Return the first word of each line of a list: the image's name.

    Raises:
        InputError: As `read_lines` does.
    """
    return [words[0] for words in read_lines(path)]


def read_lines(path: Path) -> list[list[str]]:
    """Return the words of each line of a list, between tabs, commas or spaces.

    Raises:
        InputError: When it cannot be read, or is not text.
    """
    return [_words(line) for line in _read_texts(path)]


def _read_texts(path: Path) -> list[str]:
    """Return the lines of a list that are neither empty nor comments."""
    try:
        text = read_bounded(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _words(line: str) -> list[str]:
    separator = next((mark for mark in "\t, " if mark in line), None)
    return [word.strip() for word in line.split(separator) if word.strip()] or [line]


def split_lists(files: Sequence[File]) -> dict[str, Path]:
    """Return the list of each split; those in ``Segmentation/`` come before Pascal's others."""
    found: dict[str, Path] = {}
    for file in sorted(files, key=lambda f: (f.path.parent.name != "Segmentation", len(f.rest))):
        split = SPLIT_WORDS.get(file.stem.lower())
        if split and file.suffix in _SUFFIXES:
            found.setdefault(split, file.path)
    return found


def _by_name(samples: Sequence[Sample]) -> dict[str, Sample | None]:
    """Return samples by the ends of their images' paths, without suffix, and by their ids.

    What several have in common names none of them: None.
    """
    found: dict[str, Sample | None] = {}
    for sample in samples:
        assert sample.image is not None  # samples of files
        parts = sample.image.with_suffix("").parts
        ends = {"/".join(parts[-n:]) for n in range(1, min(len(parts), 6) + 1)}
        for name in ends | {sample.id}:
            found[name] = None if name in found else sample
    return found


def _sample_of(line: str, by_name: Mapping[str, Sample | None]) -> Sample | None:
    """Return the sample that a line names: as a whole, since names have spaces, or first in it."""
    whole = by_name.get(line) or by_name.get(_without_suffix(line))
    return whole or _sample_called(_words(line)[0], by_name)


def _sample_called(name: str, by_name: Mapping[str, Sample | None]) -> Sample | None:
    """Return the sample that a line names, with or without its suffix.

    Of a path of another machine the longest end counts that has a folder and a name.
    """
    plain = name.replace("\\", "/")
    path = plain.lstrip("./")
    parts = path.split("/")
    ends = [path]
    if plain.startswith("/"):
        ends += ["/".join(parts[n:]) for n in range(1, len(parts) - 1)]
    found = (by_name.get(e) or by_name.get(_without_suffix(e)) for e in ends)
    return next((sample for sample in found if sample is not None), None)


def _without_suffix(name: str) -> str:
    before, _, suffix = name.rpartition(".")
    return name if "/" in suffix else before
