"""When trials ran: a line for each that ran at the same time."""

from dataclasses import replace
from datetime import datetime, timedelta

from segexp.report.timeline import in_lanes, timeline_section
from segexp.study.view import view_study
from tests.report.study_example import make_study
from tests.report.test_answer import row

BEGAN = datetime(2026, 1, 1)


def at(number, state, began, ended, worker="ann 1"):
    times = [None if t is None else BEGAN + timedelta(seconds=t) for t in (began, ended)]
    return row(number, state, started=times[0], ended=times[1], worker=worker)


def test_trials_that_overlap_have_lines_of_their_own_and_a_free_line_is_taken_again():
    rows = [
        at(0, "complete", 0, 10),
        at(1, "pruned", 1, 4, "ann 2"),
        at(2, "complete", 4, 20, "ann 2"),
        at(3, "running", 11, None),
        at(4, "complete", 2, 30, "bob 1"),
        row(5, "waiting"),
    ]
    lanes = {r.number: lane for r, lane in in_lanes(rows, BEGAN + timedelta(seconds=30))}
    assert lanes == {0: "ann, 1", 1: "ann, 2", 2: "ann, 2", 3: "ann, 1", 4: "bob, 1"}


def test_every_trial_is_a_bar_of_its_state():
    (section,) = timeline_section(view_study(make_study(10)))
    bars = {trace.name: len(trace.x) for trace in section.parts[1].data}
    assert bars == {"complete": 6, "pruned": 2, "failed": 2}


def test_the_axis_has_ten_seconds_at_least_and_else_all_of_the_study():
    view = view_study(make_study(10))
    for lasted, spans in ((3, 10), (90, 90)):
        rows = (at(0, "complete", 0, 1), at(1, "complete", 1, lasted))
        (section,) = timeline_section(replace(view, rows=rows))
        begin, end = map(datetime.fromisoformat, section.parts[1].layout.xaxis.range)
        assert (end - begin).total_seconds() == spans
