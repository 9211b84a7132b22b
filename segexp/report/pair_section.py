"""The section of a study's page about pairs of params: where the good trials are."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import plotly.graph_objects as go
from optuna.distributions import FloatDistribution, IntDistribution
from scipy.interpolate import griddata
from scipy.spatial import QhullError

from segexp.report.page import Grid, Part, Section, figure_text, note, paragraph
from segexp.report.param_sections import FEW, most_important
from segexp.report.study_figures import LOG_TICKS
from segexp.report.trials import StudyView, TrialRow, value_text

SHOWN = 3
"""So many params, those that matter most, are shown in pairs."""

CELLS = 40
"""Of a contour plot, along each axis."""


def pairs_section(view: StudyView) -> Iterator[Section]:
    """The rank of each complete trial over two params, and a contour plot of two numeric ones."""
    scored = [row for row in view.rows if row.value is not None]
    names = most_important(view)
    if len(names) < 2:
        return
    ranked = sorted(scored, key=lambda row: -(row.value or 0.0))
    scales = _scales(view)
    parts: list[Part] = [
        paragraph(
            "Each point is a complete trial, the darker the better its rank: where the dark ones "
            f"gather is where to look further. Shown are the {len(names[:SHOWN])} params that "
            "matter most by fANOVA and PED-ANOVA together."
        ),
        Grid(
            [
                (f"{x} and {y}", _rank_figure(ranked, x, y, scales))
                for x, y in combinations(names[:SHOWN], 2)
            ]
        ),
    ]
    contour = _contour_figure(ranked, [n for n in names if n in scales], scales, view.score_name)
    if contour is not None:
        parts += [
            paragraph(
                f"{view.score_name} over the two numeric ones that matter most, drawn through the "
                "trials (crosses) as if nothing else mattered; between them it is a guess."
            ),
            contour,
        ]
    if len(scored) < FEW:
        parts.append(note(f"Only {len(scored)} complete trials: this is a hint at most."))
    yield Section("Pairs of params", parts)


def _scales(view: StudyView) -> dict[str, str]:
    """Return the numeric params, and whether their axis is ``linear`` or ``log``."""
    return {
        name: "log" if distribution.log else "linear"
        for trial in view.study.get_trials(deepcopy=False)
        for name, distribution in trial.distributions.items()
        if isinstance(distribution, FloatDistribution | IntDistribution)
    }


def _rank_figure(ranked: Sequence[TrialRow], x: str, y: str, scales: dict[str, str]) -> go.Figure:
    both = [(place, row) for place, row in enumerate(ranked, 1) if {x, y} <= row.params.keys()]
    both.reverse()  # the best are drawn last, on top
    figure = go.Figure()
    figure.add_scatter(
        x=[_shown(row, x, scales) for _, row in both],
        y=[_shown(row, y, scales) for _, row in both],
        customdata=[[place, row.number, row.value] for place, row in both],
        mode="markers",
        marker={
            "color": [place for place, _ in both],
            "colorscale": "Blues",
            "reversescale": True,
            "cmin": 1,
            "cmax": max(2, len(ranked)),
            "size": 10,
            "line": {"color": "#6b7580", "width": 1},
        },
        hovertemplate="trial %{customdata[1]}, rank %{customdata[0]}: %{customdata[2]:.4f}"
        "<br>%{x}, %{y}<extra></extra>",
    )
    figure.update_layout(
        xaxis=_axis(x, scales), yaxis=_axis(y, scales), height=340, showlegend=False
    )
    return figure


def _contour_figure(
    ranked: Sequence[TrialRow], numeric: Sequence[str], scales: dict[str, str], objective: str
) -> go.Figure | None:
    """Draw the objective over two numeric params; None where the trials lie on a line."""
    if len(numeric) < 2:
        return None
    x, y, *_ = numeric
    rows = [row for row in ranked if {x, y} <= row.params.keys()]
    points = np.array([[_coordinate(row, name, scales) for name in (x, y)] for row in rows])
    values = np.array([row.value for row in rows])
    spread = np.ptp(points, axis=0) if len(points) > 3 else np.zeros(2)
    if not spread.all():
        return None
    axes = np.linspace(points.min(axis=0), points.max(axis=0), CELLS).T
    try:
        grid = griddata(points, values, tuple(np.meshgrid(*axes)), method="linear", rescale=True)
    except QhullError:
        return None
    at = [
        10**axis if scales[name] == "log" else axis for axis, name in zip(axes, (x, y), strict=True)
    ]
    figure = go.Figure()
    figure.add_contour(
        x=at[0].tolist(),
        y=at[1].tolist(),
        z=[[None if np.isnan(cell) else round(float(cell), 5) for cell in line] for line in grid],
        colorscale="Blues",
        colorbar={"title": figure_text(objective)},
        hovertemplate="%{z:.4f}<extra></extra>",
    )
    figure.add_scatter(
        x=[row.params[x] for row in rows],
        y=[row.params[y] for row in rows],
        customdata=[[row.number, row.value] for row in rows],
        mode="markers",
        marker={"color": "#333", "symbol": "x-thin-open", "size": 7},
        hovertemplate="trial %{customdata[0]}: %{customdata[1]:.4f}<extra></extra>",
    )
    figure.update_layout(
        xaxis=_axis(x, scales), yaxis=_axis(y, scales), height=420, showlegend=False
    )
    return figure


def _axis(name: str, scales: dict[str, str]) -> dict[str, Any]:
    scale = scales.get(name, "category")
    return {
        "title": figure_text(name),
        "type": scale,
        **(LOG_TICKS if scale == "log" else {}),
    }


def _shown(row: TrialRow, name: str, scales: dict[str, str]) -> Any:
    return row.params[name] if name in scales else figure_text(value_text(row.params[name]))


def _coordinate(row: TrialRow, name: str, scales: dict[str, str]) -> float:
    value = float(row.params[name])
    return float(np.log10(value)) if scales[name] == "log" else value
