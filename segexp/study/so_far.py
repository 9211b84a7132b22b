"""How far a study is, for a progress display."""

from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial

from segexp.study.best import best_of
from segexp.study.budget import counts_towards_budget
from segexp.study.plan import ListPlan, SearchPlan
from segexp.study.standing import score_of


@dataclass(frozen=True)
class SoFar:
    """How far a study is.

    Attributes:
        study: Its name.
        ended: How many trials ended that count towards its budget.
        trials: How many it is to reach.
        best: The number of the best complete trial; None without one.
        score: Its first objective; None without one.
    """

    study: str
    ended: int
    trials: int
    best: int | None = None
    score: float | None = None


def so_far(study: str, plan: SearchPlan | ListPlan, trials: Sequence[FrozenTrial]) -> SoFar:
    """Say how far a study is."""
    if isinstance(plan, ListPlan):
        wanted = len(plan.listed)
    else:
        wanted = plan.base.study.trials
        if plan.points.keys is not None:
            wanted = min(wanted, len(plan.points.keys))
    best = best_of(trials)
    ended = sum(map(counts_towards_budget, trials))
    if best is None:
        return SoFar(study, ended, wanted)
    return SoFar(study, ended, wanted, best.number, score_of(best))
