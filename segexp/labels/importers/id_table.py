"""A table with a column of raw ids and one of names, and maybe three of colours.

Roboflow's ``_classes.csv`` (``Pixel Value, Class``), ADE20K's ``objectInfo150.txt`` and
``object150_info.csv`` (``Idx, Ratio, Train, Val, Stuff, Name``), and others (``id,name``). The ids
number the masks. ADE20K's 0 is void.
"""

import re
import textwrap

from segexp.core.errors import InputError, shown
from segexp.labels.importer import Importer
from segexp.labels.importers._file import ForeignFile
from segexp.labels.importers._listing import Listing, read_listing
from segexp.labels.importers._nested import whole_number
from segexp.labels.importers._tables import header_of, read_table
from segexp.labels.taxonomy import LONGEST_NAME, VOID, Color, parse_color

IDS = ("idx", "pixel value", "id", "index", "value", "label id", "class id")
NAMES = ("name", "class", "label", "label name", "class name")
CHANNELS = ("r", "g", "b")


def read_id_table(text: str, where: str) -> Listing:
    """Read the labels by their ids.

    Raises:
        InputError: With every row that has another number of cells, no whole number for an id or no
            name, and every colour that is none.
    """
    header, *rows = read_table(text, where)
    columns = _columns(header.cells)
    at_id, at_name = _place(columns, IDS), _place(columns, NAMES)
    if min(at_id, at_name) < 0:
        raise InputError(f"{where}:{header.number}: expected a column `id` and a column `name`")
    is_ade20k = "idx" in columns
    has_colors = {*CHANNELS} <= {*columns}
    faults: list[str] = []
    labels: list[tuple[int, str, Color]] = []
    for row in rows:
        at = f"{where}:{row.number}"
        raw_id = whole_number(row.cells[at_id]) if len(row.cells) == len(columns) else None
        if raw_id is None or not row.cells[at_name]:
            faults.append(
                f"{at}: {shown(', '.join(row.cells))}; expected {', '.join(header.cells)}"
            )
            continue
        name = row.cells[at_name]
        if is_ade20k:
            name = _first_synonym(name)
        color: Color = (0, 0, 0)
        if has_colors:
            channels = [row.cells[columns.index(channel)] for channel in CHANNELS]
            numbers = [whole_number(channel) for channel in channels]
            color = parse_color(at, channels if None in numbers else numbers, faults)
        labels.append((raw_id, name, color))
    if not labels and not faults:
        faults.append(f"{where}: no rows below the header")
    if faults:
        raise InputError(faults)
    labels.sort()
    return Listing(
        where,
        tuple(name for _, name, _ in labels),
        tuple(color for *_, color in labels) if has_colors else (),
        tuple(raw_id for raw_id, *_ in labels),
        void=(0, VOID) if is_ade20k else (VOID,),
        listing="rows",
    )


def _first_synonym(words: str) -> str:
    """Return the first of ADE20K's synonyms: ``building, edifice`` is ``building``.

    The CSV has ``;`` between synonyms and between their words alike (``traffic;light;traffic;
    signal``), so that all of it is the name there.
    """
    name = words.partition(",")[0].replace(";", " ").strip()
    return textwrap.shorten(name, LONGEST_NAME, placeholder="")


def _columns(cells: tuple[str, ...]) -> list[str]:
    return [re.sub(r"[\s_]+", " ", cell).strip().lower() for cell in cells]


def _place(columns: list[str], words: tuple[str, ...]) -> int:
    return next((columns.index(word) for word in words if word in columns), -1)


def _recognised(file: ForeignFile) -> bool:
    columns = _columns(header_of(file))
    return min(_place(columns, IDS), _place(columns, NAMES)) >= 0


IMPORTER = Importer(
    looked_for="a table with columns of ids and names, such as `Pixel Value, Class` or `Idx, Name`",
    kinds=("table",),
    recognised=_recognised,
    read=lambda file, taxonomy, choices: read_listing(
        read_id_table(file.text, file.where), choices
    ),
    choices=("new_taxonomy", "ids"),
    rather_than=("csv",),
    unlisted_are_void=True,
)
