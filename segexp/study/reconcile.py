"""What a crash left behind: closed in Optuna, then in MLflow, and retried exactly once.

A kill can cut any step short, and another process can repeat it, even at the same time:

1. a trial whose process is gone is marked as interrupted;
2. it fails in Optuna, whose storage lets a running trial end only once;
3. a retry is queued, unless there is one already (`queue_retries`);
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
from segexp.core.lease import Owner, beating, is_gone, owner_from_dict, this_process, was_missed
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
from segexp.study.run_names import scored_name
from segexp.study.standing import score_of
from segexp.study.storage.access import fail_trial, set_trial_attribute, set_trial_attributes

MAX_CRASHES = 3
"""A trial in which this many processes have died fails for good."""

UNSIGNED_SECONDS = 10
"""How long a trial may run without an owner: its process may just have asked for it."""


def queue_listed(
    study: optuna.Study, listed: Sequence[Mapping[str, Any]], trials: Sequence[FrozenTrial]
) -> Sequence[FrozenTrial] | None:
    """Queue the first params of a list that no trial has taken, and nothing else.

    The list may have changed since the study was begun: a queued trial that is not on it now is
    dropped, so that it is neither run nor counted.

    Returns:
        The study's trials then; None when all of the list are taken.
    """
    wanted = not_taken(listed, trials)
    keys = set(map(params_key, wanted))
    queued = [t for t in trials if t.state == TrialState.WAITING]
    unwanted = [t for t in queued if params_key(params_of(t)) not in keys]
    for trial in unwanted:
        drop(study, trial, "no longer wanted")
    if not wanted:
        return None
    if len(queued) > len(unwanted):
        return trials if not unwanted else study.get_trials(deepcopy=False)
    study.enqueue_trial(wanted[0])
    return study.get_trials(deepcopy=False)


def drop(study: optuna.Study, trial: FrozenTrial, reason: str) -> None:
    """Close a trial that is not wanted; it is neither counted nor retried."""
    with _unless_finished():
        set_trial_attributes(study, trial, {INTERRUPTED: True, FAILURE: reason})
        fail_trial(study, trial)


def close_abandoned(
    study: optuna.Study,
    is_gone: Callable[[Owner, float | None], bool] = is_gone,
    has_given_up: Callable[[Owner], bool] = lambda owner: False,
) -> tuple[list[int], list[FrozenTrial]]:
    """Close the running trials whose process is gone, and queue retries.

    A trial without an owner is closed, too, except in its first seconds.

    Args:
        is_gone: Whether an owner, last heard of at a time, is gone; as `segexp.core.lease.is_gone`.
        has_given_up: Whether an owner left its trial because the storage was away. That is no
            crash; nor is a silence in which the storage was away.

    Returns:
        The numbers of the trials that were closed, and the study's trials then.
    """
    trials = study.get_trials(deepcopy=False)
    running = [trial for trial in trials if trial.state == TrialState.RUNNING]
    abandoned = [trial for trial in running if _is_abandoned(trial, is_gone)]
    if abandoned:
        failpoint.passed("reconcile")
    for trial in abandoned:
        owner = owner_from_dict(trial.user_attrs.get(OWNER))
        is_outage = owner is not None and (has_given_up(owner) or was_missed(_last_beat(trial)))
        reason = "the storage was away" if is_outage else "its process ended"
        close_interrupted(study, trial, f"interrupted: {reason}", crashed=not is_outage)
    if abandoned:
        trials = study.get_trials(deepcopy=False)
    # Also for a process that was killed before it came to this.
    if queue_retries(study, trials):
        trials = study.get_trials(deepcopy=False)
    return [trial.number for trial in abandoned], trials


def close_of(study: optuna.Study, owner: Owner, reason: str, *, crashed: bool) -> list[int]:
    """Close the running trials of one process, and queue retries.

    Args:
        owner: The process, whatever its heartbeat.
        crashed: Whether the process died in them.

    Returns:
        The numbers of the trials that were closed.
    """
    running = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    own = [t for t in running if owner_from_dict(t.user_attrs.get(OWNER)) == owner]
    for trial in own:
        close_interrupted(study, trial, reason, crashed=crashed)
    queue_retries(study, study.get_trials(deepcopy=False))
    return [trial.number for trial in own]


def close_interrupted(
    study: optuna.Study, trial: FrozenTrial, reason: str, *, crashed: bool
) -> None:
    """Let a trial fail that is to be retried; `queue_retries` queues the retry.

    A trial in which several processes died one after the other fails for good, and counts. A trial
    without params had not begun: a death then is not counted against it.
    """
    crashed = crashed and bool(params_of(trial))
    crashes = trial.user_attrs.get(CRASHES, 0) + crashed
    is_hopeless = crashed and crashes >= MAX_CRASHES
    if is_hopeless:
        reason = f"{reason}; given up after {crashes} attempts"
    attributes = {CRASHED: crashed, FAILURE: reason}
    if not is_hopeless:
        attributes[INTERRUPTED] = RETRY
    with _unless_finished():
        set_trial_attributes(study, trial, attributes)
        fail_trial(study, trial)
    failpoint.passed("after_fail_before_retry")


def queue_retries(study: optuna.Study, trials: Sequence[FrozenTrial]) -> bool:
    """Queue a retry of every interrupted trial that has none.

    Two hosts may both queue one at the same time; `is_second` tells which came later.

    Returns:
        Whether there was one.
    """
    interrupted = [t for t in trials if is_interrupted(t)]
    if not interrupted:
        return False
    retried = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    left = [
        trial
        for trial in interrupted
        if trial.user_attrs[INTERRUPTED] == RETRY and trial.number not in retried
    ]
    for trial in left:
        crashes = trial.user_attrs.get(CRASHES, 0) + trial.user_attrs.get(CRASHED, False)
        carried = {RETRY_OF: trial.number, CRASHES: crashes}
        if is_promotion(trial):
            carried[PROMOTES] = trial.user_attrs[PROMOTES]
        if params := params_of(trial):
            study.enqueue_trial(params, user_attrs=carried)
        else:  # it is sampled as this one would have been: see `sampling_place`
            study.add_trial(create_trial(state=TrialState.WAITING, user_attrs=carried))
    return bool(left)


def queue_promotion(
    study: optuna.Study, trials: Sequence[FrozenTrial], chosen: int | None
) -> Sequence[FrozenTrial] | None:
    """Queue a trial that resumes a pruned one, unless one is queued.

    Args:
        chosen: The number of `next_promotion`, of the trials as they were a moment before: in a
            study of thousands to choose takes longer than all else that is done under its lock.

    Returns:
        The study's trials then; None when there is none to resume.
    """
    if _queued_promotion(trials) is not None:
        return trials
    if chosen is None or chosen in promoted(trials):
        return None
    study.enqueue_trial(trials[chosen].params, user_attrs={PROMOTES: chosen})
    return study.get_trials(deepcopy=False)


def next_promotion(study: optuna.Study, trials: Sequence[FrozenTrial]) -> int | None:
    """Return the number of the pruned trial that is resumed next, queued already or not."""
    queued = _queued_promotion(trials)
    if queued is not None or not isinstance(study.pruner, Promoting):
        return queued
    return study.pruner.promotable(trials)


def _queued_promotion(trials: Sequence[FrozenTrial]) -> int | None:
    for trial in trials:
        if trial.state == TrialState.WAITING and is_promotion(trial):
            number: int = trial.user_attrs[PROMOTES]
            return number
    return None


def is_second(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> bool:
    """Whether an earlier trial retries or resumes the same one."""
    key = RETRY_OF if RETRY_OF in trial.user_attrs else PROMOTES
    number = trial.user_attrs.get(key)
    return number is not None and any(
        t.user_attrs.get(key) == number for t in trials[: trial.number]
    )


def is_enqueued_twice(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> bool:
    """Whether a trial was queued with the params of an earlier one, as by two hosts at once.

    It does not matter how the earlier one ends: if it is interrupted, it is retried.
    """
    params = trial.system_attrs.get("fixed_params")
    if params is None or number_before(trial) is not None:
        return False
    return any(
        other.system_attrs.get("fixed_params") == params
        and other.user_attrs.get(INTERRUPTED) is not True
        for other in trials[: trial.number]
    )


def signature() -> dict[str, Any]:
    """Return the user attributes by which a trial is this process's own."""
    return {BEAT: time.time(), OWNER: this_process().to_dict()}


@contextmanager
def heard_of(trial: optuna.Trial) -> Iterator[None]:
    """Send a trial's heartbeat while the block runs."""
    with beating(lambda: set_trial_attribute(trial.study, trial, BEAT, time.time())):
        yield


def close_records(study: optuna.Study, parent: tracking.Run) -> None:
    """End the MLflow runs of trials that have ended in Optuna."""
    open_runs = tracking.running_trials(parent, study.study_name)
    trials = study.get_trials(deepcopy=False) if open_runs else []
    for number, run in open_runs:
        if trials[number].state.is_finished():
            close_record(trials[number], run)


def close_record(trial: FrozenTrial, run: tracking.Run) -> None:
    """End the MLflow run of a trial with the state that the trial has in Optuna."""
    has_failed = trial.state == TrialState.FAIL and not is_interrupted(trial)
    status: tracking.Status = "FAILED" if has_failed else "KILLED"
    name = run.name
    if trial.state == TrialState.COMPLETE:
        status, name = "FINISHED", scored_name(run.name, score_of(trial))
    failure = trial.user_attrs.get(FAILURE) if trial.state == TrialState.FAIL else None
    tracking.close_run(run, status, trial.state.name, failure, name)


def _is_abandoned(trial: FrozenTrial, is_gone: Callable[[Owner, float | None], bool]) -> bool:
    owner = owner_from_dict(trial.user_attrs.get(OWNER))
    begun = trial.datetime_start
    if owner is None:
        return begun is None or datetime.now() - begun > timedelta(seconds=UNSIGNED_SECONDS)
    return is_gone(owner, _last_beat(trial))


def _last_beat(trial: FrozenTrial) -> float | None:
    """Return when a trial was last heard of, in seconds since 1970; None when never."""
    beat: float | None = trial.user_attrs.get(BEAT)
    begun = trial.datetime_start
    return beat if beat is not None or begun is None else begun.timestamp()


@contextmanager
def _unless_finished() -> Iterator[None]:
    """Leave a trial as it is if it has ended meanwhile."""
    try:
        yield
    except UpdateFinishedTrialError:
        return
