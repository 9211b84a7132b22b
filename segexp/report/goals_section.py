"""The section of a study's page about costs and constraints: the front, and what no trial meets."""

import math
from collections.abc import Iterator, Sequence

import plotly.graph_objects as go
from markupsafe import Markup

from segexp.core.wording import cost_text
from segexp.evaluation.metrics import COSTS, metric_of
from segexp.report.answer import missed_text
from segexp.report.page import (
    Part,
    Section,
    figure_text,
    markup,
    note,
    paragraph,
    subheading,
    table,
)
from segexp.report.study_figures import BEST, BLUE, GREY, PALE_RED
from segexp.report.trials import StudyView, TrialRow, param_names, score_text, value_text


def goals_section(view: StudyView) -> Iterator[Section]:
    """What a higher score costs, and what the study requires; nothing for a plain study."""
    parts: list[Part] = []
    if view.requirements:
        parts += _requirements(view)
    if view.costs:
        parts += _front(view)
    if parts:
        yield Section("Goals", parts)


def _requirements(view: StudyView) -> Iterator[Part]:
    best = view.best.number if view.best else -1
    lines = [
        [
            each.name,
            each.text,
            f"{len(each.met_by)} of {len(each.values)}",
            _value_text(each.values.get(best)),
        ]
        for each in view.requirements
    ]
    if missed := missed_text(view):
        yield note(missed)
    yield subheading("Constraints")
    yield paragraph(
        "Trials that meet all of them rank before all others. IoUs are of the common space, on the "
        "tuning images."
    )
    header = ["", "required", "complete trials that meet it", "the best trial has"]
    yield table(header, lines, numeric=(2, 3))


def _value_text(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return cost_text(value) if value > 1 else f"{value:.4g}"


def _front(view: StudyView) -> Iterator[Part]:
    by_number = {row.number: row for row in view.rows}
    front = [by_number[number] for number in view.front]
    yield subheading("What a higher score costs")
    if not front:
        yield note("No trial has completed with a score.")
        return
    constraints = (
        "One that misses the constraints by less would, whatever it costs. "
        if view.requirements
        else ""
    )
    yield paragraph(
        "No trial beats one on the front: none has as high a score for as little of every cost. "
        f"{constraints}Their models are kept. Hover over a point for its params."
    )
    for place, cost in enumerate(view.costs):
        yield _figure(view, front, place, COSTS[cost])
    names = param_names(front)
    metric = metric_of(view.objective)
    lines: list[list[str | Markup]] = [
        [
            markup("link", f"#trial-{row.number}", str(row.number)),
            score_text(row.value),
            score_text(row.result.heldout.of(*metric))
            if row.result and row.result.heldout
            else "-",
            *map(cost_text, row.costs),
            *(value_text(row.params.get(name)) for name in names),
        ]
        for row in front
    ]
    header = ["trial", view.score_name, "held-out", *(COSTS[cost] for cost in view.costs), *names]
    yield table(header, lines, numeric=range(3 + len(view.costs)))
    measured = {
        str(row.result.cost["measured_on"]) for row in front if row.result and row.result.cost
    }
    if "latency_ms" in view.costs:
        yield paragraph(f"Latency: one image, {'; '.join(sorted(measured))}.")


def _figure(view: StudyView, front: Sequence[TrialRow], place: int, title: str) -> go.Figure:
    """Draw the score against one cost; the line is the front of these two alone."""
    missing = {
        row.number
        for row in view.rows
        if any(row.number in r.values and row.number not in r.met_by for r in view.requirements)
    }
    scored = [row for row in view.rows if row.value is not None and row.costs]
    on_front = {row.number for row in front}
    groups = [
        ("pruned, at its last score", GREY, "x", [r for r in view.rows if _is_pruned(r)]),
        ("misses a constraint", PALE_RED, "circle", [r for r in scored if r.number in missing]),
        ("complete", BLUE, "circle", [r for r in scored if r.number not in missing | on_front]),
        ("on the front", BEST, "diamond", [r for r in front if r.costs]),
    ]
    figure = go.Figure()
    stairs = _stairs(front, place)
    figure.add_scatter(
        x=[cost for cost, _ in stairs],
        y=[score for _, score in stairs],
        mode="lines",
        line={"color": BEST, "width": 1, "shape": "hv"},
        hoverinfo="skip",
        showlegend=False,
    )
    for name, color, symbol, rows in groups:
        if rows:
            figure.add_scatter(
                x=[row.costs[place] for row in rows],
                y=[row.last if row.value is None else row.value for row in rows],
                text=[_hover(view, row) for row in rows],
                name=name,
                mode="markers",
                marker={"color": color, "size": 9, "symbol": symbol},
                hovertemplate="%{text}<extra></extra>",
            )
    figure.update_layout(
        xaxis={"title": title, "rangemode": "tozero"},
        yaxis={"title": view.score_name},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},  # grows upwards
        hovermode="closest",
    )
    return figure


def _stairs(front: Sequence[TrialRow], place: int) -> list[tuple[float, float]]:
    """Return cost and score of the trials that no cheaper one reaches, the cheapest first."""
    points = sorted((row.costs[place], row.value) for row in front if row.costs and row.value)
    reached = -1.0
    stairs = []
    for cost, score in points:
        if score > reached:
            stairs.append((cost, score))
            reached = score
    return stairs


def _is_pruned(row: TrialRow) -> bool:
    return row.state == "pruned" and row.last is not None and bool(row.costs)


def _hover(view: StudyView, row: TrialRow) -> str:
    costs = zip(view.costs, row.costs, strict=True)
    score = row.last if row.value is None else row.value
    lines = [
        f"trial {row.number}: {view.score_name} {score_text(score)}",
        *(f"{COSTS[name]} {cost_text(cost)}" for name, cost in costs),
        *(f"{name}: {value_text(value)}" for name, value in row.params.items()),
    ]
    return "<br>".join(map(figure_text, lines))
