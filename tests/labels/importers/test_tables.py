from pathlib import Path

import pytest

from segexp.core.errors import InputError
from segexp.labels.importers._file import MAX_ROWS, ForeignFile
from segexp.labels.importers._tables import header_of, read_table, text_lines


@pytest.mark.parametrize(
    "text", ["a,b;c\n1, 2\n", "a;b\n1;2\n", "a\tb,c\n1\t2\n", '"a","b"\n"1",2\n', "\n\na,b\n1,2\n"]
)
def test_the_first_line_decides_what_separates_cells(text: str) -> None:
    lines = read_table(text, "t.csv")
    assert len(lines[0].cells) == 2
    assert lines[1].cells == ("1", "2")


def test_rows_keep_their_line_in_the_file_and_empty_ones_are_left_out() -> None:
    lines = read_table("a,b\n\n , \n1,2\n", "t.csv")
    assert [(line.number, line.cells) for line in lines] == [(1, ("a", "b")), (4, ("1", "2"))]
    assert header_of(ForeignFile(Path("t.csv"), "a , b\n1,2\n")) == ("a", "b")


def test_quotes_that_are_not_closed_empty_files_and_floods_are_refused() -> None:
    for text, said in (
        ('a,b\n1,"2\n', r"t\.csv:2: not a table"),
        ("\n \n", r"t\.csv: is empty"),
        ("1,2\n" * (MAX_ROWS + 1), f"more than {MAX_ROWS} rows"),
    ):
        with pytest.raises(InputError, match=said):
            read_table(text, "t.csv")


def test_comments_and_empty_lines_of_a_text_are_left_out() -> None:
    assert text_lines("# labels\n\n road \nsky # blue\n") == [(3, "road"), (4, "sky # blue")]
