"""The page of a ladder of merges."""

from dataclasses import replace
from html import escape

import numpy as np
import pytest

from segexp.labels.ladder import make_ladder
from segexp.labels.mapping import MappedClass, Mapping
from segexp.labels.taxonomy import Label, Taxonomy
from segexp.report.ladder_page import ladder_page
from tests.report.parsed import plotly_count, read_page

NAMES = ("a", "<b>b", "c", "d")


@pytest.fixture(scope="module")
def ladder():
    taxonomy = Taxonomy(
        "toy", tuple(Label(name, (9, 9, 9)) for name in NAMES), {"default": dict(enumerate("abcd"))}
    )
    classes = tuple(MappedClass(name, (i, 0, 0), (name,)) for i, name in enumerate(NAMES))
    rows = [[4, 4, 0, 0, 0], [4, 4, 0, 0, 0], [0, 0, 14, 2, 0], [0, 0, 2, 30, 0]]
    return make_ladder(Mapping("toy", taxonomy, classes), np.array(rows))


@pytest.fixture(scope="module")
def page(ladder):
    rung = replace(ladder.rungs[0], space=replace(ladder.rungs[0].space, name="mine"))
    return read_page(ladder_page(ladder, rung, ["<i>a note"], "segexp ab toy mine"))


def test_it_says_first_that_the_gain_is_the_ruler_and_what_would_show_more(page):
    assert "ruler effect" in page.notes[0]
    assert "segexp ab toy mine" in page.notes[0]
    assert page.notes[1] == "<i>a note."


@pytest.mark.parametrize(("second", "shown"), [([4, 4, 0, 0, 0], ">99%"), ([0] * 5, "100%")])
def test_all_bits_are_kept_only_where_none_is_lost(ladder, second, shown):
    many = 10**9
    rows = [[4, 4, 0, 0, 0], second, [0, 0, many, 2, 0], [0, 0, 2, many, 0]]
    found = make_ladder(ladder.base, np.array(rows))
    rung = found.rungs[0]
    assert set(rung.merged) == {"a", "<b>b"}
    assert (rung.bits_lost > 0) == (shown != "100%")
    assert f">{escape(shown)}<" in ladder_page(found, rung, [], None)


def test_every_step_is_in_the_table_with_its_honest_numbers(page, ladder):
    assert page.row("4")[2] == f"{ladder.miou:.4f}"
    first, second = ladder.rungs
    assert page.row("3")[1:5] == ["a + <b>b", f"{first.miou:.4f}", f"{first.gain:+.4f}", "0.1667"]
    assert page.row("2")[1] == "c + d"
    assert page.row("2")[-1] == f"{second.bits_kept:.4f}"


def test_the_curves_are_predicted_miou_and_bits_kept_against_the_number_of_classes(page, ladder):
    miou, bits = page.traces()[0]
    assert miou["x"] == bits["x"] == [4, 3, 2]
    assert miou["y"] == pytest.approx([ladder.miou, *(r.miou for r in ladder.rungs)])
    assert bits["y"] == pytest.approx([1.75, 1.5, ladder.rungs[1].bits_kept])
    assert plotly_count(page) == 1


def test_the_tree_has_a_bracket_for_each_merge_at_the_classes_that_it_leaves(page):
    lines, merges, _ = page.traces()[1]
    # a and b are joined at 3 classes, c and d at 2; both go on to the end.
    corners = list(zip(lines["x"], lines["y"], strict=True))
    assert corners[:4] == [(4, 0), (3, 0), (3, 1), (4, 1)]
    assert corners[5:9] == [(4, 2), (2, 2), (2, 3), (4, 3)]
    assert merges["x"] == [3, 2]
    assert merges["y"] == [0.5, 2.5]


def test_the_suggested_classes_are_listed_with_their_labels(page):
    assert page.row("a+<b>b") == ["a+<b>b", "a, <b>b"]
    assert page.row("void") == ["void", "unlabelled pixels"]
