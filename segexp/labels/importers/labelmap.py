"""``labelmap.txt``: a line ``name:r,g,b:parts:actions`` for each label, as CVAT exports it.

It comes with CVAT's "segmentation mask" and Pascal VOC exports, whose masks hold the colours. Lines
that begin with ``#`` are comments.
"""

import re

from segexp.labels.importer import Importer
from segexp.labels.importers._file import ForeignFile
from segexp.labels.importers._listing import Listing, colored_lines, read_listing
from segexp.labels.importers._tables import text_lines

_LINE = re.compile(r"(?P<name>[^:]+):(?P<color>\s*\d+\s*,\s*\d+\s*,\s*\d+\s*)(:[^:]*){0,2}")


def read_labelmap(text: str, where: str) -> Listing:
    """Read the labels and their colours, in the order of the lines.

    Raises:
        InputError: With every line that is not ``name:r,g,b``, with or without parts and actions.
    """
    lines = ((number, line, _parts(line)) for number, line in text_lines(text))
    return colored_lines(where, lines, "name:r,g,b")


def _parts(line: str) -> list[str]:
    read = _LINE.fullmatch(line)
    return [] if read is None else [read["name"].strip(), *read["color"].split(",")]


def _recognised(file: ForeignFile) -> bool:
    lines = text_lines(file.text)
    return bool(lines) and _LINE.fullmatch(lines[0][1]) is not None


IMPORTER = Importer(
    looked_for="lines `name:r,g,b:parts:actions` in .txt, such as CVAT's labelmap.txt",
    kinds=("table",),
    recognised=_recognised,
    read=lambda file, taxonomy, choices: read_listing(
        read_labelmap(file.text, file.where), choices
    ),
    choices=("new_taxonomy", "ids"),
    rather_than=("csv",),
    unlisted_are_void=True,
)
