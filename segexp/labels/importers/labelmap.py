"""``labelmap.txt``: a line ``name:r,g,b:parts:actions`` for each label, as CVAT exports it.

It comes with CVAT's "segmentation mask" and Pascal VOC exports, whose masks hold the colours. Lines
that begin with ``#`` are comments.
"""

import re

from segexp.core.errors import InputError, shown
from segexp.labels.importer import Importer
from segexp.labels.importers._file import MAX_ROWS, ForeignFile
from segexp.labels.importers._nested import whole_number
from segexp.labels.importers.mmseg import Metainfo, read_labels
from segexp.labels.taxonomy import Color, parse_color

_LINE = re.compile(r"(?P<name>[^:]+):(?P<color>\s*\d+\s*,\s*\d+\s*,\s*\d+\s*)(:[^:]*){0,2}")


def read_labelmap(text: str, where: str) -> Metainfo:
    """Read the labels and their colours, in the order of the lines.

    Raises:
        InputError: With every line that is not ``name:r,g,b``, with or without parts and actions,
            or when there are more than MAX_ROWS.
    """
    faults: list[str] = []
    names: list[str] = []
    colors: list[Color] = []
    lines = _lines(text)
    if len(lines) > MAX_ROWS:
        raise InputError(f"{where}: {len(lines)} labels; at most {MAX_ROWS} are read")
    for number, line in lines:
        at = f"{where}:{number}"
        read = _LINE.fullmatch(line)
        if read is None:
            faults.append(f"{at}: {shown(line)}; expected name:r,g,b")
            continue
        names.append(read["name"].strip())
        channels = [whole_number(channel) for channel in read["color"].split(",")]
        colors.append(parse_color(at, channels, faults))
    if faults:
        raise InputError(faults)
    return Metainfo(
        where,
        tuple(names),
        tuple(colors),
        reduce_zero_label=False,
        listing="lines",
        coloring="r,g,b",
    )


def _lines(text: str) -> list[tuple[int, str]]:
    """Return the lines that are not empty and not comments, with their numbers from 1."""
    stripped = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


def _recognised(file: ForeignFile) -> bool:
    lines = _lines(file.text) if file.path.suffix.lower() == ".txt" else []
    return bool(lines) and _LINE.fullmatch(lines[0][1]) is not None


IMPORTER = Importer(
    looked_for="lines `name:r,g,b:parts:actions` in .txt, such as CVAT's labelmap.txt",
    recognised=_recognised,
    read=lambda file, taxonomy, choices: read_labels(read_labelmap(file.text, file.where), choices),
    choices=("new_taxonomy", "ids"),
    rather_than=("csv",),
    unlisted_are_void=True,
)
