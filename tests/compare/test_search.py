"""What a search did, by hand-worked studies."""

from datetime import datetime, timedelta

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from segexp.compare.search import Search, describe_search, luck_of_searches, unequal_searches
from segexp.core.errors import WorkError
from segexp.study.attributes import FAILURE, INTERRUPTED, PROMOTES, RESULT

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL
BEGAN = datetime(2026, 1, 1)
RATE = optuna.distributions.FloatDistribution(0.0, 1.0)


def trial(
    state: TrialState, epochs: int, value: float | None = None, **attrs: object
) -> FrozenTrial:
    made = create_trial(
        state=state,
        value=value,
        params={"learning_rate": 0.1 * epochs},
        distributions={"learning_rate": RATE},
        intermediate_values=dict.fromkeys(range(1, epochs + 1), value or 0.0),
        user_attrs=attrs,
    )
    made.datetime_start, made.datetime_complete = BEGAN, BEGAN + timedelta(seconds=10 * epochs)
    return made


def study_of(*trials: FrozenTrial) -> optuna.Study:
    study = optuna.create_study(study_name="ab-merged10", direction="maximize")
    study.add_trials(trials)
    return study


def test_a_search_counts_its_trials_epochs_and_seconds() -> None:
    found = describe_search(
        study_of(
            trial(COMPLETE, 3, 0.4, **{RESULT: {"bundle": "x"}}),
            trial(PRUNED, 1, 0.2),
            trial(FAIL, 2, **{INTERRUPTED: "retry"}),  # tried again: no trial of its own
            trial(FAIL, 1, **{FAILURE: "DivergedError: nan"}),
            trial(COMPLETE, 4, 0.5, **{RESULT: {"bundle": "y"}, PROMOTES: 1}),
        )
    )
    assert found.study == "ab-merged10"
    assert found.states == {"COMPLETE": 2, "FAIL": 1}  # the pruned one went on
    assert found.epochs == 3 + 1 + 4
    assert found.seconds == 10 * (3 + 1 + 2 + 1 + 4)
    assert (found.best_trial, found.best_value) == (4, 0.5)
    assert found.params == {"learning_rate": pytest.approx(0.4)}


def test_a_search_without_a_complete_trial_says_why() -> None:
    failed = trial(FAIL, 1, **{FAILURE: "DivergedError: nan"})
    with pytest.raises(
        WorkError, match=r"no complete trial .*\(1 fail, 1 pruned: DivergedError: nan\)"
    ):
        describe_search(study_of(failed, trial(PRUNED, 1, 0.1)))


def search(study: str, **states: int) -> Search:
    return Search(study, states, 0, 0.0, 0, 0.5, {})


def test_an_arm_whose_search_had_more_chances_is_named() -> None:
    equal = [search("a", COMPLETE=5, PRUNED=2), search("b", COMPLETE=7, FAIL=0)]
    assert unequal_searches(equal) == []
    (said,) = unequal_searches([search("a", COMPLETE=5, PRUNED=2), search("b", COMPLETE=6, FAIL=1)])
    assert "7 in a, 6 in b did not fail" in said


def test_winners_of_searches_are_said_to_have_their_luck() -> None:
    (said,) = luck_of_searches([search("a", COMPLETE=5, PRUNED=2), search("b", COMPLETE=6)])
    assert "the luck of a search of 7 trials" in said
