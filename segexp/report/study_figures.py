"""The charts of a study's page."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import optuna
import plotly.graph_objects as go

from segexp.report.importances import Importances
from segexp.report.page import figure_text
from segexp.report.trials import TrialRow, value_text

GREY = "#b4bac1"
PALE_RED = "#e3a59d"
BROWN = "#8a5a00"
BEST = "#111111"
CLEAR = "rgba(0,0,0,0)"
BLUE = "#2f6fb3"
ORANGE = "#e69f00"
# Okabe and Ito's colours, told apart by colour-blind readers too.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

# Plotly writes 2 and 5 between the decades of a log axis, without their zeros, and 100µ.
LONGEST = 18
"""Characters of a name that have room between two axes."""

_TICKS = [digit * 10.0**power for power in range(-9, 4) for digit in (1, 3)]
LOG_TICKS = {"tickvals": _TICKS, "ticktext": [f"{t:g}" for t in _TICKS]}


def history_figure(study: optuna.Study, objective: str, baseline: float | None) -> go.Figure:
    """Draw each complete trial's objective and the best so far, with a line at the baseline's."""
    figure = optuna.visualization.plot_optimization_history(study, target_name=objective)
    figure.update_traces(
        marker={"color": BLUE, "size": 8}, hovertemplate="trial %{x}: %{y:.4f}<extra></extra>"
    )
    figure.update_traces(
        selector={"mode": "lines"}, line={"color": BEST, "width": 1.5, "shape": "hv"}
    )
    figure.update_traces(selector={"name": "Best Value"}, name="best so far")
    _add_baseline(figure, baseline)
    figure.update_layout(legend={"orientation": "h", "y": 1.12}, hovermode="closest")
    return figure


def spent_figure(
    spent: Sequence[tuple[TrialRow, int]], objective: str, baseline: float | None
) -> go.Figure:
    """Draw the complete trials and the best so far over the epochs that all trials had trained.

    Args:
        spent: From `segexp.report.trials.epochs_spent`.
    """
    scored = [(row, row.value, epochs) for row, epochs in spent if row.value is not None]
    best = [*accumulate((value for _, value, _ in scored), max)]
    figure = go.Figure()
    figure.add_scatter(
        x=[epochs for _, _, epochs in scored],
        y=[value for _, value, _ in scored],
        customdata=[row.number for row, _, _ in scored],
        name="complete trials",
        mode="markers",
        marker={"color": BLUE, "size": 8},
        hovertemplate="trial %{customdata}, after %{x} epochs: %{y:.4f}<extra></extra>",
    )
    figure.add_scatter(
        x=[*(epochs for _, _, epochs in scored), *(epochs for _, epochs in spent[-1:])],
        y=[*best, *best[-1:]],
        name="best so far",
        mode="lines",
        line={"color": BEST, "width": 1.5, "shape": "hv"},
        hovertemplate="after %{x} epochs: %{y:.4f}<extra></extra>",
    )
    _add_baseline(figure, baseline)
    figure.update_layout(
        xaxis={"title": "epochs of all trials so far", "rangemode": "tozero"},
        yaxis={"title": objective},
        legend={"orientation": "h", "y": 1.12},
        hovermode="closest",
    )
    return figure


def _add_baseline(figure: go.Figure, baseline: float | None) -> None:
    if baseline is not None:
        figure.add_hline(
            y=baseline,
            line={"color": BROWN, "width": 1, "dash": "dash"},
            annotation={"text": f"baseline {baseline:.4f}", "font": {"color": BROWN, "size": 12}},
            annotation_position="bottom right",
        )


def curves_figure(
    rows: Sequence[TrialRow], best: TrialRow | None, objective: str, color_by: str | None
) -> go.Figure:
    """Draw the objective of every trial over its epochs: pruned ones grey, failed ones pale.

    Args:
        best: The one that is drawn thick.
        color_by: The param whose values colour the complete trials, if any.
    """
    figure = go.Figure()
    pruned = [r for r in rows if r.state == "pruned"]
    other = [r for r in rows if r.state not in ("pruned", "complete", "promoted")]
    complete = [r for r in rows if r.state == "complete"]
    groups = [("pruned", GREY, pruned), ("failed, interrupted or running", PALE_RED, other)]
    if color_by is None:
        groups.append(("complete", BLUE, complete))
    else:
        for value, color in _colors(rows, color_by).items():
            members = [r for r in complete if value_text(r.params.get(color_by)) == value]
            groups.append((f"{color_by} {value}", color, members))
    if best is not None:
        groups.append((f"best: trial {best.number}", BEST, [best]))
    for name, color, members in groups:
        figure.add_trace(_curve_trace(name, color, members))
    figure.data = [trace for trace in figure.data if len(trace.x)]
    epochs = max((epoch for row in rows for epoch, _ in row.curve), default=1)
    figure.update_traces(selector={"line.color": BEST}, line={"width": 3})
    figure.update_layout(
        xaxis={"title": "epoch", "dtick": max(1, epochs // 12), "range": [0.5, epochs + 0.5]},
        yaxis={"title": objective},
        legend={"orientation": "h", "y": 1.12},
        hovermode="closest",
        height=460,
    )
    return figure


def category_figure(rows: Sequence[TrialRow], name: str, objective: str) -> go.Figure:
    """Draw a box and the points of the complete trials for each value of a categorical param.

    Pruned trials are grey crosses at the last value that they reported: a category whose trials
    were nearly all pruned must not look good by the few that came through.
    """
    figure = go.Figure()
    colors = _colors(rows, name)
    for value in reversed(colors):  # the first on top
        members = [r for r in rows if name in r.params and value_text(r.params[name]) == value]
        complete = [r for r in members if r.value is not None]
        pruned = [r for r in members if r.state == "pruned" and r.last is not None]
        label = figure_text(value)
        crosses = _points(label, [r.last for r in pruned], pruned, GREY, "x-thin-open")
        crosses.update(line={"color": CLEAR}, fillcolor=CLEAR, hoveron="points")
        circles = _points(
            label,
            [r.value for r in complete],
            complete,
            colors[value] if name == "mapping" else BLUE,
            "circle",
        )
        figure.add_traces([crosses, circles])
    figure.update_layout(
        showlegend=False,
        height=90 + 44 * len(colors),
        yaxis={"type": "category", "categoryarray": [figure_text(v) for v in reversed(colors)]},
        margin={"l": 60, "r": 10, "t": 10, "b": 50},
    )
    # A title of the axis is centred below it, and sticks out where long names leave it little room.
    end = {"xref": "paper", "yref": "paper", "x": 1, "y": 0, "xanchor": "right", "yanchor": "top"}
    figure.add_annotation(text=figure_text(objective), showarrow=False, yshift=-24, **end)
    return figure


def slices_figure(study: optuna.Study, names: Sequence[str], objective: str) -> go.Figure:
    """Draw the objective against each numeric param."""
    figure = optuna.visualization.plot_slice(study, params=list(names), target_name=objective)
    figure.update_traces(marker={"line": {"width": 0.5, "color": "#555"}, "size": 8})
    figure.update_xaxes(selector={"type": "log"}, **LOG_TICKS)
    figure.update_layout(height=340, width=None, margin={"l": 60, "r": 20, "t": 30, "b": 48})
    return figure


def parallel_figure(
    study: optuna.Study, objective: str, names: Sequence[str] | None = None
) -> go.Figure:
    """Draw each complete trial as a line through its objective and params, or some of them."""
    params = None if names is None else list(names)
    figure = optuna.visualization.plot_parallel_coordinate(study, params, target_name=objective)
    figure.update_annotations(bgcolor="rgba(255,255,255,0.8)")
    figure.for_each_annotation(lambda drawn: drawn.update(text=figure_text(_short(drawn.text))))
    for trace in figure.data:
        if trace.customdata is not None:
            trace.customdata = [[figure_text(str(v)) for v in row] for row in trace.customdata]
    # The first axis is the objective: a scale of the colours would say the same again.
    figure.update_traces(selector={"mode": "markers"}, marker={"showscale": False})
    figure.update_layout(height=460, margin={"l": 40, "r": 40, "t": 20, "b": 60})
    return figure


def _short(name: str | None) -> str:
    """Return a name with its middle left out where it would reach the next axis."""
    text = name or ""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2 - 1]}…{text[-LONGEST // 2 :]}"


def importances_figure(verdicts: Sequence[Importances]) -> go.Figure:
    """Draw the verdicts of several evaluators side by side, one group of bars a param."""
    means: dict[str, float] = {}
    for verdict in verdicts:
        for name, share in verdict.shares.items():
            means[name] = means.get(name, 0.0) + share
    names = sorted(means, key=lambda name: means[name])
    figure = go.Figure()
    for verdict, color in reversed(list(zip(verdicts, (BLUE, ORANGE), strict=True))):
        if not verdict.shares:
            continue
        shares = [verdict.shares.get(name, 0.0) for name in names]
        figure.add_trace(
            go.Bar(
                x=shares,
                y=[figure_text(name) for name in names],
                name=verdict.evaluator,
                orientation="h",
                marker={"color": color},
                text=[f"{share:.2f}" for share in shares],
                textposition="outside",
                cliponaxis=False,
                hovertemplate="%{y}: %{x:.3f}",
            )
        )
    figure.update_layout(
        barmode="group",
        bargap=0.3,
        height=110 + 46 * len(names),
        xaxis={"title": "share of the importance", "range": [0, 1.05]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "reversed"},
        margin={"l": 60, "r": 40, "t": 40, "b": 48},
    )
    return figure


def _colors(rows: Sequence[TrialRow], name: str) -> dict[str, str]:
    """Give each value of a param a colour, by its order in the alphabet."""
    values = sorted({value_text(r.params[name]) for r in rows if name in r.params})
    return {value: PALETTE[i % len(PALETTE)] for i, value in enumerate(values)}


def _curve_trace(name: str, color: str, members: Sequence[TrialRow]) -> go.Scatter:
    """One trace for many curves, with a gap after each: 200 traces would be slow to draw."""
    x: list[int | None] = []
    y: list[float | None] = []
    numbers: list[int | None] = []
    for row in members:
        x += [*(epoch for epoch, _ in row.curve), None]
        y += [*(value for _, value in row.curve), None]
        numbers += [row.number] * len(row.curve) + [None]
    return go.Scatter(
        x=x if any(e is not None for e in x) else [],
        y=y,
        customdata=numbers,
        name=figure_text(name),
        mode="lines+markers",
        line={"color": color, "width": 1.2},
        marker={"size": 4},
        hovertemplate="trial %{customdata}, epoch %{x}: %{y:.4f}<extra></extra>",
    )


def _points(
    label: str, values: Sequence[Any], members: Sequence[TrialRow], color: str, symbol: str
) -> go.Box:
    return go.Box(
        x=list(values),
        y=[label] * len(values),
        orientation="h",
        boxpoints="all",
        jitter=0.5,
        pointpos=0,
        marker={"color": color, "size": 6, "symbol": symbol},
        line={"width": 1},
        fillcolor="rgba(120,140,160,0.12)",
        text=[f"trial {r.number}" for r in members],
        hovertemplate="%{text}: %{x:.4f}<extra></extra>",
        name=label,
    )
