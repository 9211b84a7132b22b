"""What a crash left behind: closed in Optuna, then in MLflow, and tried again exactly once.

Every step can be cut short by a kill, and taken again by another process, also at the same time:

1. a trial whose process is gone is marked as interrupted;
2. it fails in Optuna, whose storage lets a running trial end once only;
3. a trial that tries it again is put in line, unless there is one already (`put_retries`);
4. its MLflow run ends as the trial did.

Optuna's own heartbeats and retries do not cover a kill between asking for a trial and its first
heartbeat, nor one between a trial's failure and its retry.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from segexp import tracking
from segexp.core import failpoint
from segexp.core.lease import Owner, beating, is_gone, owner_from_dict, this_process
from segexp.study.attributes import (
    BEAT,
    CRASHED,
    CRASHES,
    FAILURE,
    INTERRUPTED,
    OWNER,
    PROMOTES,
    RETRY,
    RETRY_OF,
    is_interrupted,
)
from segexp.study.budget import not_taken, params_key, params_of
from segexp.study.promotion import is_promotion, number_before, promoted
from segexp.study.pruners import Promoting

MAX_CRASHES = 3
"""A trial that this many processes have died in fails for good."""

UNSIGNED_SECONDS = 10
"""How long a trial may run without an owner: its process may just have asked for it."""


def put_next_in_line(study: optuna.Study, listed: Sequence[Mapping[str, Any]]) -> bool:
    """Put the first of a list of params in line that no trial has taken, and nothing else.

    The list may have changed since the study was begun: what waits and is not wanted now is
    closed as interrupted, so that it is neither run nor counted.

    Returns:
        Whether there is one.
    """
    trials = study.get_trials(deepcopy=False)
    wanted = not_taken(listed, trials)
    keys = set(map(params_key, wanted))
    waiting = False
    for trial in trials:
        if trial.state != TrialState.WAITING:
            continue
        if params_key(params_of(trial)) in keys:
            waiting = True
        else:
            drop(study, trial, "no longer in line")
    if wanted and not waiting:
        study.enqueue_trial(wanted[0])
    return bool(wanted)


def drop(study: optuna.Study, trial: FrozenTrial, reason: str) -> None:
    """Close a trial that is not wanted; it is neither counted nor tried again."""
    with _unless_finished():
        _set(study, trial, INTERRUPTED, True)
        _set(study, trial, FAILURE, reason)
        study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


def close_abandoned(
    study: optuna.Study, is_gone: Callable[[Owner, float | None], bool] = is_gone
) -> list[int]:
    """Close the running trials whose process is gone, and put their params in line again.

    So is a trial without an owner, except for its first seconds.

    Args:
        study: The study.
        is_gone: Whether an owner, last heard of at a time, is gone; as `segexp.core.lease.is_gone`.

    Returns:
        The numbers of the trials that were closed.
    """
    trials = study.get_trials(deepcopy=False)
    running = [trial for trial in trials if trial.state == TrialState.RUNNING]
    abandoned = [trial for trial in running if _is_abandoned(trial, is_gone)]
    if abandoned:
        failpoint.passed("reconcile")
    for trial in abandoned:
        close_interrupted(study, trial, "interrupted: its process ended", crashed=True)
    # Of another process that did not come as far as this, too.
    if abandoned or any(map(is_interrupted, trials)):
        put_retries(study)
    return [trial.number for trial in abandoned]


def close_of(study: optuna.Study, owner: Owner, reason: str, *, crashed: bool) -> list[int]:
    """Close the running trials of one process, and put their params in line again.

    Args:
        study: The study.
        owner: The process; its heartbeat does not matter.
        reason: Why they ended.
        crashed: Whether the process died in them.

    Returns:
        The numbers of the trials that were closed.
    """
    running = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    own = [t for t in running if owner_from_dict(t.user_attrs.get(OWNER)) == owner]
    for trial in own:
        close_interrupted(study, trial, reason, crashed=crashed)
    put_retries(study)
    return [trial.number for trial in own]


def close_interrupted(
    study: optuna.Study, trial: FrozenTrial, reason: str, *, crashed: bool
) -> None:
    """Let a trial fail that is to be tried again; `put_retries` puts its params in line.

    A trial that one process after the other died in fails for good, and counts. One without params
    had not begun: that a process died then is not counted against it.
    """
    crashed = crashed and bool(params_of(trial))
    crashes = trial.user_attrs.get(CRASHES, 0) + crashed
    is_hopeless = crashed and crashes >= MAX_CRASHES
    if is_hopeless:
        reason = f"{reason}; given up after {crashes} attempts"
    with _unless_finished():
        _set(study, trial, CRASHED, crashed)
        _set(study, trial, FAILURE, reason)
        if not is_hopeless:
            _set(study, trial, INTERRUPTED, RETRY)
        study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    failpoint.passed("after_fail_before_retry")


def put_retries(study: optuna.Study) -> None:
    """Put every interrupted trial in line again that is not yet, under the number that it had.

    Two hosts that do it at once may both put it in line; `is_second` tells the later one.
    """
    trials = study.get_trials(deepcopy=False)
    retried = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    for trial in trials:
        if not is_interrupted(trial) or trial.user_attrs[INTERRUPTED] != RETRY:
            continue
        if trial.number not in retried:
            crashes = trial.user_attrs.get(CRASHES, 0) + trial.user_attrs.get(CRASHED, False)
            carried = {RETRY_OF: trial.number, CRASHES: crashes}
            if is_promotion(trial):
                carried[PROMOTES] = trial.user_attrs[PROMOTES]
            if params := params_of(trial):
                study.enqueue_trial(params, user_attrs=carried)
            else:  # it is sampled as this one would have been: see `sampling_place`
                study.add_trial(create_trial(state=TrialState.WAITING, user_attrs=carried))


def put_promotion(study: optuna.Study, trials: Sequence[FrozenTrial]) -> bool:
    """Put the pruned trial in line that is to go on, unless one is.

    Returns:
        Whether there is one.
    """
    number = next_promotion(study, trials)
    if number is not None and number not in promoted(trials):
        study.enqueue_trial(trials[number].params, user_attrs={PROMOTES: number})
    return number is not None


def next_promotion(study: optuna.Study, trials: Sequence[FrozenTrial]) -> int | None:
    """Return the number of the pruned trial that is to go on next, in line already or not."""
    for trial in trials:
        if trial.state == TrialState.WAITING and is_promotion(trial):
            number: int = trial.user_attrs[PROMOTES]
            return number
    return study.pruner.promotable(trials) if isinstance(study.pruner, Promoting) else None


def is_second(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> bool:
    """Whether another trial takes over the same one, and came first."""
    key = RETRY_OF if RETRY_OF in trial.user_attrs else PROMOTES
    number = trial.user_attrs.get(key)
    return number is not None and any(
        t.user_attrs.get(key) == number for t in trials[: trial.number]
    )


def is_enqueued_twice(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> bool:
    """Whether a trial was put in line with the params of an earlier one, as by two hosts at once.

    What becomes of the earlier one does not matter: when it is interrupted, another tries it again.
    """
    params = trial.system_attrs.get("fixed_params")
    if params is None or number_before(trial) is not None:
        return False
    return any(
        other.system_attrs.get("fixed_params") == params
        and other.user_attrs.get(INTERRUPTED) is not True
        for other in trials[: trial.number]
    )


def sign_next(study: optuna.Study) -> None:
    """Sign the trial that is next in line as this process's own; put a new one in line if none is.

    So a trial has an owner from its first moment on, whenever its process dies.
    """
    waiting = study.get_trials(deepcopy=False, states=[TrialState.WAITING])
    if not waiting:
        study.add_trial(create_trial(state=TrialState.WAITING, user_attrs=_signature()))
    for trial in waiting[:1]:
        with _unless_finished():
            for key, value in _signature().items():
                _set(study, trial, key, value)


def sign(trial: optuna.Trial) -> None:
    """Sign a trial that was just taken as this process's own; its heartbeat is fresh."""
    trial.set_user_attr(OWNER, this_process().to_dict())


@contextmanager
def heard_of(trial: optuna.Trial) -> Iterator[None]:
    """Let others know while the block runs that the process of a trial lives."""
    storage, trial_id = trial.study._storage, trial._trial_id
    with beating(lambda: storage.set_trial_user_attr(trial_id, BEAT, time.time())):
        yield


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
        status = "KILLED" if is_interrupted(trial) else "FAILED"
    failure = trial.user_attrs.get(FAILURE) if trial.state == TrialState.FAIL else None
    tracking.close_run(run, status, trial.state.name, failure)


def _signature() -> dict[str, Any]:
    return {BEAT: time.time(), OWNER: this_process().to_dict()}


def _is_abandoned(trial: FrozenTrial, is_gone: Callable[[Owner, float | None], bool]) -> bool:
    owner = owner_from_dict(trial.user_attrs.get(OWNER))
    begun = trial.datetime_start
    if owner is None:
        return begun is None or datetime.now() - begun > timedelta(seconds=UNSIGNED_SECONDS)
    beat = trial.user_attrs.get(BEAT)
    return is_gone(owner, beat if beat is not None or begun is None else begun.timestamp())


@contextmanager
def _unless_finished() -> Iterator[None]:
    """Leave a trial as it is that ended meanwhile, by itself or closed by another process."""
    try:
        yield
    except UpdateFinishedTrialError:
        return


def _set(study: optuna.Study, trial: FrozenTrial, key: str, value: Any) -> None:
    # Optuna has no public way to an attribute of a running trial.
    study._storage.set_trial_user_attr(trial._trial_id, key, value)
