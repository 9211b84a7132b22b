import json
import math
import re

import pytest

from segexp.compare.page.figures import decomposition_figure, pareto_figure, runs_figure
from tests.compare.page.ab_example import ab_example

TWO = ab_example()
THREE = ab_example(("cityscapes19", "merged10", "categories7"))


def arm(name, bits, score, half=0.01):
    return {
        "mapping": name,
        "bits_kept": bits,
        "common": {"mean": score, "runs": [score - 0.01, score + 0.01]},
        "interval_common": [score - half, score + half],
    }


def points(figure):
    """The arms in each group of the legend."""
    return {t.name: [text.strip() for text in t.text] for t in figure.data if t.text is not None}


@pytest.mark.parametrize("pair", THREE["pairs"], ids=lambda p: f"{p['b']}-{p['a']}")
def test_the_waterfall_leads_from_one_native_score_to_the_other(pair):
    figure = decomposition_figure(pair).wide
    bars = [t for t in figure.data if t.type == "bar"]
    levels = [t for t in figure.data if t.type == "scatter"]
    assert [bar.x[0] for bar in bars] == [1, 3, 5]
    position = pair["native"]["a"]
    for bar, term in zip(bars, ("ruler_a", "training", "ruler_b"), strict=True):
        assert bar.base[0] == pytest.approx(position)
        position += pair["decomposition"][term]
        assert bar.base[0] + bar.y[0] == pytest.approx(position, abs=1e-9)
        low, high = pair["decomposition_intervals"][term]
        assert bar.y[0] - bar.error_y.arrayminus[0] == pytest.approx(low, abs=1e-9)
        assert bar.y[0] + bar.error_y.array[0] == pytest.approx(high, abs=1e-9)
    assert position == pytest.approx(pair["native"]["b"])
    scores = [pair["native"]["a"], pair["common"]["a"], pair["common"]["b"], pair["native"]["b"]]
    assert [list(level.y) for level in levels] == [[s, s] for s in scores]


def test_the_waterfall_writes_each_effect_with_its_sign():
    pair = THREE["pairs"][1]
    assert pair["decomposition"]["training"] < 0
    texts = [a.text for a in decomposition_figure(pair).wide.layout.annotations]
    assert f"<b>{pair['decomposition']['training']:.3f}</b>" in texts
    assert f"<b>+{pair['decomposition']['ruler_a']:.3f}</b>" in texts
    assert f"{pair['native']['b']:.3f}" in texts


def test_in_a_narrow_page_the_waterfall_runs_down():
    wide, narrow = (getattr(decomposition_figure(TWO["pairs"][0]), w) for w in ("wide", "narrow"))
    assert narrow.layout.yaxis.range == (6.6, -0.6)  # the first on top
    assert narrow.layout.yaxis.ticktext == wide.layout.xaxis.ticktext
    for across, down in zip(wide.data, narrow.data, strict=True):
        assert (list(down.x), list(down.y)) == (list(across.y), list(across.x))
    ends = [(bar.error_y.array, bar.error_y.arrayminus) for bar in wide.data if bar.type == "bar"]
    assert [(b.error_x.array, b.error_x.arrayminus) for b in narrow.data if b.type == "bar"] == ends


def test_an_effect_whose_interval_is_unknown_has_no_line_and_does_not_stretch_the_axis():
    pair = json.loads(json.dumps(TWO["pairs"][0]))
    before = decomposition_figure(pair).wide.layout.yaxis.range
    pair["decomposition_intervals"]["training"] = [-1.0, 1.0]
    figure = decomposition_figure(pair).wide
    (bar,) = (t for t in figure.data if t.type == "bar" and t.x[0] == 3)
    assert list(bar.error_y.array) == [None]
    assert before[0] <= figure.layout.yaxis.range[0]
    assert figure.layout.yaxis.range[1] <= before[1]


def test_everything_in_the_waterfall_is_within_its_axis():
    pair = THREE["pairs"][2]
    low, high = decomposition_figure(pair).wide.layout.yaxis.range
    starts = (pair["native"]["a"], pair["common"]["a"], pair["common"]["b"])
    for start, term in zip(starts, ("ruler_a", "training", "ruler_b"), strict=True):
        bounds = pair["decomposition_intervals"][term]
        assert all(low < start + bound < high for bound in bounds)


def test_an_arm_that_another_beats_in_both_is_not_on_the_front():
    arms = [arm("a", 3.0, 0.5), arm("b", 2.0, 0.6), arm("c", 1.0, 0.55), arm("d", 2.0, 0.5)]
    figure = pareto_figure(arms)
    assert points(figure) == {
        "no arm beats it in both": ["a", "b"],
        "another arm is better in both": ["c", "d"],
    }
    assert (list(figure.data[0].x), list(figure.data[0].y)) == ([3.0, 2.0], [0.5, 0.6])


def test_equal_arms_are_both_on_the_front():
    figure = pareto_figure([arm("a", 2.0, 0.5), arm("b", 2.0, 0.5)])
    assert points(figure) == {"no arm beats it in both": ["a", "b"]}


def test_arms_have_the_interval_of_their_score():
    trace = pareto_figure([arm("a", 3.0, 0.5, half=0.02), arm("b", 2.0, 0.6)]).data[1]
    assert list(trace.error_y.array) == pytest.approx([0.02, 0.01])
    assert list(trace.error_y.arrayminus) == pytest.approx([0.02, 0.01])


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_an_arm_without_a_number_has_no_point(nothing):
    arms = [arm("a", 3.0, 0.5), arm("b", nothing, 0.6)]
    assert points(pareto_figure(arms)) == {"no arm beats it in both": ["a"]}


def test_runs_are_joined_across_the_arms():
    names = [f"seed {run['seed']}" for run in THREE["runs"]]
    figure = runs_figure(THREE["arms"], names)
    lines = figure.data[: len(names)]
    assert [line.name for line in lines] == names
    for run, line in enumerate(lines):
        assert list(line.y) == [a["common"]["runs"][run] for a in THREE["arms"]]
    means = [t.y[0] for t in figure.data[len(names) :]]
    assert means == [a["common"]["mean"] for a in THREE["arms"]]


def test_names_are_escaped_for_plotly():
    arms = [arm("<b>a", 3.0, 0.5), arm("b", 2.0, 0.6)]
    assert "<b>" not in pareto_figure(arms).to_json()
    assert not re.search("<b>|u003cb", runs_figure(arms, ["<b>1", "2"]).to_json())
    pair = TWO["pairs"][0] | {"a": "<i>x"}
    assert not re.search("<i>|u003ci", decomposition_figure(pair).wide.to_json())
