"""The trials of a study as its budget counts them: questions only, nothing is changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from segexp.study.attributes import OWNER, RETRY_OF, is_interrupted
from segexp.study.promotion import first_number, is_promotion, number_before, promoted


def counts_towards_budget(trial: FrozenTrial) -> bool:
    """Whether a trial ended by itself: it is not queued, running or interrupted.

    A trial that resumes a pruned one is not counted again.
    """
    return trial.state.is_finished() and not is_interrupted(trial) and not is_promotion(trial)


def last_of_each(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that ended by themselves and that no other trial resumes."""
    resumed = promoted(trials)
    return [
        trial
        for trial in trials
        if trial.state.is_finished() and not is_interrupted(trial) and trial.number not in resumed
    ]


def taken(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that count: those that ended by themselves or are running."""
    return [
        trial
        for trial in trials
        if counts_towards_budget(trial)
        or (trial.state == TrialState.RUNNING and not is_promotion(trial))
    ]


def running(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that a process runs now, of whatever host."""
    return [trial for trial in trials if trial.state == TrialState.RUNNING]


def place_of(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> int:
    """Return the place of a trial's configuration among those that count, from 1.

    A trial that resumes a pruned one has the pruned trial's place.
    """
    return len(taken(trials[: first_number(trial, trials) + 1]))


def not_taken(
    listed: Sequence[Mapping[str, Any]], trials: Sequence[FrozenTrial]
) -> list[dict[str, Any]]:
    """Return the listed params that no trial has taken, in their order."""
    known = {params_key(params_of(trial)) for trial in taken(trials)}
    return [dict(params) for params in listed if params_key(params) not in known]


def is_unsigned(trial: FrozenTrial) -> bool:
    """Whether a trial runs and nobody has said yet whose it is."""
    return trial.state == TrialState.RUNNING and OWNER not in trial.user_attrs


def params_of(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial's params, or those that it is queued with."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def forerunners(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that a trial retries or resumes, the last one first."""
    found: list[FrozenTrial] = []
    number = number_before(trial)
    while number is not None and len(found) < len(trials):
        found.append(trials[number])
        number = number_before(trials[number])
    return found


def sampling_place(number: int, trials: Sequence[FrozenTrial]) -> int:
    """Return the number that a trial would have had without interruptions.

    A retry has the number of the trial that it retries. No two other trials share one, and it never
    changes: a trial is a retry from the moment in which it gets its number, or never.

    Args:
        number: The trial's own number.
        trials: Those of the study, with all lower numbers among them.
    """
    first = number
    while (before := trials[first].user_attrs.get(RETRY_OF)) is not None and before < first:
        first = before
    return first - sum(RETRY_OF in trial.user_attrs for trial in trials[:first])


def params_key(params: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
    """Return what is equal where params are, and can be looked up among thousands at once."""
    return frozenset(params.items())
