import math

import optuna
import pytest
from optuna.trial import TrialState

from harness.results import made_scores
from segexp.evaluation.result import TrialResult
from segexp.report.study_page import study_page
from segexp.study.attributes import (
    CONSTANT,
    DEFINITION,
    FAILURE,
    INTERRUPTED,
    RESULT,
    RUN_ID,
)
from segexp.study.view import view_study
from tests.report.parsed import plotly_count, read_page

BASELINE = {"mapping": "fine", "arch": "Unet", "learning_rate": 1e-3}
TRIALS = ["trial", "state", "objective", "best epoch", "epochs", "seconds"]
TRIALS += ["mapping", "arch", "learning_rate"]
CATEGORIES = ["complete", "pruned", "failed", "best", "by trial", "median"]


def scores(value):
    table = {"iou": [value, 0.0, None], "pixels": [9, 0, 0]}  # one class is predicted only
    return made_scores(
        value + 0.1,
        value,
        table,
        by_argmax=value - 0.01,
        accuracy=0.8,
        in_mean=(19, 10),
        predicted_only=1,
    )


def leave(trial, value):
    """Leave a result, without which no command and no page calls a trial the best."""
    trial.set_user_attr(RESULT, TrialResult(value, 1, 2.0, scores(value)).to_dict())


def objective(trial):
    """A quadratic in log10 of the learning rate, reached over three epochs.

    Trials 3, 8, ... are pruned after epoch 2; trials 4, 9, ... fail.
    """
    mapping = trial.suggest_categorical("mapping", ["fine", "coarse"])
    trial.suggest_categorical("arch", ["Unet", "FPN", None])
    rate = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
    trial.set_user_attr(RUN_ID, f"run{trial.number}")
    top = 0.6 - 0.1 * (math.log10(rate) + 2) ** 2 + 0.05 * (mapping == "coarse")
    for epoch in (1, 2, 3):
        trial.report(top * epoch / 3, epoch)
        if trial.number % 5 == 3 and epoch == 2:
            raise optuna.TrialPruned
        if trial.number % 5 == 4:
            trial.set_user_attr(FAILURE, "DivergedError: loss <nan> & more")
            raise RuntimeError
    complete = trial.study.get_trials(states=[TrialState.COMPLETE])
    is_best = all(top > t.value for t in complete)
    result = TrialResult(
        top,
        3,
        12.5,
        scores(top),
        scores(top - 0.02) if is_best else None,
        "b/1" if is_best else None,
    )
    trial.set_user_attr(RESULT, result.to_dict())
    return top


def make_study(trials, run=objective, **attributes):
    study = optuna.create_study(
        study_name="tiny", direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1)
    )
    for name, value in attributes.items():
        study.set_user_attr(name, value)
    study.enqueue_trial(BASELINE)
    study.optimize(run, n_trials=trials, catch=(RuntimeError,))
    return study


@pytest.fixture(scope="module")
def study():
    study = make_study(30)
    study.set_user_attr(CONSTANT, {"class": "road", "val": 0.0361, "heldout": 0.0355})
    definition = {"objective": "val/miou_common", "data": "synthetic 1234"}
    study.set_user_attr(DEFINITION, definition)
    return study


@pytest.fixture(scope="module")
def page(study):
    return read_page(study_page(view_study(study)))


def test_plotly_is_embedded_once(page):
    assert plotly_count(page) == 1


def test_best_baseline_and_constant_are_side_by_side_with_heldout_scores(study, page):
    best = study.best_trial
    assert best.number != 0
    heldout = best.user_attrs[RESULT]["heldout"]["scores"]["common"]["miou"]
    assert page.row(f"best: trial {best.number}")[1:] == [f"{best.value:.4f}", f"{heldout:.4f}"]
    # log10(1e-3) is 1 away from the optimum: 0.6 - 0.1
    assert page.row("baseline: trial 0")[1:] == ["0.5000", "0.4800"]
    assert page.row("constant predictor: always 'road'")[1:] == ["0.0361", "0.0355"]
    assert any("optimistic" in note and "best of 18" in note for note in page.notes)


def test_the_columns_of_all_scores_are_explained(page):
    assert "Only predicted: classes that the model predicts and the truth never has" in page.text
    assert "By argmax: each pixel gets one of the model's own classes" in page.text


def test_native_scores_of_an_objective_in_the_native_space():
    study = make_study(3)
    study.set_user_attr(DEFINITION, {"objective": "val/miou"})
    page = read_page(study_page(view_study(study)))
    assert page.row("baseline: trial 0")[1:] == ["0.5000", "0.5800"]


def test_states_are_counted(page):
    cards = page.text.split()
    for count, state in (("18", "complete"), ("6", "pruned"), ("6", "failed")):
        assert cards[cards.index(state) - 1] == count
    assert "interrupted" not in page.text.replace("failed or were interrupted", "")


def test_every_trial_has_a_row_in_the_table(study, page):
    assert page.column(TRIALS, "trial") == [str(n) for n in range(30)]
    states = page.column(TRIALS, "state")
    assert states[:5] == ["complete", "complete", "complete", "pruned", "failed"]
    first = dict(zip(TRIALS, page.rows[page.rows.index(TRIALS) + 1], strict=True))
    assert first == {
        "trial": "0",
        "state": "complete",
        "objective": "0.5000",
        "best epoch": "3",
        "epochs": "3",
        "seconds": "12.5",
        "mapping": "fine",
        "arch": "Unet",
        "learning_rate": "0.001",
    }
    assert page.column(TRIALS, "epochs")[3:5] == ["2", "1"]
    pruned = study.trials[3]
    assert page.column(TRIALS, "objective")[3] == f"{pruned.intermediate_values[2]:.4f}"
    assert set(page.column(TRIALS, "arch")) == {"Unet", "FPN", "null"}


def test_a_failure_is_listed_with_its_reason(page):
    assert ["4", "failed", "DivergedError: loss <nan> & more"] in page.rows


def test_learning_curves_hold_every_reported_value_and_pruned_trials_are_grey(study, page):
    traces = next(
        figure for figure in page.traces() if any(t.get("name") == "pruned" for t in figure)
    )
    by_name = {trace["name"]: trace for trace in traces}
    expected = [
        (t.number, epoch, value)
        for t in study.trials
        if t.state == TrialState.PRUNED
        for epoch, value in sorted(t.intermediate_values.items())
    ]
    pruned = by_name["pruned"]
    points = zip(pruned["customdata"], pruned["x"], pruned["y"], strict=True)
    drawn = [point for point in points if point[1] is not None]
    assert drawn == expected
    assert pruned["line"]["color"] == "#b4bac1"
    widths = {name: trace["line"]["width"] for name, trace in by_name.items()}
    assert [name for name, width in widths.items() if width == 3] == [
        f"best: trial {study.best_trial.number}"
    ]
    complete = {
        n for name in ("mapping fine", "mapping coarse") for n in by_name[name]["customdata"] if n
    }
    numbers = {t.number for t in study.trials if t.state == TrialState.COMPLETE}
    assert complete | {0} == numbers
    assert set(by_name[f"best: trial {study.best_trial.number}"]["customdata"]) == {
        study.best_trial.number,
        None,
    }


def test_mappings_are_ranked_in_the_common_space_and_native_scores_are_set_apart(study, page):
    header = ["mapping", *CATEGORIES, "its native mIoU", "native classes"]
    for name in ("fine", "coarse"):
        members = [t for t in study.trials if t.params["mapping"] == name]
        complete = [t for t in members if t.state == TrialState.COMPLETE]
        top = max(complete, key=lambda t: t.value)
        row = page.rows[page.rows.index(header) + 1 + (name == "fine")]
        assert row[0] == name
        assert row[1] == str(len(complete))
        assert row[2] == str(sum(t.state == TrialState.PRUNED for t in members))
        assert row[4:6] == [f"{top.value:.4f}", str(top.number)]
        assert row[7:] == [f"{top.value + 0.1:.4f}", "19"]
    assert "never compare it between rows" in page.text
    assert any("does not compare mappings fairly" in note for note in page.notes)


def test_the_other_categories_have_their_best_value_too(study, page):
    header = ["param", "value", *CATEGORIES]
    rows = page.rows[page.rows.index(header) + 1 :][:3]
    assert [row[:2] for row in rows] == [["arch", "FPN"], ["arch", "Unet"], ["arch", "null"]]
    complete = [
        t.value
        for t in study.trials
        if t.params["arch"] == "FPN" and t.state == TrialState.COMPLETE
    ]
    assert rows[0][2] == str(len(complete))
    assert rows[0][5] == f"{max(complete):.4f}"


def test_both_importances_are_drawn_side_by_side(page):
    bars = [t for figure in page.traces() for t in figure if t.get("type") == "bar"]
    assert {bar["name"] for bar in bars} == {"PED-ANOVA", "fANOVA"}
    assert all(set(bar["y"]) == {"mapping", "arch", "learning_rate"} for bar in bars)


def test_names_are_escaped_wherever_they_stand():
    evil = "<script>alert(1)</script>"

    def run(trial):
        name = trial.suggest_categorical("mapping", [evil, "b"])
        trial.suggest_categorical("arch", [evil, "c"])
        trial.report(0.1, 1)
        if trial.number == 3:
            trial.set_user_attr(FAILURE, evil)
            raise RuntimeError
        return 0.1 * trial.number + (name == evil)

    study = optuna.create_study(
        study_name=evil, direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0)
    )
    study.set_user_attr(CONSTANT, {"class": evil, "val": 0.1, "heldout": 0.1})
    study.optimize(run, n_trials=12, catch=(RuntimeError,))
    html = study_page(view_study(study))
    page = read_page(html)
    assert page.tags.count("script") == 1 + len(page.traces())
    assert evil in page.text
    assert html.count("alert(1)</script") == 0


def test_a_study_of_one_trial_has_a_page():
    page = read_page(study_page(view_study(make_study(1))))
    assert page.row("best: trial 0")[1:] == ["0.5000", "0.4800"]
    assert "1 trial," in page.text
    assert not any("optimistic" in note for note in page.notes)
    assert any("No importances by fANOVA: it needs at least 2" in note for note in page.notes)


def test_a_study_that_has_not_started_has_a_page():
    page = read_page(
        study_page(view_study(optuna.create_study(study_name="empty", direction="maximize")))
    )
    assert any("No trial has completed" in note for note in page.notes)
    assert page.scripts == []


def test_a_study_without_a_complete_trial_has_a_page():
    def run(trial):
        trial.suggest_categorical("mapping", ["fine", "coarse"])
        if trial.number % 2:
            raise RuntimeError
        trial.report(0.25, 1)
        raise optuna.TrialPruned

    page = read_page(study_page(view_study(make_study(4, run))))
    assert any("No trial has completed" in note for note in page.notes)
    header = ["trial", "state", "objective", "best epoch", "epochs", "seconds", "mapping"]
    assert page.column(header, "state") == ["pruned", "failed"] * 2
    assert page.column(header, "objective") == ["0.2500", "-"] * 2


def test_a_baseline_that_was_interrupted_counts_by_the_trial_that_came_through():
    study = optuna.create_study(direction="maximize")
    study.enqueue_trial({"x": 0.5})
    first = study.ask()
    first.suggest_float("x", 0, 1)
    first.set_user_attr(INTERRUPTED, True)
    first.set_user_attr(FAILURE, "interrupted by a signal")
    study.tell(first, state=TrialState.FAIL)
    study.enqueue_trial({"x": 0.5})
    for value in (0.3, 0.4):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        leave(trial, value)
        study.tell(trial, value)
    page = read_page(study_page(view_study(study)))
    assert page.row("baseline: trial 1")[1:] == ["0.3000", "not scored"]
    assert page.row("best: trial 2")[1:] == ["0.4000", "not scored"]
    assert ["0", "interrupted", "interrupted by a signal"] in page.rows


def test_a_best_baseline_is_said_to_be_unbeaten():
    study = optuna.create_study(direction="maximize")
    study.enqueue_trial({"x": 0.5})
    for value in (0.4, 0.3):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        leave(trial, value)
        study.tell(trial, value)
    page = read_page(study_page(view_study(study)))
    assert any("No trial beat the baseline" in note for note in page.notes)


def test_scores_that_are_not_finite_are_not_ranked():
    study = optuna.create_study(direction="maximize")
    for value in (-math.inf, 0.2, 0.1):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        trial.report(value, 1)
        leave(trial, value)
        study.tell(trial, value)
    page = read_page(study_page(view_study(study)))
    assert page.row("best: trial 1")[1] == "0.2000"
    header = ["trial", "state", "objective", "best epoch", "epochs", "seconds", "x"]
    assert page.column(header, "objective") == ["-", "0.2000", "0.1000"]


def test_a_page_while_trials_are_under_way_counts_them():
    study = make_study(2)
    study.ask()
    study.enqueue_trial(BASELINE)
    cards = read_page(study_page(view_study(study))).text.split()
    assert cards[cards.index("running") - 1] == "1"
    assert cards[cards.index("waiting") - 1] == "1"


def test_two_hundred_trials_are_all_on_the_page():
    page = read_page(study_page(view_study(make_study(200))))
    assert len(page.column(TRIALS, "trial")) == 200
    assert sum(len(figure) for figure in page.traces()) < 200
