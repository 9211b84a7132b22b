"""The charts of an A/B page: decomposition, Pareto front, runs. Forest plots are in `forest`.

Pairs and arms are the JSON objects of ``ab_result.json``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from segexp.compare.page.numbers import interval_text, is_known, known, signed
from segexp.report.colors import INK
from segexp.report.drawing import Turned
from segexp.report.page import figure_text
from segexp.report.study_figures import GREY, PALETTE

JsonObject = Mapping[str, Any]

# Second arm ahead, first arm ahead: also the colours in the last pane of the pictures.
SECOND, FIRST = PALETTE[0], PALETTE[1]
UNDECIDED = "#6e7781"


def decomposition_figure(pair: JsonObject) -> Turned:
    """Draw a waterfall from the native score of the first arm to that of the second.

    Scores are lines, effects are bars between them with the 95 % interval at the end of each, where
    it is known. Bars do not start at the axis, so it need not begin at zero. In a narrow page the
    waterfall lies on its side and runs down.
    """
    return Turned(_waterfall(pair, is_turned=False), _waterfall(pair, is_turned=True))


def _waterfall(pair: JsonObject, *, is_turned: bool) -> go.Figure:
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
    place_axis, score_axis = ("y", "x") if is_turned else ("x", "y")
    beyond = {"xshift": 6, "xanchor": "left"} if is_turned else {"yshift": 12}
    figure = go.Figure()
    seen = []

    def write(text: str, place: int, score: float) -> None:
        at = {place_axis: place, score_axis: score}
        figure.add_annotation(text=text, showarrow=False, **at, **beyond)

    for place, label, value in levels:
        figure.add_trace(_level_line(place, label, value, is_turned=is_turned))
        write(f"{value:.3f}", place, value)
        seen.append(value)
    for place, label, key, color in effects:
        start, end = levels[(place - 1) // 2][2], levels[(place + 1) // 2][2]
        interval = pair["decomposition_intervals"][key]
        bounds = [start + bound for bound in interval] if is_known(interval) else None
        bar = _effect_bar(place, label, (start, end), bounds, color, is_turned=is_turned)
        figure.add_trace(bar)
        reached = [start, end, *(bounds or [])]
        write(f"<b>{signed(pair['decomposition'][key])}</b>", place, max(reached))
        for left, right, score in ((-0.62, -0.32, start), (0.32, 0.62, end)):
            ends = {
                f"{place_axis}0": place + left,
                f"{place_axis}1": place + right,
                f"{score_axis}0": score,
                f"{score_axis}1": score,
            }
            figure.add_shape(line={"color": UNDECIDED, "width": 1, "dash": "dot"}, **ends)
        seen += reached
    space = max(seen) - min(seen) or 0.01
    names = {place: label for place, label, *_ in (*levels, *effects)}
    places = {
        "tickvals": list(names),
        "ticktext": list(names.values()),
        "tickangle": 0,
        "range": [6.6, -0.6] if is_turned else [-0.6, 6.6],
        "showgrid": False,
    }
    above = 0.35 if is_turned else 0.15  # for the texts, which are wider than high
    scores = {"title": "mIoU", "range": [min(seen) - 0.1 * space, max(seen) + above * space]}
    figure.update_layout(
        showlegend=False,
        height=460 if is_turned else 400,
        margin={"l": 60, "r": 20, "t": 10, "b": 60},
        **{f"{place_axis}axis": places, f"{score_axis}axis": scores},
    )
    return figure


def pareto_figure(arms: Sequence[JsonObject]) -> go.Figure | None:
    """Draw the common-space score of each arm against the information that its mapping keeps.

    Arms that are not dominated by another arm are filled and joined by a line.

    Returns:
        None where no arm has all of these numbers.
    """
    arms = [
        arm
        for arm in arms
        if known([arm["bits_kept"], arm["common"]["mean"], *arm["interval_common"]])
    ]
    if not arms:
        return None
    best = sorted(_non_dominated(arms), key=lambda arm: -arm["bits_kept"])
    # Names stand at the inner side of their points, where there is room.
    middle = (min(a["bits_kept"] for a in arms) + max(a["bits_kept"] for a in arms)) / 2
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
    figure.add_trace(_arm_points(best, middle, "no arm beats it in both", SECOND, "circle"))
    if others:
        name = "another arm is better in both"
        figure.add_trace(_arm_points(others, middle, name, FIRST, "circle-open"))
    bits = [arm["bits_kept"] for arm in arms]
    space = max(bits) - min(bits) or 1.0
    figure.update_layout(
        height=420,
        xaxis={
            "title": "information kept, bits per pixel",
            "range": [min(bits) - 0.12 * space, max(bits) + 0.12 * space],
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
    values: Sequence[float], intervals: Sequence[Sequence[float | None] | None], color: str
) -> dict[str, Any]:
    """Return plotly's error bars that reach from value to both ends of its interval.

    A value whose interval is unknown has none.
    """
    ends = [interval if is_known(interval) else None for interval in intervals]
    return {
        "symmetric": False,
        "array": [e and e[1] - value for value, e in zip(values, ends, strict=True)],
        "arrayminus": [e and value - e[0] for value, e in zip(values, ends, strict=True)],
        "color": color,
        "thickness": 1.5,
        "width": 6,
    }


def _level_line(place: float, label: str, value: float, *, is_turned: bool = False) -> go.Scatter:
    ends, values = [place - 0.38, place + 0.38], [value, value]
    return go.Scatter(
        x=values if is_turned else ends,
        y=ends if is_turned else values,
        mode="lines",
        line={"color": INK, "width": 3},
        name=label,
        hovertemplate=f"{label.replace('<br>', ', ')}: {value:.3f}<extra></extra>",
    )


def _effect_bar(
    place: int,
    label: str,
    ends: tuple[float, float],
    interval: Sequence[float] | None,
    color: str,
    *,
    is_turned: bool,
) -> go.Bar:
    start, end = ends
    relative = interval and [bound - start for bound in interval]
    text = f"{signed(end - start)} {interval_text(relative)}"
    sizes, places = [end - start], [place]
    bars = error_bars([end], [interval], INK)
    return go.Bar(
        x=sizes if is_turned else places,
        y=places if is_turned else sizes,
        orientation="h" if is_turned else "v",
        base=[start],
        width=[0.64],
        marker={"color": color, "opacity": 0.7},
        name=label,
        hovertemplate=f"{label.replace('<br>', ' ')}: {text}<extra></extra>",
        **{"error_x" if is_turned else "error_y": bars},
    )


def _arm_points(
    arms: Sequence[JsonObject], middle: float, name: str, color: str, symbol: str
) -> go.Scatter:
    means = [arm["common"]["mean"] for arm in arms]
    intervals = [arm["interval_common"] for arm in arms]
    return go.Scatter(
        x=[arm["bits_kept"] for arm in arms],
        y=means,
        error_y=error_bars(means, intervals, color),
        mode="markers+text",
        marker={"color": color, "size": 12, "symbol": symbol, "line": {"color": color, "width": 2}},
        text=[f"  {figure_text(arm['mapping'])}  " for arm in arms],
        textposition=["top left" if arm["bits_kept"] > middle else "top right" for arm in arms],
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
