"""``class_dict.csv``: a name and its colour in four columns, as Kaggle's CamVid and others have it.

The header is ``name,r,g,b``; the order of the rows numbers the labels 0, 1, ... where masks hold
ids. Most such masks hold the colours.
"""

from segexp.labels.importer import Importer
from segexp.labels.importers._file import ForeignFile
from segexp.labels.importers._listing import Listing, colored_lines, read_listing
from segexp.labels.importers._tables import header_of, read_table

HEADER = ("name", "r", "g", "b")


def read_class_dict(text: str, where: str) -> Listing:
    """Read the labels and their colours, in the order of the rows.

    Raises:
        InputError: With every row that is not a name and three whole numbers from 0 to 255.
    """
    rows = read_table(text, where)[1:]
    lines = ((row.number, ", ".join(row.cells), row.cells) for row in rows)
    return colored_lines(where, lines, "name, r, g, b")


def _recognised(file: ForeignFile) -> bool:
    return tuple(cell.lower() for cell in header_of(file)) == HEADER


IMPORTER = Importer(
    looked_for="a table with the header `name,r,g,b`, such as class_dict.csv",
    kinds=("table",),
    recognised=_recognised,
    read=lambda file, taxonomy, choices: read_listing(
        read_class_dict(file.text, file.where), choices
    ),
    choices=("new_taxonomy", "ids"),
    unlisted_are_void=True,
)
