"""The charts of a study's page."""

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
import plotly.graph_objects as go
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from segexp.report.importances import Importances
from segexp.report.page import figure_text
from segexp.report.trials import TrialRow, value_text

GREY = "#b4bac1"
RED = "#c0392b"
BEST = "#111111"
BLUE = "#2f6fb3"
# Okabe and Ito's colours, told apart by colour-blind readers too.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def history_figure(study: optuna.Study, objective: str, levels: Mapping[str, float]) -> go.Figure:
    """Draw each complete trial's objective, the best so far, and levels to compare with.

    Args:
        study: With at least one complete trial.
        objective: The name of the objective.
        levels: Named values that are drawn as dashed lines.
    """
    figure = optuna.visualization.plot_optimization_history(study, target_name=objective)
    figure.update_traces(
        marker={"color": BLUE, "size": 8}, hovertemplate="trial %{x}: %{y:.4f}<extra></extra>"
    )
    figure.update_traces(selector={"mode": "lines"}, line={"color": BEST, "width": 1.5})
    for name, value in levels.items():
        figure.add_hline(
            y=value,
            line={"color": "#8a5a00", "width": 1, "dash": "dash"},
            annotation={"text": f"{name} {value:.3f}", "font": {"color": "#8a5a00", "size": 12}},
            annotation_position="bottom right",
        )
    figure.update_layout(legend={"orientation": "h", "y": 1.12}, hovermode="closest")
    return figure


def curves_figure(
    rows: Sequence[TrialRow], best: TrialRow | None, objective: str, color_by: str | None
) -> go.Figure:
    """Draw the objective of every trial over its epochs; what did not complete is grey.

    Args:
        rows: The trials.
        best: The one that is drawn thick.
        objective: The name of the objective.
        color_by: The param whose values colour the complete trials, if any.
    """
    figure = go.Figure()
    pruned = [r for r in rows if r.state == "pruned"]
    other = [r for r in rows if r.state not in ("pruned", "complete")]
    complete = [r for r in rows if r.state == "complete"]
    groups = [("pruned", GREY, pruned), ("failed, interrupted or running", "#e3a59d", other)]
    if color_by is None:
        groups.append(("complete", BLUE, complete))
    else:
        for value, color in _colors(rows, color_by).items():
            members = [r for r in complete if value_text(r.params.get(color_by)) == value]
            groups.append((f"{color_by} {value}", color, members))
    groups.append((f"best: trial {best.number}" if best else "", BEST, [best] if best else []))
    for name, color, members in groups:
        figure.add_trace(_curve_trace(name, color, members))
    figure.data = [trace for trace in figure.data if len(trace.x)]
    if best and figure.data:
        figure.data[-1].line.width = 3
    figure.update_layout(
        xaxis={"title": "epoch", "tickformat": "d"},
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
    for value, color in _colors(rows, name).items():
        members = [r for r in rows if value_text(r.params.get(name)) == value and name in r.params]
        complete = [r for r in members if r.value is not None]
        pruned = [r for r in members if r.state == "pruned" and r.last is not None]
        label = f"{figure_text(value)}<br>{len(complete)} complete, {len(pruned)} pruned"
        figure.add_trace(
            _points(label, [r.last for r in pruned], pruned, GREY, "x-thin-open").update(
                line={"color": "rgba(0,0,0,0)"}, fillcolor="rgba(0,0,0,0)", hoveron="points"
            )
        )
        tint = color if name == "mapping" else BLUE
        figure.add_trace(_points(label, [r.value for r in complete], complete, tint, "circle"))
    figure.update_layout(
        showlegend=False,
        height=330,
        yaxis={"title": objective},
        xaxis={"tickfont": {"size": 11}, "tickangle": 0, "type": "category"},
        margin={"l": 60, "r": 10, "t": 10, "b": 50},
    )
    return figure


def slices_figure(study: optuna.Study, names: Sequence[str], objective: str) -> go.Figure:
    """Draw the objective against each numeric param."""
    figure = optuna.visualization.plot_slice(study, params=list(names), target_name=objective)
    figure.update_traces(marker={"line": {"width": 0.5, "color": "#555"}, "size": 8})
    figure.update_layout(height=330, width=None, margin={"l": 60, "r": 20, "t": 10, "b": 48})
    return figure


def parallel_figure(study: optuna.Study, objective: str) -> go.Figure:
    """Draw each complete trial as a line through its objective and params."""
    figure = optuna.visualization.plot_parallel_coordinate(study, target_name=objective)
    figure.update_layout(height=460, margin={"l": 40, "r": 20, "t": 40, "b": 60})
    return figure


def importances_figure(verdicts: Sequence[Importances]) -> go.Figure:
    """Draw the verdicts of several evaluators side by side, one group of bars a param."""
    means: dict[str, float] = {}
    for verdict in verdicts:
        for name, share in verdict.shares.items():
            means[name] = means.get(name, 0.0) + share
    names = sorted(means, key=lambda name: means[name])
    figure = go.Figure()
    for verdict, color in reversed(list(zip(verdicts, (BLUE, "#e69f00"), strict=True))):
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
        legend={"orientation": "h", "y": 1.08, "traceorder": "reversed"},
        margin={"l": 60, "r": 40, "t": 30, "b": 48},
    )
    return figure


def split_params(study: optuna.Study) -> tuple[list[str], list[str]]:
    """Return the names of the categorical and of the numeric params of all trials."""
    kinds: dict[str, bool] = {}
    for trial in study.get_trials(deepcopy=False):
        for name, distribution in trial.distributions.items():
            kinds[name] = isinstance(distribution, CategoricalDistribution)
    return [n for n, c in kinds.items() if c], [n for n, c in kinds.items() if not c]


def numeric_params_with_scores(study: optuna.Study, names: Sequence[str]) -> list[str]:
    """Return those of the params that a complete trial has."""
    complete = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    return [name for name in names if any(name in trial.params for trial in complete)]


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
        x=[label] * len(values),
        y=list(values),
        boxpoints="all",
        jitter=0.5,
        pointpos=0,
        marker={"color": color, "size": 6, "symbol": symbol},
        line={"width": 1},
        fillcolor="rgba(120,140,160,0.12)",
        text=[f"trial {r.number}" for r in members],
        hovertemplate="%{text}: %{y:.4f}<extra></extra>",
        name=label,
    )
