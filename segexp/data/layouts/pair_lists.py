"""Lists of images with their masks, whatever these are called: PaddleSeg's form.

    train.txt            a line: `JPEGImages/a.jpg Annotations/b.png`; val.txt and test.txt likewise
    JPEGImages/a.jpg
    Annotations/b.png

Paths begin at the data set's folder or at the list's. Between them is a space, a tab or a comma.
Where images and masks have the same names, the layout `folder` reads them, and the lists divide.
"""

import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from segexp.core.wording import counted
from segexp.data.layout import VIDEO, Layout
from segexp.data.layouts._named import folder_with
from segexp.data.layouts._pairing import Listing, join, source_of
from segexp.data.layouts._split_lists import read_lines, split_lists
from segexp.data.layouts._tree import files_below
from segexp.data.source import SPLITS, Source
from segexp.labels.taxonomy import Taxonomy

LOOKED_AT = 20
"""Lines of the list of train that may show what it is."""

Pair = tuple[Path, Path]


def open_pair_lists(root: Path, taxonomy: Taxonomy) -> Source:
    """List the pairs of each list; files in no list are left out."""
    lists = split_lists([*files_below(root)])
    pairs: dict[str, list[Pair]] = {}
    faults: list[str] = []
    notes: list[str] = []
    taken: dict[Path, Path] = {}
    for split in (name for name in SPLITS if name in lists):
        file = lists[split]
        found, wrong, alone = _pairs(root, file)
        if split == "test" and not found and not wrong:
            notes.append(f"{file}: its images have no masks; the test split is left out")
            continue
        if alone:
            wrong.append(f"{file}: {counted(alone, 'line')} with an image and no mask; write both")
        for path in (path for pair in found for path in pair):
            if path in taken:
                wrong.append(f"{file}: {path} is in {taken[path]}, too; keep it once")
            taken.setdefault(path, file)
        pairs[split] = found
        faults += wrong
    images = [image for found in pairs.values() for image, _ in found]
    folder = Path(os.path.commonpath([image.parent for image in images])) if images else root
    listings = {split: _listing(root, folder, found) for split, found in pairs.items()}
    return source_of(root, taxonomy, listings, faults=faults, notes=notes)


def _pairs(root: Path, file: Path) -> tuple[list[Pair], list[str], int]:
    """Return the pairs of a list, a fault for each that is missing, and how many have one file."""
    pairs: list[Pair] = []
    faults: list[str] = []
    alone = 0
    for words in read_lines(file):
        found = [_find(root, file, word) for word in words[:2]]
        if len(found) < 2:
            alone += 1
        elif found[0] and found[1]:
            pairs.append((found[0], found[1]))
        else:
            missing = [word for word, path in zip(words, found, strict=False) if path is None]
            faults.append(f"{file}: {' '.join(words)!r}: no file {' and no '.join(missing)}")
    return pairs, faults, alone


def _find(root: Path, file: Path, word: str) -> Path | None:
    """Return the file of a path in a list; below the data set's folder or the list's."""
    name = Path(word.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts:
        return None
    return next((path for path in (root / name, file.parent / name) if path.is_file()), None)


def _listing(root: Path, folder: Path, pairs: Iterable[Pair]) -> Listing:
    images: dict[str, Path] = {}
    masks: dict[str, Path] = {}
    faults = []
    for image, mask in pairs:
        id_ = "_".join(image.relative_to(folder).with_suffix("").parts)
        if images.setdefault(id_, image) != image:
            faults.append(f"{image}: {id_} is {images[id_]}, too; rename one of them")
        masks.setdefault(id_, mask)
    joined = join(images, masks, root, root)
    return Listing(joined.samples, (*faults, *joined.faults))


def _recognised(root: Path) -> str | None:
    """Name the list of train where some of its pairs have different names."""
    if not folder_with(root, "[Tt][Rr]*.*"):
        return None
    file = split_lists([*files_below(root)]).get("train")
    for words in islice(read_lines(file) if file else (), LOOKED_AT):
        found = [_find(root, file, word) for word in words[:2]] if file else []
        if len(found) == 2 and found[0] and found[1] and found[0].stem != found[1].stem:
            return f"{words[0]} {words[1]}"
    return None


LAYOUT = Layout(
    form="train.txt of lines `image mask`",
    recognised=_recognised,
    open=open_pair_lists,
    places=VIDEO,
    rather_than=("folder",),
)
