"""Markdown that stays what it is."""

import pytest

from segexp.report.markdown import LONGEST_NOTE, cell, fitted, link, table, text


@pytest.mark.parametrize(
    ("content", "written"),
    [
        ("merged10", "merged10"),
        ("common_a", r"common\_a"),
        ("a|b", r"a\|b"),
        ("<img src=x onerror=y>", "&lt;img src=x onerror=y&gt;"),
        ("[a](javascript:b)", r"\[a\](javascript:b)"),
        ("two\nlines", "two lines"),
    ],
)
def test_a_name_is_neither_markup_nor_html(content: str, written: str) -> None:
    assert text(content) == written


def test_a_table_has_its_numbers_at_the_right() -> None:
    lines = table(["trial", "mapping"], [["7", "merged10"]], numeric=1)
    assert lines == ["| trial | mapping |", "| ---: | --- |", "| 7 | merged10 |"]


def test_a_link_without_an_address_is_its_label() -> None:
    assert link("7", "#/experiments/1/runs/a") == "[7](#/experiments/1/runs/a)"
    assert link("7", "") == "7"


def test_a_long_cell_is_cut() -> None:
    assert cell("x" * 100) == "x" * 59 + "…"


def test_what_does_not_fit_a_note_is_left_out_but_for_its_last_line() -> None:
    assert fitted(["a", "b"], "end") == "a\nb\nend"
    note = fitted([f"{n:03d}" + "x" * 96 for n in range(100)], "end")
    assert LONGEST_NOTE - 110 < len(note) <= LONGEST_NOTE
    assert note.startswith("000x") and note.endswith("x\n…\nend")
