"""A data set that is not divided into train and val: it is divided once, in a file to be edited.

Frames of one video show nearly the same scene, so each city, or video sequence, is kept together
where the image ids name enough of them.
"""

import csv
import hashlib
import io
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from segexp.core.data_config import DataConfig, DivisionConfig
from segexp.core.errors import InputError, at_most
from segexp.core.files import read_bounded, write_atomic
from segexp.core.wording import counted
from segexp.data.halves import too_few_to_halve
from segexp.data.sequences import certain_places, places_of
from segexp.data.source import SPLITS, UNDIVIDED, Sample, Source

DIRECTORY = "splits"
"""The project's directory of the files."""

HEADER = ("image", "split")
MAX_BYTES = 256 << 20

MOST = 0.4
"""Of the images: where val and test come to more, the places are too large to be kept together."""


def division_of(data: DataConfig) -> DivisionConfig:
    """Return how a data set is divided that is not: as ``data.layout.split`` says, if it does."""
    split = data.layout.split if data.layout is not None else None
    return split if isinstance(split, DivisionConfig) else DivisionConfig()


def with_splits(project: Path, source: Source, division: DivisionConfig | None = None) -> Source:
    """Return a data set with train and val, divided by the project's file where it has none.

    A data set without any split is divided into train, val and test, one with train alone into
    train and val, and test where there is none. The file ``splits/<name>.csv`` is made when it is
    missing, and counts from then on.

    Args:
        project: The project directory.
        source: The data set.
        division: The shares of the splits, and what is kept together.

    Raises:
        InputError: When the file cannot be read or written, or lists other images.
    """
    undivided = source.splits.get(UNDIVIDED, ())
    others = {name: samples for name, samples in source.splits.items() if name != UNDIVIDED}
    if undivided and others:
        fault = (
            f"{source.root}: {counted(len(undivided), 'image')} in no split, such as "
            f"{undivided[0].image}, beside the splits {', '.join(others)}; move them into one"
        )
        return replace(source, splits=others, faults=(*source.faults, fault))
    if source.root is None or ("train" in others and "val" in others):
        return source
    to_divide = undivided or others.get("train", ())
    if not to_divide:
        missing = [name for name in ("train", "val") if name not in others]
        faults = [f"{source.root}: no {name} split" for name in missing]
        return replace(source, splits=others, faults=(*source.faults, *faults))
    file = project / DIRECTORY / f"{source.name}.csv"
    rest = {name: samples for name, samples in others.items() if name != "train"}
    if file.exists():
        return _divided_as_written(file, source, to_divide, rest)
    return _divided_anew(file, source, to_divide, rest, division or DivisionConfig())


def _divided_as_written(
    file: Path, source: Source, samples: Sequence[Sample], others: Mapping[str, Sequence[Sample]]
) -> Source:
    assert source.root is not None  # drawn data is divided
    try:
        chosen = _read(file, source.root, [sample.id for sample in samples])
    except InputError as error:
        raise InputError([*source.faults, *error.faults]) from None
    splits = _splits(samples, chosen, others)
    missing = [name for name in ("train", "val") if name not in splits]
    faults = [f"{file}: no image is in {name}; write {name} behind some" for name in missing]
    if "test" in others and "test" in chosen.values():
        faults.append(f"{file}: the data has a test split of its own; write train or val instead")
    return replace(
        source,
        splits=splits,
        faults=(*source.faults, *faults),
        notes=(*source.notes, f"splits as in {file}"),
    )


def _divided_anew(
    file: Path,
    source: Source,
    samples: Sequence[Sample],
    others: Mapping[str, Sequence[Sample]],
    wanted: DivisionConfig,
) -> Source:
    """Divide samples and write the file; too few of them are a fault, and nothing is written."""
    ids = [sample.id for sample in samples]
    test = {"test": wanted.test} if wanted.test and "test" not in others else {}
    chosen, by = divide(ids, source.format, {"val": wanted.val, **test}, wanted.by)
    splits = _splits(samples, chosen, others)
    if "train" not in splits or "val" not in splits or too_few_to_halve(splits):
        parts = "train and val" if "test" in others else "train, val and final scores"
        fault = f"{source.root}: {counted(len(ids), 'image')}; {parts} need one each"
        return replace(source, splits=splits, faults=(*source.faults, fault))
    counts = Counter(chosen.values())
    listing = ", ".join(f"{counts[name]} {name}" for name in SPLITS if counts[name])
    missing = "splits" if source.splits.get(UNDIVIDED) else "val split"
    note = (
        f"the data has no {missing}: divided by {by} into {listing}; written to {file}, "
        f"which can be edited{_same_images(file, ids)}"
    )
    _write(file, chosen)
    return replace(source, splits=splits, notes=(*source.notes, note))


def _splits(
    samples: Sequence[Sample], chosen: Mapping[str, str], others: Mapping[str, Sequence[Sample]]
) -> dict[str, tuple[Sample, ...]]:
    """Return the samples of each split as chosen, and of those that the data has besides."""
    splits = {
        name: tuple(s for s in samples if chosen[s.id] == name) or tuple(others.get(name, ()))
        for name in SPLITS
    }
    return {name: found for name, found in splits.items() if found}


def divide(
    ids: Sequence[str], data_format: str, shares: Mapping[str, float], by: str = "auto"
) -> tuple[dict[str, str], str]:
    """Divide images into train and other splits.

    ``auto`` divides by city where the ids name enough of them, else by sequence, else by image.
    Which split a place falls into follows from the SHA-256 of its name.

    Args:
        ids: The image ids, each once.
        data_format: The name of the layout.
        shares: How much of the images each other split is to have.
        by: ``city``, ``sequence``, ``image`` or ``auto``.

    Raises:
        InputError: When the ids do not name enough of what they are to be divided by.

    Returns:
        The split of each image, and what is kept together: ``city``, ``sequence`` or ``image``.
    """
    for kind in ("city", "sequence") if by == "auto" else (by,):
        places = None if kind == "image" else _places(kind, ids, data_format, by)
        if places is None or len(set(places)) <= len(shares):
            continue
        chosen = _fill(Counter(places), shares)
        others = sum(split != "train" for split in map(chosen.__getitem__, places))
        if by != "auto" or others <= MOST * len(ids):
            return dict(zip(ids, map(chosen.__getitem__, places), strict=True)), kind
    if by not in ("auto", "image"):
        raise InputError(
            f"data.layout.split.by: {by}: the image ids name no {len(shares) + 1} of it (the first "
            f"is {ids[0]!r}); take auto or image"
        )
    return _fill(Counter(ids), shares), "image"


def _places(kind: str, ids: Sequence[str], data_format: str, by: str) -> list[str] | None:
    """Name the city or the sequence of each image; a person who names the rule may be guessed."""
    return (certain_places if by == "auto" else places_of)(kind, ids, data_format)


def _fill(sizes: Counter[str], shares: Mapping[str, float]) -> dict[str, str]:
    """Fill the other splits with places until each has its share; the rest is train."""
    ranked = sorted(sizes, key=lambda place: hashlib.sha256(place.encode()).hexdigest())
    chosen: dict[str, str] = {}
    for split, share in shares.items():
        wanted = share * sizes.total()
        while ranked and wanted > 0 and len(ranked) > 1:
            place = ranked.pop(0)
            chosen[place] = split
            wanted -= sizes[place]
    return chosen | dict.fromkeys(ranked, "train")


def _same_images(file: Path, ids: Sequence[str]) -> str:
    """Name another file that divides images of the same names: the folder may be a renamed one."""
    for other in sorted(file.parent.glob("*.csv")):
        try:
            rows = _rows(other)
        except InputError:
            continue
        if {row[0] for row in rows[1:] if row} == {*ids}:
            return f"; {other} has the same images: rename it to {file.name} to divide as it does"
    return ""


def _write(file: Path, chosen: Mapping[str, str]) -> None:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADER)
    rows.writerows(chosen.items())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, text.getvalue().encode())
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from None


def _read(file: Path, root: Path, ids: Sequence[str]) -> dict[str, str]:
    """Read a file that `with_splits` wrote and a person may have edited."""
    rows = _rows(file)
    if not rows or tuple(rows[0]) != HEADER:
        raise InputError(f"{file}:1: expected the header {','.join(HEADER)}, with a comma")
    faults: list[str] = []
    chosen: dict[str, str] = {}
    named: set[str] = set()
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        named.add(row[0])
        if len(row) != 2 or row[1] not in SPLITS:
            faults.append(f"{file}:{number}: {','.join(row)!r}; expected image,{'|'.join(SPLITS)}")
        elif chosen.setdefault(row[0], row[1]) != row[1]:
            faults.append(f"{file}:{number}: {row[0]!r} is in {chosen[row[0]]}, too; keep one line")
    unlisted = sorted(set(ids) - named)
    gone = sorted(named - set(ids))
    faults += [f"{file}: {id_!r} is not in it; add a line for it" for id_ in unlisted]
    faults += [f"{file}: {id_!r} is not in the data; remove the line" for id_ in gone]
    if faults:
        told, more = at_most(faults, str(file))
        if unlisted or gone:
            more.append(
                f"{file}: remove it to divide {root} anew; if it is of other data whose folder has "
                f"the same name, make a project for this one: segexp init DIR --data "
                f"{shlex.quote(str(root))}"
            )
        raise InputError([*told, *more])
    return chosen


def _rows(file: Path) -> list[list[str]]:
    try:
        text = read_bounded(file, MAX_BYTES).decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text, newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read as CSV: {error}") from None
