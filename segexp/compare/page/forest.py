"""The forest plots of an A/B page: differences with their intervals, one below the other.

Pairs are the JSON objects of ``ab_result.json``. A difference that is null or NaN there, such as
of a class without pixels, has no row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from segexp.compare.page.figures import FIRST, SECOND, UNDECIDED, JsonObject, error_bars
from segexp.compare.page.numbers import interval_text, known, signed
from segexp.report.colors import INK
from segexp.report.page import figure_text

SIGNIFICANT = 0.05
_BAND = "#f3e3b3"
_VERDICT_COLORS = {"better": SECOND, "worse": FIRST, "equivalent": INK}


@dataclass(frozen=True)
class _Estimate:
    """One row of a forest plot."""

    label: str
    value: float
    interval: tuple[float, float]
    group: str
    color: str


def headline_figure(pairs: Sequence[JsonObject]) -> go.Figure:
    """Draw the difference in mIoU of every pair, by both collapse rules, as a forest plot."""
    rows = []
    for pair in pairs:
        name = f"{pair['b']} minus {pair['a']}" if len(pairs) > 1 else "mIoU"
        for rule, of_rule in pair["rules"].items():
            if _is_complete(of_rule):
                verdict = of_rule["verdict"]
                rows.append(
                    _Estimate(
                        f"{name}, {rule}",
                        of_rule["delta"],
                        tuple(of_rule["interval"]),
                        verdict,
                        _VERDICT_COLORS.get(verdict, UNDECIDED),
                    )
                )
    margin = pairs[0]["margin"]
    figure = _forest(rows, margin, f"margin, {margin:g} either way")
    figure.update_xaxes(title="difference in mIoU, common space")
    return figure


def classes_figure(pair: JsonObject) -> go.Figure:
    """Draw the difference in IoU of every class, the largest gain on top, as a forest plot."""
    groups = {
        1: (f"{pair['b']} higher", SECOND),
        0: ("not told apart", UNDECIDED),
        -1: (f"{pair['a']} higher", FIRST),
    }
    rows = []
    for entry in pair["per_class"]:
        if _is_complete(entry):
            side = (1 if entry["delta"] > 0 else -1) if told_apart(entry) else 0
            estimate = (entry["class"], entry["delta"], tuple(entry["interval"]))
            rows.append(_Estimate(*estimate, *groups[side]))
    rows.sort(key=lambda row: -row.value)
    figure = _forest(rows, pair["margin"], "margin of the mIoU")
    figure.update_xaxes(title="difference in IoU of the class")
    return figure


def told_apart(entry: JsonObject) -> bool:
    """Whether a class differs between the arms, after Holm's correction for all classes."""
    return known([entry["p_holm"]]) and entry["p_holm"] < SIGNIFICANT


def _is_complete(estimate: JsonObject) -> bool:
    return known([estimate["delta"], *(estimate["interval"] or [None])])


def _forest(rows: Sequence[_Estimate], margin: float, band: str) -> go.Figure:
    figure = go.Figure()
    figure.add_vrect(x0=-margin, x1=margin, fillcolor=_BAND, line_width=0, layer="below")
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    # A shape is not in the legend; a trace without points is.
    mark = {"color": _BAND, "size": 12, "symbol": "square"}
    figure.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=mark, name=band))
    for group, color in dict.fromkeys((row.group, row.color) for row in rows):
        members = [(i, row) for i, row in enumerate(rows) if row.group == group]
        figure.add_trace(
            go.Scatter(
                x=[row.value for _, row in members],
                y=[i for i, _ in members],
                error_x=error_bars(
                    [row.value for _, row in members], [row.interval for _, row in members], color
                ),
                mode="markers",
                marker={"color": color, "size": 10, "symbol": "square"},
                name=figure_text(group),
                customdata=[_row_text(row) for _, row in members],
                text=[figure_text(row.label) for _, row in members],
                hovertemplate="%{text}: %{customdata}<extra></extra>",
            )
        )
    for i, row in enumerate(rows):
        place = {"x": 1.01, "xref": "paper", "xanchor": "left", "y": i}
        figure.add_annotation(text=_row_text(row), showarrow=False, font={"size": 12}, **place)
    figure.update_layout(
        height=120 + 27 * len(rows),
        showlegend=True,
        yaxis={
            "tickvals": list(range(len(rows))),
            "ticktext": [figure_text(row.label) for row in rows],
            "range": [len(rows) - 0.4, -0.6],
        },
        xaxis={"tickformat": "+.3~f"},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        margin={"l": 60, "r": 175, "t": 44, "b": 48},
        hovermode="closest",
    )
    return figure


def _row_text(row: _Estimate) -> str:
    return f"{signed(row.value)} {interval_text(row.interval)}"
