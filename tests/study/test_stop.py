"""When a study ends before it has its trials."""

import math
import time

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.study import StudyDirection
from optuna.terminator import BestValueStagnationEvaluator
from optuna.trial import TrialState, create_trial

from segexp.study.attributes import CARRIED_FROM, INTERRUPTED, RESULT
from segexp.study.config import StudyConfig
from segexp.study.stop import NEVER, TIME_IS_UP, StopRule, ended_early, trials_since_best
from segexp.study.storage.open import hush_optuna

hush_optuna()
COMPLETE, PRUNED, FAIL, RUNNING, WAITING = (
    TrialState.COMPLETE,
    TrialState.PRUNED,
    TrialState.FAIL,
    TrialState.RUNNING,
    TrialState.WAITING,
)


def study_of(*trials: float | TrialState, **attributes: object) -> optuna.Study:
    """A study of trials that are complete with a value, or in a state without one.

    Args:
        attributes: Of the last trial.
    """
    study = optuna.create_study(direction="maximize")
    for place, trial in enumerate(trials, start=1):
        state = trial if isinstance(trial, TrialState) else COMPLETE
        own = {RESULT: {"bundle": None}} if state == COMPLETE else {}
        if place == len(trials):
            own |= attributes
        value = trial if isinstance(trial, float) else None
        study.add_trial(create_trial(state=state, value=value, user_attrs=own))
    return study


def of(trials: int, sampler: str = "tpe") -> StudyConfig:
    """The definition of a study."""
    return StudyConfig.model_validate(
        {"name": "tiny", "trials": trials, "sampler": sampler, "space": {"learning_rate": [1]}}
    )


def test_without_a_rule_a_study_continues() -> None:
    assert NEVER.reason(study_of(0.5, *[0.1] * 100)) is None


def test_time_is_up_from_the_deadline_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert StopRule(deadline=time.monotonic()).reason(study_of()) == TIME_IS_UP
    for now, reason in ((9.9, None), (10.0, TIME_IS_UP), (10.1, TIME_IS_UP)):
        monkeypatch.setattr("segexp.study.stop.monotonic", lambda now=now: now)
        assert StopRule(deadline=10.0).reason(study_of(0.5)) == reason
    assert StopRule(math.inf).reason(study_of(0.5)) is None


@given(values=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=8))
def test_of_complete_trials_as_many_count_as_with_optunas_stagnation(values: list[float]) -> None:
    study = study_of(*values)
    left = BestValueStagnationEvaluator(100).evaluate(study.trials, StudyDirection.MAXIMIZE)
    assert trials_since_best(study) == 100 - left


def test_trials_without_a_better_one_end_the_study() -> None:
    rule = StopRule(stagnation=3)
    assert rule.reason(study_of(0.1, 0.5, 0.2, 0.5)) is None
    assert rule.reason(study_of(0.1, 0.5, 0.2, 0.5, 0.4)) == "3 trials brought no better one"
    assert rule.reason(study_of(0.1, 0.5, 0.2, 0.5, 0.6)) is None


def test_a_pruned_trial_was_no_better_either_and_others_say_nothing() -> None:
    assert trials_since_best(study_of(0.5, PRUNED, 0.4, PRUNED)) == 3
    assert trials_since_best(study_of(0.5, 0.4, FAIL, RUNNING, WAITING)) == 1
    assert trials_since_best(study_of(0.5, FAIL, **{INTERRUPTED: True})) == 0


def test_before_any_trial_is_complete_no_best_one_counts() -> None:
    assert StopRule(stagnation=1).reason(study_of()) is None
    assert StopRule(stagnation=1).reason(study_of(*[PRUNED] * 5)) is None


def test_what_a_revision_carried_over_does_not_end_it() -> None:
    assert trials_since_best(study_of(0.5, 0.4, 0.3)) == 2
    assert trials_since_best(study_of(0.5, 0.4, 0.3, **{CARRIED_FROM: "tiny/2"})) == 1


def test_a_study_ended_early_only_when_trials_are_left_to_begin() -> None:
    late = StopRule(deadline=time.monotonic())
    assert ended_early(study_of(0.5, PRUNED), of(3), late) == TIME_IS_UP
    assert ended_early(study_of(0.5, PRUNED), of(2), late) is None
    assert ended_early(study_of(0.5, RUNNING), of(2), late) is None  # another process runs it
    assert ended_early(study_of(0.5, FAIL, **{INTERRUPTED: True}), of(2), late) == TIME_IS_UP


def test_what_ended_a_study_is_said_also_when_a_trial_under_way_was_better() -> None:
    reason = "2 trials brought no better one"
    rule = StopRule(stagnation=2)
    assert ended_early(study_of(0.5, 0.4, 0.3), of(9), rule) == reason
    better = ended_early(study_of(0.5, 0.4, 0.3, 0.6), of(9), rule)
    assert better == f"{reason}, but one that was under way then"
