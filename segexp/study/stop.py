"""When a study ends before it has its trials: time is up, it gets no better, or all of them fail.

Optuna has both: a timeout as an argument of `Study.optimize`, which segexp does not call, and
terminators, which are deprecated since Optuna 4.9. Of these the rule here is
`BestValueStagnationEvaluator`; docs/performance.md has what the others would do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import optuna
from optuna.trial import FrozenTrial, TrialState

from segexp.core.errors import WorkError
from segexp.study.attributes import CARRIED_FROM, FAILURE
from segexp.study.best import best_trials
from segexp.study.budget import counts_towards_budget, taken
from segexp.study.config import StudyConfig

TIME_IS_UP = "time is up"

# A study whose first trials all fail is ended: the others would fail, too.
GIVE_UP_AFTER = 3


@dataclass(frozen=True)
class StopRule:
    """From when on no trial is begun; those under way are finished.

    Attributes:
        deadline: A reading of `time.monotonic`, which all processes of a machine share.
        stagnation: How many trials without a better one are enough; None for any number.
    """

    deadline: float = math.inf
    stagnation: int | None = None

    def reason(self, study: optuna.Study) -> str | None:
        """Say why no further trial of a study is begun; None when one may be."""
        if monotonic() >= self.deadline:
            return TIME_IS_UP
        if self.stagnation is not None and trials_since_best(study) >= self.stagnation:
            return _no_better(self.stagnation)
        return None


NEVER = StopRule()


def trials_since_best(study: optuna.Study) -> int:
    """Return how many trials after the best one, by number, are complete or pruned.

    Of several objectives, after the last one that is on the front.

    Optuna's `BestValueStagnationEvaluator` leaves pruned trials out; but with a pruner few trials
    are complete, and a pruned one was not better, either. Trials that a revision carried over do
    not count: they searched another space.
    """
    trials = study.get_trials(deepcopy=False)
    best = max((trial.number for trial in best_trials(trials)), default=None)
    if best is None:
        return 0
    return sum(
        trial.state != TrialState.FAIL
        and counts_towards_budget(trial)
        and CARRIED_FROM not in trial.user_attrs
        for trial in trials[best + 1 :]
    )


def ended_early(study: optuna.Study, definition: StudyConfig, rule: StopRule) -> str | None:
    """Say why a study has ended with fewer trials than it was to reach.

    Returns:
        None when it has them, when the rest is under way elsewhere, or when no rule ended it. Not
        for a study that has tried its whole space: no rule ended that.
    """
    if len(taken(study.get_trials(deepcopy=False))) >= definition.trials:
        return None
    reason = rule.reason(study)
    if reason is None and rule.stagnation is not None:
        return f"{_no_better(rule.stagnation)}, but one that was under way then"
    return reason


def _no_better(trials: int) -> str:
    return f"{trials} trial{'s'[: trials > 1]} brought no better one"


def give_up_if_hopeless(trials: Sequence[FrozenTrial]) -> None:
    """End a study whose first trials all failed.

    Args:
        trials: Those of the study.

    Raises:
        WorkError: With their reasons.
    """
    finished = [t for t in trials if counts_towards_budget(t)]
    if len(finished) >= GIVE_UP_AFTER and all(t.state == TrialState.FAIL for t in finished):
        reasons = dict.fromkeys(str(t.user_attrs.get(FAILURE)) for t in finished)
        raise WorkError(
            f"the first {len(finished)} trials all failed: {'; '.join(reasons)}; mend that, and "
            "begin again with another --study-name"
        )
