"""What the searches of the arms did: recorded, so that anyone can check that they were equal."""

from collections import Counter
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from segexp.compare.candidates import Candidate
from segexp.core.errors import WorkError
from segexp.study.attributes import FAILURE
from segexp.study.best import best_trial
from segexp.study.budget import last_of_each
from segexp.study.standing import score_of


@dataclass(frozen=True)
class Search:
    """The search of one arm.

    Attributes:
        study: The name of its Optuna study.
        states: How many of its trials ended in each state, without the interrupted ones; a trial
            that was pruned and resumed counts once, with its last state.
        epochs: Epochs that these trials trained, including pruned ones.
        seconds: How long all its trials ran, one after the other.
        params: Those of its best trial.
    """

    study: str
    states: dict[str, int]
    epochs: int
    seconds: float
    best_trial: int
    best_value: float
    params: Dict[str, Any]


@dataclass(frozen=True)
class Found:
    """The configurations that the arms are compared on, and the searches that found them.

    Attributes:
        searches: By arm; empty for matched arms.
        candidates: In the order of training; for tuned arms the winner of each.
    """

    searches: tuple[Search, ...]
    candidates: tuple[Candidate, ...]


def describe_search(study: optuna.Study) -> Search:
    """Describe the search of an arm after it has run.

    Raises:
        WorkError: When no trial is complete; says why trials failed.
    """
    trials = last_of_each(study.get_trials(deepcopy=False))
    states = dict(sorted(Counter(t.state.name for t in trials).items()))
    best = best_trial(study)
    if best is None or (score := score_of(best)) is None:
        counted = ", ".join(f"{n} {name.lower()}" for name, n in states.items())
        reasons = dict.fromkeys(
            str(t.user_attrs[FAILURE]) for t in trials if FAILURE in t.user_attrs
        )
        raise WorkError(
            f"study {study.study_name!r} has no complete trial to train again ({counted}"
            f"{': ' if reasons else ''}{'; '.join(reasons)}); give the arms more --trials"
        )
    epochs = sum(len(t.intermediate_values) for t in trials)
    seconds = sum(map(seconds_of, study.get_trials(deepcopy=False)))
    name, params = study.study_name, dict(best.params)
    return Search(name, states, epochs, seconds, best.number, score, params)


def seconds_of(trial: FrozenTrial) -> float:
    """Return how long a trial ran; 0 if it has not ended."""
    return trial.duration.total_seconds() if trial.duration else 0.0


def luck_of_searches(searches: Sequence[Search]) -> list[str]:
    """Return the caveat of tuned arms: another search of as many trials may find another winner."""
    trials = max(sum(search.states.values()) for search in searches)
    return [
        "This study was begun by an earlier segexp, which compared the winner of one search with "
        "that of another. The intervals include images and seeds, but not the luck of a search of "
        f"{trials} trials: they hold for these two configurations. Two searches of the same "
        "mapping were told apart in about half of replayed studies (docs/method.md). A new study "
        "with another --study-name includes that luck."
    ]


def unequal_searches(searches: Sequence[Search]) -> list[str]:
    """Return a caveat if the searches of the arms were not equal: one had more chances."""
    done = [
        sum(n for state, n in search.states.items() if state != TrialState.FAIL.name)
        for search in searches
    ]
    if len(set(done)) < 2:
        return []
    counted = ", ".join(f"{n} in {s.study}" for n, s in zip(done, searches, strict=True))
    return [
        f"The searches were not equal: of their trials, {counted} did not fail. The arm with more "
        "had more chances."
    ]
