"""CSV with two columns: the name of a label, the name of its class."""

from segexp.core.errors import InputError, did_you_mean, shown
from segexp.labels.importer import Importer, Read, needed
from segexp.labels.importers._rows import Row, label_finder
from segexp.labels.importers._tables import Line, header_of, read_table
from segexp.labels.taxonomy import VOID_NAME, Taxonomy

HEADER_WORDS = ("label", "labels", "label name", "name", "from", "source")


def label_csv_rows(text: str, where: str, taxonomy: Taxonomy) -> list[Row]:
    """Read a table of label names and class names; an empty class is void.

    The first line is a header when its first cell is called like one, or neither is a label nor
    resembles one: the tables that mseg-api turns one taxonomy into another with are headed by the
    names of the two taxonomies.

    Raises:
        InputError: With every line that does not have two cells.
    """
    lines = read_table(text, where)
    if _is_header(lines[0], taxonomy):
        lines = lines[1:]
    faults = [
        f"{where}:{line.number}: {shown(', '.join(line.cells))}: {len(line.cells)} column(s); "
        "expected two, a label and its class"
        for line in lines
        if len(line.cells) != 2
    ]
    if faults:
        raise InputError(faults)
    return [Row(f"{where}:{line.number}", line.cells[0], line.cells[1] or None) for line in lines]


def _is_header(line: Line, taxonomy: Taxonomy) -> bool:
    word = line.cells[0]
    if label_finder(taxonomy)(word) is not None:
        return False
    return word.lower() in HEADER_WORDS or not did_you_mean(word, (*taxonomy.names, VOID_NAME))


IMPORTER = Importer(
    looked_for="a table of two columns",
    kinds=("table",),
    recognised=lambda file: len(header_of(file)) == 2,
    read=lambda file, taxonomy, choices: Read(
        label_csv_rows(file.text, file.where, needed(taxonomy))
    ),
)
