"""The candidates of an A/B study: configurations that a search put among its best.

One search finds one winner, and another search of the same mapping another one: in a table of
recorded curves two winners of 20 trials differ with a standard deviation of 0.048 mIoU
(docs/method.md). So no winner stands for its mapping. Several good configurations, of every arm's
search, are trained in every arm.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from segexp.study.best import rank
from segexp.study.budget import last_of_each


@dataclass(frozen=True)
class Candidate:
    """A configuration that is trained in every arm.

    Attributes:
        params: By name, a point of the search space.
        named_by: The places of the arms whose searches have it among their best, from 0.
    """

    params: Mapping[str, Any]
    named_by: tuple[int, ...]


def choose_candidates(
    ranked: Sequence[Sequence[Mapping[str, Any]]],
    count: int,
    key: Callable[[Mapping[str, Any]], Hashable] = lambda params: frozenset(params.items()),
) -> list[Candidate]:
    """Let the arms name their best in turn, until there are enough different configurations.

    In each turn every arm names its best configuration that it has not named yet. One that another
    arm named before gets a second name and no second place.

    Args:
        ranked: By arm, the params of its trials, the best first; see `best_first`.
        count: How many candidates there are to be.
        key: What tells configurations apart, such as `segexp.study.untried.Points.key`; by default
            any difference does.

    Returns:
        As many, in the order in which they were first named; fewer where the searches have no more.

    Example:
        >>> found = choose_candidates([[{"x": 1}, {"x": 2}], [{"x": 1}, {"x": 3}]], 2)
        >>> [(dict(c.params), c.named_by) for c in found]
        [({'x': 1}, (0, 1)), ({'x': 2}, (0,))]
    """
    named = [_first_of_each(params_of_arm, key) for params_of_arm in ranked]
    found: dict[Hashable, tuple[Mapping[str, Any], set[int]]] = {}
    for turn in range(max(map(len, named), default=0)):
        for arm, params_of_arm in enumerate(named):
            if turn >= len(params_of_arm):
                continue
            params = params_of_arm[turn]
            if key(params) in found or len(found) < count:
                found.setdefault(key(params), (params, set()))[1].add(arm)
        if len(found) == count:
            break
    return [Candidate(params, tuple(sorted(arms))) for params, arms in found.values()]


def _first_of_each(
    ranked: Sequence[Mapping[str, Any]], key: Callable[[Mapping[str, Any]], Hashable]
) -> list[Mapping[str, Any]]:
    """Leave out what trains the same as something better: a repetition takes up no turn."""
    found: dict[Hashable, Mapping[str, Any]] = {}
    for params in ranked:
        found.setdefault(key(params), params)
    return list(found.values())


def best_first(trials: Sequence[FrozenTrial]) -> list[dict[str, Any]]:
    """Return the params of the trials of a search, the best first.

    Complete trials by `segexp.study.best.rank`, then the pruned ones: what came furthest before
    what was ended earlier, and of these the better one at its last epoch. Of equal ones the first.
    A trial that failed names nothing.

    Args:
        trials: All of the study, in the order of their numbers.
    """
    ended = last_of_each(trials)
    complete = [t for t in ended if t.state == TrialState.COMPLETE]
    pruned = [t for t in ended if t.state == TrialState.PRUNED and t.intermediate_values]
    complete.sort(key=rank, reverse=True)  # is stable: of equal ones the first stays first
    pruned.sort(key=_how_far, reverse=True)
    return [dict(trial.params) for trial in (*complete, *pruned)]


def _how_far(trial: FrozenTrial) -> tuple[int, float]:
    epoch = max(trial.intermediate_values)
    return epoch, trial.intermediate_values[epoch]
