"""Pruned trials that are resumed later, by a trial with the same params and the same checkpoint.

Optuna cannot resume a trial that has ended. So another trial takes its params and its checkpoint,
and has its number in `PROMOTES`. The two count as one configuration of the study.
"""

from collections.abc import Sequence

from optuna.trial import FrozenTrial

from segexp.study.attributes import PROMOTES, RETRY_OF, is_interrupted


def is_promotion(trial: FrozenTrial) -> bool:
    """Whether a trial resumes a pruned one."""
    return PROMOTES in trial.user_attrs


def promoted(trials: Sequence[FrozenTrial]) -> set[int]:
    """Return the numbers of the pruned trials that another trial resumes, or is queued to."""
    return {
        trial.user_attrs[PROMOTES]
        for trial in trials
        if is_promotion(trial)
        # An interrupted one is retried by a trial with the same mark.
        and not is_interrupted(trial)
    }


def number_before(trial: FrozenTrial) -> int | None:
    """Return the number of the trial whose checkpoint a trial takes over, if there is one."""
    number: int | None = trial.user_attrs.get(RETRY_OF, trial.user_attrs.get(PROMOTES))
    return number


def epochs_judged(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> int:
    """Return after how many epochs a configuration was promoted; 0 when it never was."""
    if not is_promotion(trial):
        return 0
    return trials[trial.user_attrs[PROMOTES]].last_step or 0


def first_number(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> int:
    """Return the number of the trial in which a trial's configuration was begun."""
    first = trial
    while is_promotion(first) and first.user_attrs[PROMOTES] < first.number:
        first = trials[first.user_attrs[PROMOTES]]
    return first.number
