"""A study in a page of Markdown."""

import re
from dataclasses import replace

import pytest

from segexp.report.markdown import LONGEST_NOTE
from segexp.report.study_note import Asked, study_note
from segexp.report.trials import heldout_score
from segexp.study.attributes import DEFINITION
from segexp.study.view import view_study
from tests.counted_work import lines_run
from tests.report.study_example import make_study

ASKED = Asked(
    30,
    "tpe seed=0; hyperband",
    "data: synthetic: 40 train, 10 val, 10 held-out images",
    "sqlite:///studies/optuna.db",
)


def note_of(study, address=lambda row: f"#/runs/{row.number}"):
    view = view_study(study)
    return view, study_note(view, ASKED, address)


def rows_of(note: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in note.splitlines() if line.startswith("| ")]


def test_the_answer_stands_first_and_the_best_five_below_it_with_the_baseline(study):
    view, note = note_of(study)
    best, baseline = view.best, view.baseline
    scores = [heldout_score(row, view.objective) for row in (best, baseline)]
    assert note.splitlines()[0] == (
        f"### best {scores[0]:.3f} held-out, {scores[0] - scores[1]:+.3f} over the baseline"
    )
    header, _, *rows = rows_of(note)
    assert header[:3] == ["trial", "mIoU, common space", "held-out"]
    complete = sorted((row.value, row.number) for row in view.rows if row.state == "complete")
    expected = [number for _, number in complete[:-6:-1]]
    assert [row[0] for row in rows[:5]] == [f"[{n}](#/runs/{n})" for n in expected]
    assert rows[0][1:3] == [f"{best.value:.4f}", f"{scores[0]:.4f}"]
    assert rows[5][:2] == ["[0, the baseline](#/runs/0)", "0.5000"]


def test_it_says_what_was_asked_of_which_data_and_how_to_repeat_it():
    study = make_study(3)
    study.set_user_attr(
        DEFINITION,
        {
            "objective": "val/miou_common",
            "common_space": "common-a-b 0123456789",
            "mappings.a": {},
            "mappings.b": {},
            "space.mapping": "a, b",
        },
    )
    _, note = note_of(study)
    assert "What scores best by mIoU, common space in 30 trials? Search: tpe seed=0; hyper" in note
    assert "- mapping: a, b\n" in note
    assert "**Data.** synthetic: 40 train, 10 val, 10 held-out images." in note
    assert "Mappings: a, b. Their scores meet in the common space common-a-b (01234567)." in note
    assert "`segexp tune study.yaml --trials 30` there." in note
    assert "**Stored** by Optuna in sqlite:///studies/optuna.db. A study of this name in" in note


def test_a_study_without_a_complete_trial_has_a_note_without_a_table():
    _, note = note_of(make_study(0))
    assert note.startswith("### No trial has completed with a score")
    assert not rows_of(note)


def test_a_run_whose_address_is_not_known_has_no_link(study):
    _, note = note_of(study, lambda row: "")
    assert "](" not in note
    assert re.search(r"^\| \d+ \| 0\.\d{4} \|", note, re.MULTILINE)


def test_a_note_takes_work_in_proportion_to_the_trials_of_its_study():
    view = view_study(make_study(20))

    def work(times: int) -> int:
        rows = [replace(row, number=n) for n, row in enumerate(list(view.rows) * times)]
        return lines_run(lambda: study_note(replace(view, rows=rows), ASKED, lambda row: ""))

    few, many = work(10), work(100)
    assert few < many < 11 * few


@pytest.mark.parametrize("values", [3, 3000])
def test_a_note_fits_the_tag_of_every_mlflow(values):
    study = make_study(3)
    choices = {f"space.key{n}": "x" * 40 for n in range(values)}
    study.set_user_attr(DEFINITION, {"objective": "val/miou_common", **choices})
    _, note = note_of(study)
    assert len(note) <= LONGEST_NOTE
    assert note.splitlines()[-1].startswith("*segexp writes this text again")
