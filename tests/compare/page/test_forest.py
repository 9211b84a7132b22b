import copy
import math

import pytest

from segexp.compare.page.forest import classes_figure, headline_figure
from segexp.report.colors import GROUND
from tests.compare.page.ab_example import ab_example

TWO = ab_example()
THREE = ab_example(("cityscapes19", "merged10", "categories7"))


def rows(figure):
    """Label, value and interval of each row from the top, and its group in the legend."""
    figure = figure.wide
    labels = dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))
    found = {}
    for trace in figure.data[1:]:
        for i, place in enumerate(trace.y):
            low = trace.x[i] - trace.error_x.arrayminus[i]
            high = trace.x[i] + trace.error_x.array[i]
            found[place] = (labels[place], trace.x[i], [low, high], trace.name)
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first on top
    return [found[place] for place in sorted(found)]


def shapes(figure):
    return [(s.type, s.x0, s.x1) for s in figure.layout.shapes]


def pair_with(**classes):
    """A pair whose classes have these delta, half width and p after Holm."""
    pair = copy.deepcopy(TWO["pairs"][0])
    pair["per_class"] = [
        {"class": name, "delta": d, "interval": [d - h, d + h], "p_holm": p}
        for name, (d, h, p) in classes.items()
    ]
    return pair


def test_the_headline_has_both_rules_of_every_pair_with_their_intervals():
    found = rows(headline_figure(THREE["pairs"]))
    expected = [
        (f"{p['b']} minus {p['a']}, {rule}", r["delta"], r["interval"], r["verdict"])
        for p in THREE["pairs"]
        for rule, r in p["rules"].items()
    ]
    assert len(found) == 6
    for (label, value, interval, group), truth in zip(found, expected, strict=True):
        assert (label, value, group) == (truth[0], truth[1], truth[3])
        assert interval == pytest.approx(truth[2])


def test_the_margin_is_a_band_around_the_line_at_zero():
    figure = headline_figure(TWO["pairs"]).wide
    assert shapes(figure) == [("rect", -0.01, 0.01), ("line", 0, 0)]
    assert figure.data[0].name == "margin, 0.01 either way"


def test_classes_are_sorted_and_grouped_by_who_is_ahead_after_holm():
    pair = pair_with(
        road=(0.02, 0.01, 0.049), sky=(-0.30, 0.1, 0.001), car=(0.5, 0.9, 0.05), bus=(-0.1, 0.2, 1)
    )
    found = [(label, group) for label, _, _, group in rows(classes_figure(pair))]
    assert found == [
        ("car", "not told apart"),
        ("road", "merged10 higher"),
        ("bus", "not told apart"),
        ("sky", "cityscapes19 higher"),
    ]


def test_the_numbers_are_beside_the_rows():
    figure = classes_figure(pair_with(road=(0.02, 0.01, 0.5), sky=(-0.3, 0.1, 0.001)))
    texts = [(a.y, a.text) for a in figure.wide.layout.annotations]
    assert texts == [(0, "+0.020 [+0.010, +0.030]"), (1, "-0.300 [-0.400, -0.200]")]


def test_a_narrow_page_has_names_and_numbers_above_the_rows():
    figure = classes_figure(pair_with(road=(0.02, 0.01, 0.5), sky=(-0.3, 0.1, 0.001))).narrow
    texts = [(a.y, a.x, a.text) for a in figure.layout.annotations]
    assert texts == [(0, 0, "road +0.020 [+0.010, +0.030]"), (1, 0, "sky -0.300 [-0.400, -0.200]")]
    assert figure.layout.yaxis.visible is False
    assert figure.layout.margin.l + figure.layout.margin.r < 40
    labels = headline_figure(THREE["pairs"]).narrow.layout.annotations
    texts = [label.text for label in labels]
    assert {label.bgcolor for label in labels} == {GROUND}  # the line at zero goes below them
    assert texts[0].startswith("merged10 minus cityscapes19, sum<br>+0.")


def test_a_difference_whose_interval_is_unknown_is_a_mark_without_a_line():
    pair = pair_with(road=(0.02, 0.01, 0.5), sky=(0.1, 0.1, 0.5), car=(0.0, 0.1, 0.5))
    pair["per_class"][0]["interval"] = [-1.0, 1.0]
    pair["per_class"][2]["interval"] = None
    figure = classes_figure(pair).wide
    assert [a.text for a in figure.layout.annotations] == [
        "+0.100 [0.000, +0.200]",
        "+0.020 unknown",
        "0.000 -",
    ]
    (marks,) = figure.data[1:]
    assert list(marks.x) == [0.1, 0.02, 0.0]
    assert [end is None for end in marks.error_x.array] == [False, True, True]


def test_without_any_interval_there_is_no_figure():
    pair = pair_with(road=(0.02, 0.01, 0.5))
    pair["per_class"][0]["interval"] = None
    assert classes_figure(pair) is None


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_a_class_without_a_difference_has_no_row(nothing):
    pair = pair_with(road=(0.02, 0.01, 0.5), sky=(0.1, 0.1, 0.5))
    pair["per_class"][0] |= {"delta": nothing, "interval": None, "p_holm": nothing}
    assert [label for label, *_ in rows(classes_figure(pair))] == ["sky"]


def test_names_are_escaped_for_plotly():
    pair = pair_with(**{"<b>x": (0.1, 0.01, 0.5)})
    assert rows(classes_figure(pair))[0][0] == "&lt;b&gt;x"
