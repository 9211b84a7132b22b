"""``labels.txt``: a name in each line, whose place from 0 is the raw id in the masks.

PaddleSeg, Keras and many others have it so. labelme's begins with ``__ignore__``, which is -1 there
and 255 in masks, so that ``_background_`` in its second line is 0. Where every line begins with a
number, that is the id.
"""

import re

from segexp.core.errors import InputError, shown
from segexp.labels.importer import Importer
from segexp.labels.importers._file import ForeignFile
from segexp.labels.importers._listing import Listing, read_listing
from segexp.labels.taxonomy import LONGEST_NAME, VOID

IGNORE = "__ignore__"
SPELLED = {"_background_": "background", "__background__": "background"}

_WITH_ID = re.compile(r"(-?\d{1,9})(?:\s*[:=,;]\s*|\s+)(\S.*)")
_FILE_NAME = re.compile(r"\.(png|jpe?g|bmp|tiff?|webp|npy|json|xml|txt)$", re.IGNORECASE)


def read_label_names(text: str, where: str) -> Listing:
    """Read the names in their order, or by the numbers before them.

    Raises:
        InputError: With every line between others that is empty: it would shift the ids.
    """
    lines = _lines(text)
    faults = [
        f"{where}:{number}: empty, but the place of a line is the raw id of its label: delete the "
        "line, or write a name into it"
        for number, line in enumerate(lines, start=1)
        if not line
    ]
    if faults or not lines:
        raise InputError(faults or f"{where}: is empty")
    numbered = [_WITH_ID.fullmatch(line) for line in lines]
    if all(numbered):
        pairs = sorted((int(found[1]), found[2].strip()) for found in numbered if found)
        ids = tuple(raw_id for raw_id, _ in pairs)
        return Listing(where, tuple(_spelled(name) for _, name in pairs), ids=ids, listing="lines")
    ignores = lines[0] == IGNORE
    names = tuple(map(_spelled, lines[1:] if ignores else lines))
    if not names:
        raise InputError(f"{where}: no name but {shown(IGNORE)}")
    void = (-1, VOID) if ignores else (VOID,)
    return Listing(where, names, void=void, listing="lines")


def _spelled(name: str) -> str:
    return SPELLED.get(name, name)


def _lines(text: str) -> list[str]:
    """Return the lines up to the last that is not empty, without comments at the beginning."""
    lines = [line.strip() for line in text.rstrip().splitlines()]
    while lines and lines[0].startswith("#"):
        del lines[0]
    return lines


def _recognised(file: ForeignFile) -> bool:
    lines = [line for line in _lines(file.text) if line]
    return (
        1 < len(lines) <= VOID
        and len({*lines}) == len(lines)
        and not all("/" in line or "\\" in line for line in lines)  # tv/monitor is a label
        and all(
            len(line) <= LONGEST_NAME
            and (_WITH_ID.fullmatch(line) or not re.search(r"[,;:\t]", line))
            and re.search(r"[^\W\d]", line)
            and not _FILE_NAME.search(line)
            for line in lines
        )
    )


IMPORTER = Importer(
    looked_for="a name in each line of a .txt",
    kinds=("table",),
    recognised=_recognised,
    read=lambda file, taxonomy, choices: read_listing(
        read_label_names(file.text, file.where), choices
    ),
    choices=("new_taxonomy", "ids"),
    rather_than=("csv",),
    unlisted_are_void=True,
    told_by_name=True,
)
