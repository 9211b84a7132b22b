"""The charts of an A/B page: decomposition, Pareto front, runs. Forest plots are in `forest`.

Pairs and arms are the JSON objects of ``ab_result.json``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from segexp.compare.page.numbers import interval_text, known, signed
from segexp.report.colors import INK
from segexp.report.page import figure_text
from segexp.report.study_figures import GREY, PALETTE

JsonObject = Mapping[str, Any]

# Second arm ahead, first arm ahead: also the colours in the last pane of the pictures.
SECOND, FIRST = PALETTE[0], PALETTE[1]
UNDECIDED = "#6e7781"


def decomposition_figure(pair: JsonObject) -> go.Figure:
    """Draw a waterfall from the native score of the first arm to that of the second.

    Scores are lines, effects are bars between them with the 95 % interval at the end of each. Bars
    do not start at the axis, so it need not begin at zero.
    """
    a, b = figure_text(pair["a"]), figure_text(pair["b"])
    levels = [
        (0, f"{a}<br>its own classes", pair["native"]["a"]),
        (2, f"{a}<br>common classes", pair["common"]["a"]),
        (4, f"{b}<br>common classes", pair["common"]["b"]),
        (6, f"{b}<br>its own classes", pair["native"]["b"]),
    ]
    training = SECOND if pair["decomposition"]["training"] >= 0 else FIRST
    effects = [
        (1, f"<b>ruler effect</b><br>of {a}", "ruler_a", GREY),
        (3, "<b>training effect</b><br>the model", "training", training),
        (5, f"<b>ruler effect</b><br>of {b}", "ruler_b", GREY),
    ]
    figure = go.Figure()
    seen = []
    for place, label, value in levels:
        figure.add_trace(_level_line(place, label, value))
        figure.add_annotation(x=place, y=value, text=f"{value:.3f}", showarrow=False, yshift=12)
        seen.append(value)
    for place, label, key, color in effects:
        start, end = levels[(place - 1) // 2][2], levels[(place + 1) // 2][2]
        low, high = (start + bound for bound in pair["decomposition_intervals"][key])
        figure.add_trace(_effect_bar(place, label, (start, end), (low, high), color))
        text = f"<b>{signed(pair['decomposition'][key])}</b>"
        top = max(start, end, high)
        figure.add_annotation(x=place, y=top, text=text, showarrow=False, yshift=12)
        for left, right, y in ((-0.62, -0.32, start), (0.32, 0.62, end)):
            line = {"color": UNDECIDED, "width": 1, "dash": "dot"}
            figure.add_shape(x0=place + left, x1=place + right, y0=y, y1=y, line=line)
        seen += [low, high]
    space = max(seen) - min(seen) or 0.01
    names = {place: label for place, label, *_ in (*levels, *effects)}
    figure.update_layout(
        showlegend=False,
        height=400,
        xaxis={
            "tickvals": list(names),
            "ticktext": list(names.values()),
            "tickangle": 0,
            "range": [-0.6, 6.6],
            "showgrid": False,
        },
        yaxis={
            "title": "mIoU",
            "range": [min(seen) - 0.1 * space, max(seen) + 0.15 * space],
        },
        margin={"l": 60, "r": 20, "t": 10, "b": 60},
    )
    return figure


def pareto_figure(arms: Sequence[JsonObject]) -> go.Figure:
    """Draw the common-space score of each arm against the information that its mapping keeps.

    Arms that are not dominated by another arm are filled and joined by a line.
    """
    arms = [
        arm
        for arm in arms
        if known([arm["bits_kept"], arm["common"]["mean"], *arm["interval_common"]])
    ]
    best = sorted(_non_dominated(arms), key=lambda arm: -arm["bits_kept"])
    others = [arm for arm in arms if arm not in best]
    figure = go.Figure(
        go.Scatter(
            x=[arm["bits_kept"] for arm in best],
            y=[arm["common"]["mean"] for arm in best],
            mode="lines",
            line={"color": SECOND, "width": 1.5, "dash": "dot"},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    figure.add_trace(_arm_points(best, "no arm beats it in both", SECOND, "circle"))
    if others:
        figure.add_trace(_arm_points(others, "another arm is better in both", FIRST, "circle-open"))
    # Names stand to the right of their points and need room.
    bits = [arm["bits_kept"] for arm in arms]
    space = max(bits) - min(bits) or 1.0
    figure.update_layout(
        height=420,
        xaxis={
            "title": "information kept, bits per pixel",
            "range": [min(bits) - 0.12 * space, max(bits) + 0.4 * space],
        },
        yaxis={"title": "mIoU, common space"},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"},
        hovermode="closest",
    )
    return figure


def runs_figure(arms: Sequence[JsonObject], run_names: Sequence[str]) -> go.Figure:
    """Draw every run's score in the common space; a line joins the runs that are paired."""
    figure = go.Figure()
    places = list(range(len(arms)))
    for run, name in enumerate(run_names):
        figure.add_trace(
            go.Scatter(
                x=places,
                y=[arm["common"]["runs"][run] for arm in arms],
                mode="lines+markers",
                line={"color": GREY, "width": 1},
                marker={"color": SECOND, "size": 8},
                name=figure_text(name),
                hovertemplate="%{fullData.name}: %{y:.3f}<extra></extra>",
            )
        )
    for place, arm in zip(places, arms, strict=True):
        label = f"mean of {figure_text(arm['mapping'])}"
        figure.add_trace(_level_line(place, label, arm["common"]["mean"]))
    figure.update_layout(
        showlegend=False,
        height=360,
        xaxis={
            "tickvals": places,
            "ticktext": [figure_text(arm["mapping"]) for arm in arms],
            "range": [-0.6, len(arms) - 0.4],
            "showgrid": False,
        },
        yaxis={"title": "mIoU, common space"},
        hovermode="closest",
    )
    return figure


def error_bars(
    values: Sequence[float], intervals: Sequence[Sequence[float]], color: str
) -> dict[str, Any]:
    """Return plotly's error bars that reach from value to both ends of its interval."""
    return {
        "symmetric": False,
        "array": [high - value for value, (_, high) in zip(values, intervals, strict=True)],
        "arrayminus": [value - low for value, (low, _) in zip(values, intervals, strict=True)],
        "color": color,
        "thickness": 1.5,
        "width": 6,
    }


def _level_line(place: float, label: str, value: float) -> go.Scatter:
    return go.Scatter(
        x=[place - 0.38, place + 0.38],
        y=[value, value],
        mode="lines",
        line={"color": INK, "width": 3},
        name=label,
        hovertemplate=f"{label.replace('<br>', ', ')}: {value:.3f}<extra></extra>",
    )


def _effect_bar(
    place: int, label: str, ends: tuple[float, float], interval: tuple[float, float], color: str
) -> go.Bar:
    start, end = ends
    text = f"{signed(end - start)} {interval_text([bound - start for bound in interval])}"
    return go.Bar(
        x=[place],
        y=[end - start],
        base=[start],
        width=[0.64],
        marker={"color": color, "opacity": 0.7},
        error_y=error_bars([end], [interval], INK),
        name=label,
        hovertemplate=f"{label.replace('<br>', ' ')}: {text}<extra></extra>",
    )


def _arm_points(arms: Sequence[JsonObject], name: str, color: str, symbol: str) -> go.Scatter:
    means = [arm["common"]["mean"] for arm in arms]
    intervals = [arm["interval_common"] for arm in arms]
    return go.Scatter(
        x=[arm["bits_kept"] for arm in arms],
        y=means,
        error_y=error_bars(means, intervals, color),
        mode="markers+text",
        marker={"color": color, "size": 12, "symbol": symbol, "line": {"color": color, "width": 2}},
        text=[f"  {figure_text(arm['mapping'])}" for arm in arms],
        textposition="top right",
        cliponaxis=False,
        name=name,
        showlegend=True,
        customdata=[f"[{low:.3f}, {high:.3f}]" for low, high in intervals],
        hovertemplate="%{text}: %{y:.3f} %{customdata}, %{x:.3f} bits<extra></extra>",
    )


def _non_dominated(arms: Sequence[JsonObject]) -> list[JsonObject]:
    places = [(arm["bits_kept"], arm["common"]["mean"]) for arm in arms]
    return [
        arm
        for arm, (bits, score) in zip(arms, places, strict=True)
        if not any(
            other != (bits, score) and other[0] >= bits and other[1] >= score for other in places
        )
    ]
