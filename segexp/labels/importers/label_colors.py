"""``label_colors.txt``: a line ``r g b name`` for each label, as CamVid and SYNTHIA have it.

Between the columns are spaces or tabs, and a name may have spaces. The masks hold the colours.
"""

import re

from segexp.labels.importer import Importer
from segexp.labels.importers._file import ForeignFile
from segexp.labels.importers._listing import Listing, colored_lines, read_listing
from segexp.labels.importers._tables import text_lines

_LINE = re.compile(r"(?P<r>\d+)\s+(?P<g>\d+)\s+(?P<b>\d+)\s+(?P<name>\D.*)")


def read_label_colors(text: str, where: str) -> Listing:
    """Read the labels and their colours, in the order of the lines.

    Raises:
        InputError: With every line that is not ``r g b name``.
    """
    lines = ((number, line, _parts(line)) for number, line in text_lines(text))
    return colored_lines(where, lines, "r g b name")


def _parts(line: str) -> list[str]:
    read = _LINE.fullmatch(line)
    return [] if read is None else [read["name"].strip(), read["r"], read["g"], read["b"]]


def _recognised(file: ForeignFile) -> bool:
    lines = text_lines(file.text)
    return bool(lines) and _LINE.fullmatch(lines[0][1]) is not None


IMPORTER = Importer(
    looked_for="lines `r g b name` in .txt, such as CamVid's label_colors.txt",
    kinds=("table",),
    recognised=_recognised,
    read=lambda file, taxonomy, choices: read_listing(
        read_label_colors(file.text, file.where), choices
    ),
    choices=("new_taxonomy", "ids"),
    rather_than=("csv", "label-names"),
    unlisted_are_void=True,
)
