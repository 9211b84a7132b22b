"""How far a study is."""

from types import SimpleNamespace
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from segexp.study.attributes import INTERRUPTED, PROMOTES, RESULT
from segexp.study.plan import ListPlan
from segexp.study.so_far import SoFar, so_far


def trial(state: TrialState, value: float | None = None, **marks: Any) -> FrozenTrial:
    attributes = {f"segexp.{name}": mark for name, mark in marks.items()}
    ended = create_trial(state=state, value=value, user_attrs=attributes)
    return ended


TRIALS = [
    trial(TrialState.COMPLETE, 0.2, result={}),
    trial(TrialState.PRUNED),
    trial(TrialState.COMPLETE, 0.4, result={}),
    trial(TrialState.FAIL, interrupted="retry"),
    trial(TrialState.COMPLETE, 0.3, result={}, promotes=1),
    trial(TrialState.FAIL),
    trial(TrialState.RUNNING),
]


def test_the_attributes_are_those_of_trials() -> None:
    assert (RESULT, INTERRUPTED, PROMOTES) == (
        "segexp.result",
        "segexp.interrupted",
        "segexp.promotes",
    )


@pytest.mark.parametrize(
    ("points", "wanted"), [(None, 50), (frozenset(range(9)), 9), (frozenset(range(99)), 50)]
)
def test_trials_count_as_the_budget_counts_them_and_end_with_the_points_of_the_space(
    points: frozenset[int] | None, wanted: int
) -> None:
    study = SimpleNamespace(study=SimpleNamespace(trials=50))
    plan: Any = SimpleNamespace(base=study, points=SimpleNamespace(keys=points))
    for number, each in enumerate(TRIALS):
        each.number = number
    assert so_far("tiny", plan, TRIALS) == SoFar("tiny", 4, wanted, 2, 0.4)
    assert so_far("tiny", plan, TRIALS[-1:]) == SoFar("tiny", 0, wanted)


def test_a_study_that_trains_a_list_has_as_many_trials() -> None:
    base: Any = None
    assert so_far("final", ListPlan(base, ({}, {}, {})), ()) == SoFar("final", 0, 3)
