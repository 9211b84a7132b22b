"""The forest plots of an A/B page: differences with their intervals, one below the other.

Pairs are the JSON objects of ``ab_result.json``. A difference that is null or NaN there, such as
of a class without pixels, has no row; one whose interval is unknown has a mark without a line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from segexp.compare.page.figures import FIRST, SECOND, UNDECIDED, JsonObject, error_bars
from segexp.compare.page.numbers import interval_text, is_known, known, signed
from segexp.report.colors import GROUND, INK
from segexp.report.drawing import Turned
from segexp.report.page import figure_text

SIGNIFICANT = 0.05
_LINE = 46
"""Characters that fit on a line of a narrow page."""
_BAND = "#f3e3b3"
_VERDICT_COLORS = {"better": SECOND, "worse": FIRST, "equivalent": INK}


@dataclass(frozen=True)
class _Estimate:
    """One row of a forest plot."""

    label: str
    value: float
    interval: Sequence[float | None] | None
    group: str
    color: str


def headline_figure(pairs: Sequence[JsonObject]) -> Turned | None:
    """Draw the difference in mIoU of every pair, by both collapse rules, as a forest plot.

    Returns:
        None where no difference has an interval.
    """
    rows = []
    for pair in pairs:
        name = f"{pair['b']} minus {pair['a']}" if len(pairs) > 1 else "mIoU"
        for rule, of_rule in pair["rules"].items():
            if known([of_rule["delta"]]):
                verdict = of_rule["verdict"]
                color = _VERDICT_COLORS.get(verdict, UNDECIDED)
                estimate = (f"{name}, {rule}", of_rule["delta"], of_rule["interval"])
                rows.append(_Estimate(*estimate, verdict, color))
    margin = pairs[0]["margin"]
    band = f"margin, {margin:g} either way"
    return _forest(rows, margin, band, "difference in mIoU, common space")


def classes_figure(pair: JsonObject) -> Turned | None:
    """Draw the difference in IoU of every class, the largest gain on top, as a forest plot.

    Returns:
        None where no class has an interval.
    """
    groups = {
        1: (f"{pair['b']} higher", SECOND),
        0: ("not told apart", UNDECIDED),
        -1: (f"{pair['a']} higher", FIRST),
    }
    rows = []
    for entry in pair["per_class"]:
        if known([entry["delta"]]):
            side = (1 if entry["delta"] > 0 else -1) if told_apart(entry) else 0
            estimate = (entry["class"], entry["delta"], entry["interval"])
            rows.append(_Estimate(*estimate, *groups[side]))
    rows.sort(key=lambda row: -row.value)
    return _forest(rows, pair["margin"], "margin of the mIoU", "difference in IoU of the class")


def told_apart(entry: JsonObject) -> bool:
    """Whether a class differs between the arms, after Holm's correction for all classes."""
    return known([entry["p_holm"]]) and entry["p_holm"] < SIGNIFICANT


def _forest(rows: Sequence[_Estimate], margin: float, band: str, title: str) -> Turned | None:
    if not any(is_known(row.interval) for row in rows):
        return None
    return Turned(
        _with_texts_beside(_marks(rows, margin, band, title), rows),
        _with_texts_above(_marks(rows, margin, band, title), rows),
    )


def _marks(rows: Sequence[_Estimate], margin: float, band: str, title: str) -> go.Figure:
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
    figure.update_layout(
        showlegend=True,
        yaxis={"range": [len(rows) - 0.4, -0.6]},
        xaxis={"tickformat": "+.3~f", "title": title},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        hovermode="closest",
    )
    return figure


def _with_texts_beside(figure: go.Figure, rows: Sequence[_Estimate]) -> go.Figure:
    """Label each row at its left, with its numbers at its right."""
    for i, row in enumerate(rows):
        place = {"x": 1.01, "xref": "paper", "xanchor": "left", "y": i}
        figure.add_annotation(text=_row_text(row), showarrow=False, font={"size": 12}, **place)
    labels = [figure_text(row.label) for row in rows]
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=labels)
    return figure.update_layout(
        height=120 + 27 * len(rows), margin={"l": 60, "r": 175, "t": 44, "b": 48}
    )


def _with_texts_above(figure: go.Figure, rows: Sequence[_Estimate]) -> go.Figure:
    """Write label and numbers above each row, so that its mark has the whole width."""
    texts = [(figure_text(row.label), _row_text(row)) for row in rows]
    is_long = max(len(label) + len(numbers) for label, numbers in texts) > _LINE
    for i, text in enumerate(texts):
        place = {"x": 0, "xref": "paper", "xanchor": "left", "y": i}
        joined = ("<br>" if is_long else " ").join(text)
        style = {"showarrow": False, "align": "left", "font": {"size": 12}, "bgcolor": GROUND}
        style["yshift"] = 22 if is_long else 15
        figure.add_annotation(text=joined, **style, **place)
    figure.update_yaxes(visible=False, range=[len(rows) - 0.5, -0.9])
    figure.update_xaxes(nticks=5)
    height = 150 + (60 if is_long else 44) * len(rows)
    return figure.update_layout(height=height, margin={"l": 12, "r": 16, "t": 64, "b": 48})


def _row_text(row: _Estimate) -> str:
    return f"{signed(row.value)} {interval_text(row.interval)}"
