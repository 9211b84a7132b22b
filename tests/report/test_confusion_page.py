from html.parser import HTMLParser

import numpy as np
import pytest
from numpy.typing import NDArray

from segexp.report.confusion_page import confusion_page
from tests.report.parsed import read_page

NAMES = ["road", "traffic light", "sky"]


class Page(HTMLParser):
    """The parts of a page that are to be looked at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.hints: list[list[str]] = []
        self.texts: list[str] = []
        self.title = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
            self.hints.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.hints[-1] += [value for name, value in attrs if name == "title"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open:
            return
        if self.open[-1] == "title":
            self.title = data
        elif {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def numbers_in(hint: str) -> int:
    return int(hint.rpartition(": ")[2].removesuffix(" pixels").replace(",", ""))


def page_of(confusion: NDArray[np.int64], names: list[str] = NAMES, title: str = "t") -> Page:
    return Page(confusion_page(confusion, names, title))


CONFUSION = np.array([[90, 6, 4, 0], [0, 1234, 0, 4936], [0, 0, 0, 0]])


def test_the_page_shows_each_row_in_percent_of_its_ground_truth():
    header, *rows = page_of(CONFUSION).rows
    assert header == ["", "road", "traffic light", "sky", "none", ""]
    assert rows == [
        ["road", "90", "6", "4", "", "100"],
        ["traffic light", "", "20", "", "80", "6,170"],
        ["sky", "", "", "", "", "0"],
    ]


def test_the_pixels_of_a_rows_cells_add_up_to_the_row():
    rng = np.random.default_rng(1)
    confusion = rng.integers(0, 5000, (3, 4))
    page = page_of(confusion)
    for row, cells, hints in zip(confusion, page.rows[1:], page.hints[1:], strict=True):
        counts = [numbers_in(hint) for hint in hints]
        assert counts == row.tolist()
        assert sum(counts) == int(cells[-1].replace(",", ""))
        assert sum(int(cell or 0) for cell in cells[1:-1]) == pytest.approx(100, abs=2)


def test_a_none_column_without_a_pixel_is_not_shown():
    empty = CONFUSION.copy()
    empty[:, 3] = 0
    square = CONFUSION[:, :3]
    assert page_of(empty).rows[0] == page_of(square).rows[0] == ["", *NAMES, ""]


def test_names_and_title_are_text_never_markup():
    names = ["<script>alert(1)</script>", '"><img src=x>', "a & b"]
    page = page_of(CONFUSION, names, "<b>'\"</b>")
    assert page.title == "<b>'\"</b>"
    assert page.rows[0][1:4] == names
    assert [row[0] for row in page.rows[1:]] == names
    assert page.hints[1][1] == f"{names[0]} predicted as {names[1]}: 6 pixels"
    assert not {"script", "img", "b"} & set(page.tags)


def test_the_page_is_whole_and_has_neither_scripts_nor_addresses():
    text = confusion_page(CONFUSION, NAMES, "Confusion matrix")
    page = Page(text)  # checks that every tag is closed
    assert page.open == []
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert "http:" not in text
    assert "https:" not in text
    read_page(text)  # checks its policy
