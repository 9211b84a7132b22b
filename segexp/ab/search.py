"""What the searches of tuned arms did: recorded, so that anybody can see that they were equal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import TrialState

from segexp.best import best_trial
from segexp.errors import WorkError
from segexp.open_study import OpenStudy
from segexp.reconcile import last_of_each
from segexp.storage import FAILURE


@dataclass(frozen=True)
class Search:
    """The search of one arm.

    Attributes:
        study: The name of its Optuna study.
        states: How many of its trials ended how, without the interrupted ones; one that was pruned
            and went on is counted as it ended.
        epochs: Epochs that these trials trained, pruned ones included.
        best_trial: The number of the trial that is trained again.
        best_value: Its objective.
    """

    study: str
    states: dict[str, int]
    epochs: int
    best_trial: int
    best_value: float


def describe_search(opened: OpenStudy) -> Search:
    """Describe the search of an arm that has run.

    Raises:
        WorkError: When no trial is complete, with why trials failed.
    """
    trials = last_of_each(opened.study.get_trials(deepcopy=False))
    states = dict(sorted(Counter(t.state.name for t in trials).items()))
    best = best_trial(opened.study)
    if best is None or best.value is None:
        counted = ", ".join(f"{n} {name.lower()}" for name, n in states.items())
        reasons = dict.fromkeys(
            str(t.user_attrs[FAILURE]) for t in trials if FAILURE in t.user_attrs
        )
        raise WorkError(
            f"study {opened.study.study_name!r} has no complete trial to train again ({counted}"
            f"{': ' if reasons else ''}{'; '.join(reasons)}); give the arms more --trials"
        )
    epochs = sum(len(t.intermediate_values) for t in trials)
    return Search(opened.study.study_name, states, epochs, best.number, best.value)


def luck_of_searches(searches: Sequence[Search]) -> list[str]:
    """Say it of tuned arms: another search of as many trials may find another configuration."""
    if not searches:
        return []
    trials = max(sum(search.states.values()) for search in searches)
    return [
        f"The intervals know images and seeds, not the luck of a search of {trials} trials: they "
        "hold for the configurations that were found. More --trials make that luck smaller, "
        "--matched compares without a search."
    ]


def unequal_searches(searches: Sequence[Search]) -> list[str]:
    """Say it where the searches of the arms were not equal: one of them had more chances."""
    done = [
        sum(n for state, n in search.states.items() if state != TrialState.FAIL.name)
        for search in searches
    ]
    if len(set(done)) < 2:
        return []
    counted = ", ".join(f"{n} in {s.study}" for n, s in zip(done, searches, strict=True))
    return [
        f"The searches were not equal: of their trials {counted} did not fail. The arm with more "
        "of them had more chances."
    ]
