"""Tables as text: rows of cells separated by commas, semicolons or tabs, each with its line."""

import csv
import io
from dataclasses import dataclass

from segexp.core.errors import InputError
from segexp.labels.importers._file import MAX_ROWS, ForeignFile


@dataclass(frozen=True)
class Line:
    """One row of a table: its line in the file, counted from 1, and its cells, stripped."""

    number: int
    cells: tuple[str, ...]


def header_of(file: ForeignFile) -> tuple[str, ...]:
    """Return the first row of a table; see `read_table`."""
    return read_table(file.text, file.where)[0].cells


def text_lines(text: str) -> list[tuple[int, str]]:
    """Return the lines that are not empty and not comments (``#``), with their numbers from 1."""
    stripped = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


def read_table(text: str, where: str) -> list[Line]:
    """Split a table into rows; empty rows are left out.

    The separator is the one of the first line: a tab if it has one, else ``;`` if it has no
    comma, else the comma. Cells may be quoted with ``"``.

    Raises:
        InputError: When quotes are not closed, or there are more than MAX_ROWS rows or none.
    """
    lines = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    try:
        for cells in reader:
            stripped = tuple(cell.strip() for cell in cells)
            if any(stripped):
                lines.append(Line(reader.line_num, stripped))
            if len(lines) > MAX_ROWS:
                raise InputError(f"{where}:{reader.line_num}: more than {MAX_ROWS} rows")
    except csv.Error as error:
        raise InputError(f"{where}:{reader.line_num}: not a table: {error}") from None
    if not lines:
        raise InputError(f"{where}: is empty")
    return lines


def _separator(text: str) -> str:
    first = text.lstrip().partition("\n")[0]
    if "\t" in first:
        return "\t"
    return ";" if ";" in first and "," not in first else ","
