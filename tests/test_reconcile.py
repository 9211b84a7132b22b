"""Trials that nobody runs any more, in a real storage and a real MLflow."""

import os
import socket
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
from optuna.trial import TrialState, create_trial

from segexp import tracking
from segexp.reconcile import (
    close_abandoned,
    close_own,
    close_records,
    counts_towards_budget,
    this_process,
)
from segexp.storage import FAILURE, INTERRUPTED, OWNER

HOST = socket.gethostname()


def begin(study: optuna.Study, owner: dict[str, Any] | None) -> optuna.Trial:
    trial = study.ask()
    if owner is not None:
        trial.set_user_attr(OWNER, owner)
    trial.suggest_float("x", 0, 1)
    return trial


def dead_process() -> dict[str, Any]:
    process = subprocess.Popen(["true"])
    started = psutil.Process(process.pid).create_time()
    process.wait()
    return {"host": HOST, "pid": process.pid, "started": started}


@pytest.fixture
def study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(direction="maximize")


def test_a_trial_of_a_dead_process_fails_and_its_params_wait_once(study: optuna.Study) -> None:
    trial = begin(study, dead_process())
    assert close_abandoned(study) == [0]
    closed, retry = study.trials
    assert closed.state == TrialState.FAIL
    assert closed.user_attrs[INTERRUPTED] is True
    assert closed.user_attrs[FAILURE] == "interrupted: its process ended"
    assert not counts_towards_budget(closed)
    assert retry.state == TrialState.WAITING
    assert close_abandoned(study) == []
    assert len(study.trials) == 2
    assert study.ask().suggest_float("x", 0, 1) == trial.params["x"]


def test_dying_between_putting_the_params_in_line_and_ending_doubles_nothing(
    study: optuna.Study,
) -> None:
    trial = begin(study, dead_process())
    study.enqueue_trial(trial.params)
    assert close_abandoned(study) == [0]
    assert [t.state for t in study.trials] == [TrialState.FAIL, TrialState.WAITING]


def test_params_that_were_in_line_wait_again_though_the_trial_never_took_them(
    study: optuna.Study,
) -> None:
    study.enqueue_trial({"x": 0.25, "y": 1})
    trial = study.ask()
    trial.set_user_attr(OWNER, dead_process())
    trial.suggest_float("x", 0, 1)  # y was still to come
    close_abandoned(study)
    assert study.trials[1].system_attrs["fixed_params"] == {"x": 0.25, "y": 1}


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param({"host": HOST, "pid": os.getpid(), "started": 1.0}, id="the pid given again"),
        pytest.param({"host": HOST, "pid": 2**22 + 1, "started": 1.0}, id="no such pid"),
    ],
)
def test_a_process_is_known_by_its_pid_and_its_start(
    study: optuna.Study, owner: dict[str, Any]
) -> None:
    begin(study, owner)
    assert close_abandoned(study) == [0]


def test_a_process_that_ended_but_was_not_reaped_is_dead(study: optuna.Study) -> None:
    with subprocess.Popen(["true"]) as process:
        started = psutil.Process(process.pid).create_time()
        begin(study, {"host": HOST, "pid": process.pid, "started": started})
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and still a zombie
        assert close_abandoned(study) == [0]


def test_trials_of_this_process_and_of_other_hosts_are_left_alone(study: optuna.Study) -> None:
    begin(study, this_process())
    begin(study, {"host": "another", "pid": 1, "started": 1.0})
    assert close_abandoned(study) == []
    assert [t.state for t in study.trials] == [TrialState.RUNNING] * 2


def test_a_trial_without_an_owner_is_left_alone_for_its_first_seconds(study: optuna.Study) -> None:
    begin(study, None)
    old = create_trial(state=TrialState.RUNNING)
    old.datetime_start = datetime.now() - timedelta(seconds=11)
    study.add_trial(old)
    assert close_abandoned(study) == [1]


def test_close_own_closes_this_processs_trials_only(study: optuna.Study) -> None:
    begin(study, this_process())
    begin(study, {"host": "another", "pid": os.getpid(), "started": 1.0})
    done = begin(study, this_process())
    study.tell(done, 0.5)
    assert close_own(study, "interrupted by a signal") == [0]
    states = [t.state for t in study.trials]
    assert states == [
        TrialState.FAIL,
        TrialState.RUNNING,
        TrialState.COMPLETE,
        TrialState.WAITING,
    ]
    assert study.trials[0].user_attrs[FAILURE] == "interrupted by a signal"


def test_what_counts_is_what_ended_by_itself(study: optuna.Study) -> None:
    for state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL):
        study.tell(begin(study, None), 1.0 if state == TrialState.COMPLETE else None, state=state)
    begin(study, None)
    study.enqueue_trial({"x": 1.0})
    counted = [counts_towards_budget(t) for t in study.trials]
    assert counted == [True, True, True, False, False]


def test_mlflows_runs_end_as_optunas_trials_did_and_twice_changes_nothing(
    project: Path, study: optuna.Study
) -> None:
    experiment = tracking.open_experiment(project, None, "tiny")
    parent = tracking.start_run(experiment, "tiny", {"segexp.kind": "study"}, {})
    other = tracking.start_run(experiment, "other", {"segexp.kind": "study"}, {})
    runs = []
    for number in range(5):
        begin(study, this_process())
        tags = {"segexp.study": study.study_name, "segexp.trial": str(number)}
        runs.append(tracking.start_run(experiment, f"tiny-{number}", tags, {}, parent))
    tags = {"segexp.study": study.study_name, "segexp.trial": "0"}
    stranger = tracking.start_run(experiment, "x", tags, {}, other)
    study.tell(0, 0.5)
    study.tell(1, state=TrialState.PRUNED)
    study._storage.set_trial_user_attr(study.trials[2]._trial_id, FAILURE, "DivergedError: nan")
    study.tell(2, state=TrialState.FAIL)
    study._storage.set_trial_user_attr(study.trials[3]._trial_id, INTERRUPTED, True)
    study.tell(3, state=TrialState.FAIL)

    def found() -> list[tuple[str, str | None]]:
        infos = [experiment.client.get_run(run.id) for run in [*runs, stranger]]
        return [(i.info.status, i.data.tags.get("segexp.state")) for i in infos]

    close_records(study, parent)
    expected = [
        ("FINISHED", "COMPLETE"),
        ("FINISHED", "PRUNED"),
        ("FAILED", "FAIL"),
        ("KILLED", "FAIL"),
        ("RUNNING", None),
        ("RUNNING", None),
    ]
    assert found() == expected
    failed = experiment.client.get_run(runs[2].id)
    assert failed.data.tags["segexp.failure"] == "DivergedError: nan"
    before = [experiment.client.get_run(run.id).to_dictionary() for run in runs]
    close_records(study, parent)
    assert [experiment.client.get_run(run.id).to_dictionary() for run in runs] == before
