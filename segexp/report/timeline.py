"""The section of a study's page about when each trial ran, and where."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import plotly.graph_objects as go

from segexp.core.wording import counted
from segexp.report.page import Section, figure_text, paragraph
from segexp.report.study_figures import BLUE, GREY, ORANGE, PALE_RED
from segexp.report.trials import StudyView, TrialRow

COLORS = {
    "complete": BLUE,
    "pruned": GREY,
    "promoted": GREY,
    "failed": PALE_RED,
    "interrupted": PALE_RED,
    "running": ORANGE,
}

SHORTEST = timedelta(seconds=10)
"""What the axis spans at least: labels with milliseconds lie on one another."""


def timeline_section(view: StudyView) -> Iterator[Section]:
    """The trials as bars over time, a line for each that ran at the same time on a host."""
    now = max((t for row in view.rows for t in (row.started, row.ended) if t), default=None)
    if now is None:
        return
    lanes = in_lanes(view.rows, now)
    places = len({lane for _, lane in lanes})
    yield Section(
        "When they ran",
        [
            paragraph(
                f"{counted(places, 'line')}: so many trials ran at the same time. A gap is time "
                "between them: a pause of the study, or workers that waited."
            ),
            _figure(lanes, now),
        ],
    )


def in_lanes(rows: Sequence[TrialRow], now: datetime) -> list[tuple[TrialRow, str]]:
    """Give each trial that began a line of its host in which no other one ran meanwhile."""
    free: dict[str, list[datetime]] = {}  # by host: until when each line is taken
    found = []
    for row in sorted((r for r in rows if r.started is not None), key=_began):
        host = row.worker.partition(" ")[0] or "unknown host"
        taken = free.setdefault(host, [])
        began, ended = _began(row), row.ended or now
        place = next((i for i, until in enumerate(taken) if until <= began), len(taken))
        taken[place : place + 1] = [ended]
        found.append((row, f"{host}, {place + 1}"))
    return found


def _began(row: TrialRow) -> datetime:
    assert row.started is not None
    return row.started


def _figure(lanes: Sequence[tuple[TrialRow, str]], now: datetime) -> go.Figure:
    figure = go.Figure()
    for state, color in COLORS.items():
        of_state = [(row, lane) for row, lane in lanes if row.state == state]
        if not of_state:
            continue
        lasted = [(row.ended or now) - _began(row) for row, _ in of_state]
        figure.add_bar(
            base=[_began(row).isoformat() for row, _ in of_state],
            x=[each / timedelta(milliseconds=1) for each in lasted],
            y=[figure_text(lane) for _, lane in of_state],
            customdata=[
                [row.number, figure_text(row.worker), f"{each.total_seconds():.0f}"]
                for (row, _), each in zip(of_state, lasted, strict=True)
            ],
            name=state,
            orientation="h",
            marker={"color": color, "line": {"color": "white", "width": 1}},
            hovertemplate=f"trial %{{customdata[0]}}, {state}: %{{customdata[2]}} s on "
            "%{customdata[1]}<extra></extra>",
        )
    first = min(_began(row) for row, _ in lanes)
    last = max(row.ended or now for row, _ in lanes)
    figure.update_layout(
        barmode="overlay",
        height=120 + 34 * len({lane for _, lane in lanes}),
        xaxis={
            "type": "date",
            "nticks": 4,  # times of day are wide
            "range": [first.isoformat(), max(last, first + SHORTEST).isoformat()],
        },
        yaxis={"type": "category", "categoryorder": "category descending"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        margin={"l": 60, "r": 20, "t": 40, "b": 48},
    )
    return figure
