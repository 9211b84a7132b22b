from html.parser import HTMLParser

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, jaccard_score, precision_recall_fscore_support

from segexp.evaluation.tables import class_table, confusion_page
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


def test_the_table_is_scikit_learns_over_all_images():
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 4, (2, 3, 50))
    names = ["a", "b", "c", "d"]
    confusions = np.stack(
        [confusion_matrix(t, p, labels=range(4)) for t, p in zip(truth, prediction, strict=True)]
    )
    table = class_table(confusions, names)
    t, p = truth.ravel(), prediction.ravel()
    precision, recall, f1, pixels = precision_recall_fscore_support(t, p)
    assert table["class"] == names
    np.testing.assert_allclose(table["iou"], jaccard_score(t, p, average=None), rtol=0, atol=1e-9)
    np.testing.assert_allclose(table["precision"], precision, rtol=0, atol=1e-9)
    np.testing.assert_allclose(table["recall"], recall, rtol=0, atol=1e-9)
    np.testing.assert_allclose(table["f1"], f1, rtol=0, atol=1e-9)
    assert table["pixels"] == pixels.tolist()


def test_images_are_those_whose_ground_truth_holds_the_class():
    confusions = np.zeros((3, 3, 4), np.int64)
    confusions[0, 0, 0] = 5
    confusions[1, 0, 3] = 2  # road is there, and called none of the classes
    confusions[1, 1, 0] = 1
    confusions[2, 1, 2] = 4  # sky is predicted, not there
    table = class_table(confusions, NAMES)
    assert table["images"] == [2, 2, 0]
    assert table["pixels"] == [7, 5, 0]
    assert table["predicted"] == [6, 0, 4]  # two pixels are called none of the classes


def test_a_score_without_a_denominator_is_none_and_all_values_are_plain():
    confusions = np.zeros((1, 3, 3), np.int64)
    confusions[0, 0] = [3, 1, 0]
    table = class_table(confusions, NAMES)
    assert table["iou"] == [0.75, 0.0, None]
    assert table["precision"] == [1.0, 0.0, None]
    assert table["recall"] == [0.75, None, None]
    assert table["f1"] == [pytest.approx(6 / 7), 0.0, None]
    values = [value for column in table.values() for value in column]
    assert {type(value) for value in values} == {str, float, int, type(None)}


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
