"""How trials stand to each other: by a score, by what they cost, and by what a study requires.

The first objective of a study is a score, which is maximised; all others are costs, which are
minimised. No import here loads torch.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial

from segexp.evaluation.result import TrialResult
from segexp.study.attributes import COSTS, RESULT


@dataclass(frozen=True, order=True)
class Standing:
    """What trials are ranked by: the greater, the better.

    Attributes:
        within: How far the trial is from what the study requires, 0 or less: 0 where it meets
            every constraint. A trial that does ranks before all that do not.
        score: The first objective; minus infinity where it is not finite.
        savings: The negated costs, in the order of the objectives; empty for a single objective.
    """

    within: float
    score: float
    savings: tuple[float, ...] = ()

    def beats(self, other: "Standing") -> bool:
        """Whether a trial that stands so leaves no reason to take the other one; equals do, too.

        Of two trials that do not meet the constraints, the one that is nearer beats the other
        (constrained domination: Deb et al. 2002, IEEE Transactions on Evolutionary Computation 6).
        """
        if self.within != other.within:
            return self.within > other.within
        return self.score >= other.score and all(
            own >= its for own, its in zip(self.savings, other.savings, strict=True)
        )


def standing_of(trial: FrozenTrial) -> Standing:
    """Return how a trial stands that is complete."""
    return make_standing(trial.values or (-math.inf,), trial.constraints)


def make_standing(values: Sequence[float], excesses: Mapping[str, float]) -> Standing:
    """Return how a trial stands with the values of its objectives.

    Args:
        values: The score first, from `values_of`.
        excesses: By how much it misses each constraint, over 0 if it does.
    """
    score, *costs = values
    return Standing(
        -_missed(excesses),
        score if math.isfinite(score) else -math.inf,
        tuple(-cost for cost in costs),
    )


def values_of(result: TrialResult, costs: Sequence[str]) -> list[float]:
    """Return the values of a study's objectives: the score, and the costs of these names."""
    figures = result.cost or {}
    return [result.value, *(float(figures[name]) for name in costs)]


def score_of(trial: FrozenTrial) -> float | None:
    """Return the first objective of a trial; Optuna's `value` refuses where there are several."""
    return trial.values[0] if trial.values else None


def excess_of(trial: FrozenTrial) -> float:
    """Return by how much a trial misses its study's constraints, as far as that is known.

    The sum over the constraints, each relative to its bound; 0 where it meets all of them.
    """
    return _missed(trial.constraints)


def _missed(excesses: Mapping[str, float]) -> float:
    return sum(excess for excess in excesses.values() if excess > 0)


def front_of(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials with a result that no other one beats, the best score first.

    For a single objective that is the best trial. Of equal trials one is on the front: one with a
    bundle, as only the first to end keeps it, and then the first.
    """
    found = list(trials)
    if found and not standing_of(found[0]).savings:  # one pass, for studies of many trials
        return [max(found, key=rank)]
    front: list[tuple[Standing, FrozenTrial]] = []
    for trial in sorted(found, key=rank, reverse=True):  # no later one beats an earlier one
        own = standing_of(trial)
        if not any(standing.beats(own) for standing, _ in front):
            front.append((own, trial))
    return [trial for _, trial in front]


def rank(trial: FrozenTrial) -> tuple[Standing, bool]:
    """Return what complete trials are ranked by: how they stand, and whether there is a bundle.

    Of two workers' equal trials, only the first to end keeps a bundle.
    """
    return standing_of(trial), trial.user_attrs.get(RESULT, {}).get("bundle") is not None


def is_rival(other: FrozenTrial, own: FrozenTrial) -> bool:
    """Whether a trial counts where another is judged by its score before it has ended.

    A trial is not stopped for what dearer trials reach: with a lower score it may still be on the
    front. Nor for what trials reach that are known to miss a constraint, which rank below it if it
    meets all. Costs are known before a trial's first epoch.
    """
    if COSTS not in other.user_attrs and not other.constraints:  # as in most studies: at once
        return True
    costs, of_own = (trial.user_attrs.get(COSTS, ()) for trial in (other, own))
    is_dearer = len(costs) == len(of_own) and any(
        cost > its for cost, its in zip(costs, of_own, strict=True)
    )
    return not is_dearer and (other.number == own.number or not excess_of(other))
