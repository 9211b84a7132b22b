"""What each candidate of an A/B study scored in every arm, and which arms named it."""

from collections.abc import Callable, Hashable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from typing import Any

import numpy as np

from segexp.compare.candidates import Candidate
from segexp.compare.runs import FinalRuns, config_of
from segexp.compare.search import Search
from segexp.core.wording import signed
from segexp.evaluation.metrics import score
from segexp.evaluation.result import none_if_nan


@dataclass(frozen=True)
class ScoredCandidate:
    """A candidate that is complete in every arm.

    Attributes:
        candidate: Its params, and the arms whose searches named it.
        scores: Its mIoU in the common space by arm, on the held-out images, mean over its seeds.
    """

    candidate: Candidate
    scores: tuple[float, ...]


def scored_candidates(candidates: Sequence[Candidate], runs: FinalRuns) -> list[ScoredCandidate]:
    """Score the candidates, without those that failed in an arm."""
    mious = [[score(run.sum(axis=0)).miou for run in arm.common] for arm in runs.arms]
    configs = [config_of(params) for params in runs.listed]
    found = []
    for candidate in candidates:
        places = [r for r, config in enumerate(configs) if config == dict(candidate.params)]
        if places:
            means = tuple(float(np.mean([of_arm[r] for r in places])) for of_arm in mious)
            found.append(ScoredCandidate(candidate, means))
    return found


def described_candidate(scored: ScoredCandidate, names: Sequence[str]) -> dict[str, Any]:
    """Return plain values: params, the arms that named it, its score by arm, by their names."""
    return {
        "params": dict(scored.candidate.params),
        "named_by": [names[place] for place in scored.candidate.named_by],
        "common": {
            name: none_if_nan(value) for name, value in zip(names, scored.scores, strict=True)
        },
    }


def winner(
    place: int,
    search: Search,
    candidates: Sequence[ScoredCandidate],
    key: Callable[[Dict[str, Any]], Hashable],
) -> dict[str, Any] | None:
    """Return the scores of the winner of an arm's search when it was trained again.

    It is shown without a verdict: another search has another winner. None if its training is not
    complete: it failed, or an earlier look settled the study.

    Args:
        search: Its params are a configuration that every arm can train.
        candidates: Those that are complete in every arm.
        key: What tells configurations apart; see `segexp.compare.candidates.choose_candidates`.
    """
    won = key(search.params)
    found = next((c for c in candidates if key(c.candidate.params) == won), None)
    if found is None:
        return None
    return {
        "trial": search.best_trial,
        "params": dict(search.params),
        "tuning": search.best_value,
        "heldout": none_if_nan(found.scores[place]),
    }


def by_origin(
    candidates: Sequence[ScoredCandidate], a: str, b: str, places: Dict[str, int]
) -> dict[str, Any]:
    """Return the differences of a pair, b minus a: per candidate, and by the arm that named it.

    If the two means have different signs (``signs_differ``), the mean of all depends on which arm
    has more candidates.

    Args:
        candidates: Those that are complete in every arm.
    """
    if not candidates:
        return {}
    first, second = places[a], places[b]
    differences = [c.scores[second] - c.scores[first] for c in candidates]
    means = {
        name: _mean(
            d for d, c in zip(differences, candidates, strict=True) if place in c.candidate.named_by
        )
        for name, place in ((a, first), (b, second))
    }
    of_a, of_b = means[a], means[b]
    return {
        "differences": [none_if_nan(difference) for difference in differences],
        "by_origin": means,
        "signs_differ": of_a is not None and of_b is not None and of_a * of_b < 0,
    }


def _mean(differences: Any) -> float | None:
    values = list(differences)
    return none_if_nan(float(np.mean(values))) if values else None


def opposite_signs(pair: Dict[str, Any]) -> str | None:
    """Return a note if the candidates of the two arms differ in opposite directions, else None."""
    if not pair.get("signs_differ"):
        return None
    a, b, means = pair["a"], pair["b"], pair["by_origin"]
    kind = "its own candidates" if means[a] < 0 else "what the other found"
    return (
        f"Each arm prefers {kind}: {b} minus {a} is {signed(means[a])} on the candidates of {a}, "
        f"and {signed(means[b])} on those of {b}. The mean of all depends on how many there are of "
        "each."
    )
