"""Trials that nobody runs any more: closed in Optuna, then in MLflow, and tried again."""

import os
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import optuna
import psutil
from optuna.trial import FrozenTrial, TrialState

from segexp import tracking
from segexp.storage import FAILURE, INTERRUPTED, OWNER


def this_process() -> dict[str, Any]:
    """Describe this process so that another one can tell whether it still lives."""
    process = psutil.Process()
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": process.create_time()}


def counts_towards_budget(trial: FrozenTrial) -> bool:
    """Whether a trial is finished by itself: not waiting, running, or ended by an interruption."""
    return trial.state.is_finished() and not trial.user_attrs.get(INTERRUPTED)


def taken(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that are finished by themselves or under way."""
    return [t for t in trials if t.state == TrialState.RUNNING or counts_towards_budget(t)]


def put_next_in_line(study: optuna.Study, listed: Sequence[Mapping[str, Any]]) -> bool:
    """Put the first of a list of params in line that no trial has taken, and nothing else.

    The list may have changed since the study was begun: what waits and is not wanted now is
    closed as interrupted, so that it is neither run nor counted.

    Returns:
        Whether there is one.
    """
    trials = study.get_trials(deepcopy=False)
    known = [params_of(trial) for trial in taken(trials)]
    wanted = next((dict(params) for params in listed if dict(params) not in known), None)
    waiting = [t for t in trials if t.state == TrialState.WAITING]
    for trial in waiting:
        if params_of(trial) != wanted:
            _mark_interrupted(study, trial, "no longer in line")
            study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    if wanted is not None and all(params_of(t) != wanted for t in waiting):
        study.enqueue_trial(wanted)
    return wanted is not None


def close_abandoned(study: optuna.Study) -> list[int]:
    """Close the running trials whose process is gone, and put their params in line again.

    Trials of other hosts are left alone. So is a trial without an owner for its first seconds:
    its process may just have asked for it, and not have signed it yet.

    Returns:
        The numbers of the trials that were closed.
    """
    running = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    abandoned = [trial for trial in running if _is_abandoned(trial)]
    for trial in abandoned:
        _close_interrupted(study, trial, "interrupted: its process ended")
    return [trial.number for trial in abandoned]


def close_own(study: optuna.Study, reason: str) -> list[int]:
    """Close the running trials of this process, and put their params in line again.

    Returns:
        The numbers of the trials that were closed.
    """
    running = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    own = [trial for trial in running if _is_of_this_process(trial)]
    for trial in own:
        _close_interrupted(study, trial, reason)
    return [trial.number for trial in own]


def close_records(study: optuna.Study, parent: tracking.Run) -> None:
    """End the MLflow runs of trials that are finished in Optuna, as these are."""
    open_runs = tracking.running_trials(parent, study.study_name)
    trials = study.get_trials(deepcopy=False) if open_runs else []
    for number, run in open_runs:
        if trials[number].state.is_finished():
            close_record(trials[number], run)


def close_record(trial: FrozenTrial, run: tracking.Run) -> None:
    """End the MLflow run of a trial with the state that the trial has in Optuna."""
    status: tracking.Status = "FINISHED"
    if trial.state == TrialState.FAIL:
        status = "KILLED" if trial.user_attrs.get(INTERRUPTED) else "FAILED"
    tracking.close_run(run, status, trial.state.name, trial.user_attrs.get(FAILURE))


def _close_interrupted(study: optuna.Study, trial: FrozenTrial, reason: str) -> None:
    params = params_of(trial)
    waiting = study.get_trials(deepcopy=False, states=[TrialState.WAITING])
    # In line before the trial ends: dying in between must neither lose the params nor double them.
    if params and all(w.system_attrs.get("fixed_params") != params for w in waiting):
        study.enqueue_trial(params)
    _mark_interrupted(study, trial, reason)
    study.tell(trial.number, state=TrialState.FAIL)


def params_of(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial's params, or those that were put in line for it and that it is yet to take."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def _mark_interrupted(study: optuna.Study, trial: FrozenTrial, reason: str) -> None:
    storage = study._storage  # Optuna has no public way to an attribute of a running trial
    storage.set_trial_user_attr(trial._trial_id, INTERRUPTED, True)
    storage.set_trial_user_attr(trial._trial_id, FAILURE, reason)


def _is_of_this_process(trial: FrozenTrial) -> bool:
    owner = trial.user_attrs.get(OWNER, {})
    return (owner.get("host"), owner.get("pid")) == (socket.gethostname(), os.getpid())


def _is_abandoned(trial: FrozenTrial) -> bool:
    owner = trial.user_attrs.get(OWNER)
    if owner is None:
        begun = trial.datetime_start
        return begun is None or datetime.now() - begun > timedelta(seconds=10)
    if owner["host"] != socket.gethostname():
        return False
    try:
        process = psutil.Process(owner["pid"])
        # A pid is given again; its start time is not.
        is_another = abs(process.create_time() - owner["started"]) > 1
        return is_another or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
