"""Trials that nobody runs any more: closed in Optuna, then in MLflow, and tried again."""

import os
import socket
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
    # The params that were enqueued for it, should it not have got as far as taking them.
    params = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    waiting = study.get_trials(deepcopy=False, states=[TrialState.WAITING])
    # In line before the trial ends: dying in between must neither lose the params nor double them.
    if params and all(w.system_attrs.get("fixed_params") != params for w in waiting):
        study.enqueue_trial(params)
    storage = study._storage  # Optuna has no public way to an attribute of a running trial
    storage.set_trial_user_attr(trial._trial_id, INTERRUPTED, True)
    storage.set_trial_user_attr(trial._trial_id, FAILURE, reason)
    study.tell(trial.number, state=TrialState.FAIL)


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
