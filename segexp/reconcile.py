"""Trials that nobody runs any more: closed in Optuna, then in MLflow, and tried again."""

import os
import socket
from datetime import datetime, timedelta
from typing import Any

import optuna
import psutil
from optuna.trial import FrozenTrial, TrialState

from segexp import tracking
from segexp.storage import FAILURE, INTERRUPTED, OWNER, RUN_ID


def this_process() -> dict[str, Any]:
    """Describe this process so that another one can tell whether it still lives."""
    process = psutil.Process()
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": process.create_time()}


def counts_towards_budget(trial: FrozenTrial) -> bool:
    """Whether a trial is finished by itself: not waiting, running, or ended by an interruption."""
    return trial.state.is_finished() and not trial.user_attrs.get(INTERRUPTED)


def close_interrupted(study: optuna.Study, number: int, reason: str) -> None:
    """End a trial that did not end by itself, and put its params in line to be tried again."""
    trial = study.get_trials(deepcopy=False)[number]
    if trial.state.is_finished():
        return
    storage = study._storage  # Optuna has no public way to an attribute of a running trial
    storage.set_trial_user_attr(trial._trial_id, INTERRUPTED, True)
    storage.set_trial_user_attr(trial._trial_id, FAILURE, reason)
    study.tell(number, state=TrialState.FAIL)
    if trial.params:
        study.enqueue_trial(trial.params)


def reconcile(study: optuna.Study, client: tracking.Experiment) -> list[int]:
    """Close the trials whose process is gone, and the MLflow runs of finished trials.

    To be called under the study's lock: a trial without an owner was then left by a process that
    died between asking for it and signing it. Trials of other hosts are left alone.

    Returns:
        The numbers of the trials that were closed.
    """
    closed = []
    for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        if not _is_abandoned(trial):
            continue
        reason = "interrupted: its process ended"
        close_interrupted(study, trial.number, reason)
        run = tracking.attach_run(client, trial.user_attrs.get(RUN_ID))
        if run is not None:
            tracking.close_run(run, "KILLED", "FAIL", reason)
        closed.append(trial.number)
    return closed


def _is_abandoned(trial: FrozenTrial) -> bool:
    owner = trial.user_attrs.get(OWNER)
    if owner is None:
        begun = trial.datetime_start
        return begun is None or datetime.now() - begun > timedelta(seconds=10)
    if owner["host"] != socket.gethostname():
        return False
    try:
        # A pid is given again; its start time is not.
        alive_since = psutil.Process(owner["pid"]).create_time()
    except psutil.NoSuchProcess:
        return True
    return bool(abs(alive_since - owner["started"]) > 1)
