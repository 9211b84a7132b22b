from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from segexp.study.attributes import (
    FAILURE,
    INTERRUPTED,
    PROMOTES,
    RETRY,
    RETRY_OF,
)
from segexp.study.budget import (
    counts_towards_budget,
    forerunners,
    not_taken,
    params_of,
    place_of,
    sampling_place,
    taken,
)
from segexp.study.reconcile import (
    close_abandoned,
    drop,
    queue_retries,
)
from tests.study.left_trials import COMPLETE, FAIL, PRUNED, begin, planted


def test_a_trials_place_counts_no_trial_that_tries_another_again() -> None:
    marks: list[dict[str, int]] = [{}, {}, {RETRY_OF: 1}, {}, {PROMOTES: 0}, {RETRY_OF: 4}, {}]
    trials = [create_trial(state=TrialState.COMPLETE, value=0.0, user_attrs=m) for m in marks]
    assert [sampling_place(number, trials) for number in (0, 1, 3, 4, 6)] == [0, 1, 2, 3, 4]
    assert [sampling_place(number, trials) for number in (2, 5)] == [1, 3]  # theirs: 1 and 4's
    for trial in trials[:3]:  # what becomes of earlier trials does not matter
        trial.state = TrialState.FAIL
    assert sampling_place(6, trials) == 4


NUMBERS = st.sampled_from([0, 1, 1.0, True, 2, "1", None])  # some of them equal across types
PARAMS = st.fixed_dictionaries({"a": NUMBERS}, optional={"b": NUMBERS})


@given(st.lists(PARAMS, max_size=12), st.lists(st.tuples(PARAMS, st.booleans()), max_size=12))
@settings(deadline=None)
def test_what_no_trial_has_taken_is_what_the_definition_says(
    listed: list[dict[str, Any]], drawn: list[tuple[dict[str, Any], bool]]
) -> None:
    trials = [
        create_trial(
            state=TrialState.FAIL if has_ended else TrialState.WAITING,
            system_attrs={"fixed_params": params},
        )
        for params, has_ended in drawn
    ]
    known = [params_of(trial) for trial in taken(trials)]
    assert not_taken(listed, trials) == [params for params in listed if params not in known]


@pytest.fixture
def study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(direction="maximize")


def test_forerunners_are_the_interrupted_trials_before_the_last_one_first(
    study: optuna.Study,
) -> None:
    for _ in range(2):
        begin(study)
        close_abandoned(study)
    trials = study.trials
    assert [t.number for t in forerunners(trials[2], trials)] == [1, 0]
    assert forerunners(trials[0], trials) == []
    circle = [
        create_trial(state=COMPLETE, value=0.0, user_attrs={RETRY_OF: other}) for other in (1, 0)
    ]
    assert len(forerunners(circle[0], circle)) == 2  # it ends


def test_what_counts_is_what_ended_by_itself(study: optuna.Study) -> None:
    for state in (COMPLETE, PRUNED, FAIL):
        study.tell(begin(study, None), 1.0 if state == COMPLETE else None, state=state)
    begin(study, None)
    study.enqueue_trial({"x": 1.0})
    drop(study, study.trials[4], "not wanted")
    study.enqueue_trial({"x": 0.5})
    trials = study.trials
    assert [counts_towards_budget(t) for t in trials] == [True, True, True, False, False, False]
    assert [t.number for t in taken(trials)] == [0, 1, 2, 3]
    assert trials[4].user_attrs[FAILURE] == "not wanted"
    queue_retries(study, study.trials)
    assert len(study.trials) == 6


def test_a_promoted_trial_takes_the_place_of_the_pruned_one() -> None:
    study = optuna.create_study(direction="maximize")
    for trial in (
        planted(PRUNED),
        planted(FAIL, **{INTERRUPTED: RETRY}),
        planted(COMPLETE, **{RETRY_OF: 1}),
        planted(COMPLETE, **{PROMOTES: 0}),
        planted(COMPLETE),
    ):
        study.add_trial(trial)
    trials = study.trials
    # The interrupted trial 1 has no place, and trial 3 is the configuration of trial 0.
    assert [place_of(trials[n], trials) for n in (0, 2, 3, 4)] == [1, 2, 1, 3]
