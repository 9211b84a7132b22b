"""``class_dict.csv``: a name and its colour in four columns, as Kaggle's CamVid and others have it.

The header is ``name,r,g,b``; the order of the rows numbers the labels 0, 1, ... where masks hold
ids. Most such masks hold the colours.
"""

from segexp.core.errors import InputError, shown
from segexp.labels.importer import Importer
from segexp.labels.importers._file import ForeignFile
from segexp.labels.importers._nested import whole_number
from segexp.labels.importers._tables import header_of, read_table
from segexp.labels.importers.mmseg import Metainfo, read_labels
from segexp.labels.taxonomy import Color, parse_color

HEADER = ("name", "r", "g", "b")


def read_class_dict(text: str, where: str) -> Metainfo:
    """Read the labels and their colours, in the order of the rows.

    Raises:
        InputError: With every row that is not a name and three whole numbers from 0 to 255.
    """
    faults: list[str] = []
    names: list[str] = []
    colors: list[Color] = []
    for line in read_table(text, where)[1:]:
        at = f"{where}:{line.number}"
        name, *channels = line.cells
        if not name or len(channels) != 3:
            faults.append(f"{at}: {shown(', '.join(line.cells))}; expected name, r, g, b")
            continue
        names.append(name)
        numbers = [whole_number(channel) for channel in channels]
        colors.append(parse_color(at, channels if None in numbers else numbers, faults))
    if faults:
        raise InputError(faults)
    return Metainfo(
        where,
        tuple(names),
        tuple(colors),
        reduce_zero_label=False,
        listing="rows",
        coloring="r, g, b",
    )


def _recognised(file: ForeignFile) -> bool:
    return tuple(cell.lower() for cell in header_of(file)) == HEADER


IMPORTER = Importer(
    looked_for="a table with the header `name,r,g,b`, such as class_dict.csv",
    recognised=_recognised,
    read=lambda file, taxonomy, choices: read_labels(
        read_class_dict(file.text, file.where), choices
    ),
    choices=("new_taxonomy", "ids"),
    unlisted_are_void=True,
)
