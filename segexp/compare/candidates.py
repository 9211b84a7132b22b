"""The candidates of an A/B study: configurations that a search put among its best.

Another search of the same mapping finds another winner: in a table of recorded curves two winners
of 20 trials differ with a standard deviation of 0.048 mIoU (docs/method.md). So one winner does not
represent its mapping. Several good configurations from every arm's search are trained in every arm.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from segexp.study.budget import last_of_each
from segexp.study.standing import rank


@dataclass(frozen=True)
class Candidate:
    """A configuration that is trained in every arm.

    Attributes:
        params: By name, a point of the search space.
        named_by: The places, from 0, of the arms whose searches have it among their best.
    """

    params: Mapping[str, Any]
    named_by: tuple[int, ...]


def choose_candidates(
    ranked: Sequence[Sequence[Mapping[str, Any]]],
    count: int,
    key: Callable[[Mapping[str, Any]], Hashable] = lambda params: frozenset(params.items()),
) -> list[Candidate]:
    """Let the arms name their best in turn, until there are enough different configurations.

    In each turn every arm names the best configuration that it has not named yet. A configuration
    that several arms name is one candidate with several names.

    Args:
        ranked: By arm, the params of its trials, the best first; see `best_first`.
        key: What tells configurations apart, such as `segexp.study.untried.Points.key`; by default
            any difference does.

    Returns:
        The candidates, in the order in which they were first named; fewer than ``count`` if the
        searches have no more.

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
    """Leave out params that train the same as better ones: a repetition takes no turn."""
    found: dict[Hashable, Mapping[str, Any]] = {}
    for params in ranked:
        found.setdefault(key(params), params)
    return list(found.values())


def best_first(trials: Sequence[FrozenTrial]) -> list[dict[str, Any]]:
    """Return the params of the trials of a search, the best first.

    Complete trials come first, by `segexp.study.standing.rank`; then pruned trials, by their last
    epoch and then by their score there. Of equal trials the first comes first. Failed trials are
    left out.

    Args:
        trials: All trials of the study, in the order of their numbers.
    """
    ended = last_of_each(trials)
    complete = [t for t in ended if t.state == TrialState.COMPLETE]
    pruned = [t for t in ended if t.state == TrialState.PRUNED and t.intermediate_values]
    complete.sort(key=rank, reverse=True)  # stable: of equal trials the first stays first
    pruned.sort(key=_how_far, reverse=True)
    return [dict(trial.params) for trial in (*complete, *pruned)]


def _how_far(trial: FrozenTrial) -> tuple[int, float]:
    epoch = max(trial.intermediate_values)
    return epoch, trial.intermediate_values[epoch]
