"""The tables of MSeg (Lambert et al. 2020; mseg-api's ``MSeg_master.tsv``).

Columns are data sets. A row is a class of the universal taxonomy, named in the column
``universal``; a cell holds the label of that data set that becomes it, or several as ``{a, b}``.
"""

from segexp.core.errors import InputError, did_you_mean, named, shown
from segexp.labels.importer import Importer, Read
from segexp.labels.importers._rows import Row
from segexp.labels.importers._tables import Line, header_of, read_table

UNIVERSAL = "universal"


def mseg_rows(text: str, where: str, column: str | None) -> list[Row]:
    """Read the labels of one data set and the universal class of each.

    Args:
        text: The table.
        where: What to call the file in an error.
        column: The data set, as the header calls it.

    Raises:
        InputError: When there is no such column (with a did-you-mean), none was named, or a row
            has labels but no universal name.
    """
    lines = read_table(text, where)
    header = lines[0].cells
    if UNIVERSAL not in header:
        raise InputError(f"{where}:{lines[0].number}: no column {UNIVERSAL!r}; not a table of MSeg")
    known = [name for name in header if name and name != UNIVERSAL]
    if column is None or column not in known:
        said = (
            "--column: missing" if column is None else f"--column {shown(column)}: no such column"
        )
        raise InputError(
            f"{said}{did_you_mean(column or '', known)}; the columns of {where} are "
            f"{named(', '.join(known))}"
        )
    at_class, at_label = header.index(UNIVERSAL), header.index(column)
    rows: list[Row] = []
    faults: list[str] = []
    for line in lines[1:]:
        at = f"{where}:{line.number}"
        labels = _names(_cell(line, at_label))
        class_name = _cell(line, at_class)
        if labels and not class_name:
            faults.append(
                f"{at}: no name in the column {UNIVERSAL!r} for {shown(', '.join(labels))}"
            )
        rows += [Row(at, label, class_name) for label in labels]
    if faults:
        raise InputError(faults)
    return rows


def _cell(line: Line, place: int) -> str:
    return line.cells[place] if place < len(line.cells) else ""


def _names(cell: str) -> list[str]:
    inner = cell[1:-1] if cell.startswith("{") and cell.endswith("}") else cell
    return [name for part in inner.split(",") if (name := part.strip())]


IMPORTER = Importer(
    looked_for="a table with the column `universal`",
    kinds=("table",),
    recognised=lambda file: UNIVERSAL in header_of(file) and len(header_of(file)) > 2,
    read=lambda file, taxonomy, choices: Read(mseg_rows(file.text, file.where, choices.column)),
    choices=("column",),
    rather_than=("cityscapes-labels",),
)
