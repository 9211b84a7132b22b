import math
from dataclasses import replace

import optuna
from optuna.trial import TrialState

from segexp.report.study_page import study_page
from segexp.study.attributes import (
    CONSTANT,
    DEFINITION,
    FAILURE,
    INTERRUPTED,
    RESULT,
    RUN_ID,
    TRACKING,
)
from segexp.study.view import view_study
from tests.report.parsed import plotly_count, read_page
from tests.report.study_example import BASELINE, TRIALS, leave, make_study


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
    assert "30 trials: 18 complete, 6 pruned, 6 failed; ranked by" in page.text
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
        "MLflow run": "run0",
    }
    assert page.column(TRIALS, "epochs")[3:5] == ["2", "1"]
    pruned = study.trials[3]
    assert page.column(TRIALS, "objective")[3] == f"{pruned.intermediate_values[2]:.4f}"
    assert set(page.column(TRIALS, "arch")) == {"Unet", "FPN", "null"}


def recorded(*run_ids):
    """A study whose trials have these MLflow runs."""
    study = optuna.create_study(direction="maximize")
    for run_id in run_ids:
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        trial.set_user_attr(RUN_ID, run_id)
        leave(trial, 0.3)
        study.tell(trial, 0.3)
    return study


def test_where_hosts_differed_in_precision_the_table_of_trials_has_it():
    study = make_study(2)
    assert "precision" not in read_page(study_page(view_study(study))).text.lower()
    view = view_study(study)
    rows = [replace(r, precision=p) for r, p in zip(view.rows, ("bf16", "fp32"), strict=True)]
    page = read_page(study_page(replace(view, rows=rows)))
    assert "Hosts of mixed precision: 1 trial in bf16 and 1 trial in fp32." in page.text
    assert [page.row(number)[-2] for number in ("0", "1")] == ["bf16", "fp32"]


def test_a_trial_leads_to_its_run_where_mlflow_shows_it():
    study = recorded("0" * 32, "waiting-0123")
    study.set_user_attr(TRACKING, [None, "tiny", "7"])  # mlflow.db of the project
    page = read_page(study_page(view_study(study)))
    found = [address for name, address in page.links if address.startswith("http")]
    run = f"#/experiments/7/runs/{'0' * 32}?workflowType=machine_learning"
    assert set(found) == {f"http://127.0.0.1:5000/{run}"}
    header = [*TRIALS[:6], "x", "MLflow run"]
    assert page.column(header, "MLflow run") == ["00000000", "waiting-0123"]


def test_no_other_address_than_a_servers_is_linked_to():
    study = recorded("0" * 32)
    study.set_user_attr(TRACKING, ["javascript:alert(1)//", "tiny", "7"])
    read_page(study_page(view_study(study)))  # which refuses any other
    study.set_user_attr(TRACKING, ["https://example.org/ml", "tiny", "7"])
    run = f"#/experiments/7/runs/{'0' * 32}?workflowType=machine_learning"
    link = f'<a href="https://example.org/ml/{run}">'
    assert link in study_page(view_study(study))


def test_the_best_so_far_is_drawn_over_the_epochs_of_all_trials_too(page):
    # 18 complete and 0..5 pruned ones before each: 3 epochs a trial, 2 if pruned, 1 if failed.
    (drawn,) = [
        figure[0]
        for figure, layout in page.figures()
        if layout["xaxis"].get("title", {}).get("text") == "epochs of all trials so far"
    ]
    assert drawn["x"][:6] == [3, 6, 9, 15, 18, 21]


def test_a_failure_is_listed_with_its_reason(page):
    assert ["4", "failed", "DivergedError: loss <nan> & more"] in page.rows


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
    assert page.tags.count("script") == 4 + len(page.traces())
    assert evil in page.text
    assert html.count("alert(1)</script") == 0


def test_a_study_of_one_trial_has_a_page():
    page = read_page(study_page(view_study(make_study(1))))
    assert page.row("best: trial 0")[1:] == ["0.5000", "0.4800"]
    assert "1 trial: 1 complete;" in page.text
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
    page = read_page(study_page(view_study(study)))
    assert "4 trials: 2 complete, 1 running, 1 waiting; ranked by" in page.text


def test_only_the_page_of_a_running_study_loads_itself_again():
    study = make_study(2)
    assert 'http-equiv="refresh" content="30"' in study_page(view_study(study, is_live=True))
    assert 'http-equiv="refresh"' not in study_page(view_study(study))


def test_the_params_of_a_trial_are_shown_over_its_row(page):
    assert page.hints[0] == "trial 0\nmapping: fine\narch: Unet\nlearning_rate: 0.001"
    assert len(page.hints) == 30


def test_two_hundred_trials_are_all_on_the_page():
    page = read_page(study_page(view_study(make_study(200))))
    assert len(page.column(TRIALS, "trial")) == 200
    assert sum(len(figure) for figure in page.traces()) < 200
