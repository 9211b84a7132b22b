from typing import Any

from optuna.trial import FrozenTrial, TrialState, create_trial

from segexp.study.attributes import COSTS, RESULT
from segexp.study.standing import Standing, excess_of, front_of, is_rival, rank


def made(
    number: int,
    *values: float,
    excess: float | None = None,
    bundle: str | None = None,
    costs: tuple[float, ...] | None = None,
    state: TrialState = TrialState.COMPLETE,
) -> FrozenTrial:
    attrs: dict[str, Any] = {RESULT: {"bundle": bundle}}
    if costs is not None:
        attrs[COSTS] = list(costs)
    trial = create_trial(
        state=state,
        values=list(values) or None,
        user_attrs=attrs,
        system_attrs={} if excess is None else {"constraints:iou/person": excess},
    )
    trial.number = number
    return trial


def numbers(trials: list[FrozenTrial]) -> list[int]:
    return [trial.number for trial in trials]


def test_the_front_has_what_no_trial_beats_in_score_and_every_cost():
    # Worked by hand. 3 is beaten by 1 (a better score for less), 4 by 2 (the same score for less).
    trials = [
        made(0, 0.50, 20.0),
        made(1, 0.45, 12.0),
        made(2, 0.30, 5.0),
        made(3, 0.44, 13.0),
        made(4, 0.30, 6.0),
    ]
    assert numbers(front_of(trials)) == [0, 1, 2]


def test_of_two_costs_either_keeps_a_trial_on_the_front():
    trials = [made(0, 0.5, 20.0, 3e6), made(1, 0.4, 21.0, 2e6), made(2, 0.4, 21.0, 3e6)]
    assert numbers(front_of(trials)) == [0, 1]


def test_the_front_of_one_objective_is_the_best_trial():
    assert numbers(front_of([made(0, 0.3), made(1, 0.5), made(2, 0.5), made(3, 0.4)])) == [1]


def test_of_equal_trials_the_one_that_kept_its_bundle_is_on_the_front():
    assert numbers(front_of([made(0, 0.5, 9.0), made(1, 0.5, 9.0, bundle="b")])) == [1]


def test_a_trial_that_meets_the_constraints_beats_every_one_that_does_not():
    trials = [made(0, 0.9, 1.0, excess=0.01), made(1, 0.1, 9.0, excess=-0.2)]
    assert numbers(front_of(trials)) == [1]
    assert max(trials, key=rank).number == 1


def test_where_none_meets_them_the_nearest_alone_is_on_the_front():
    trials = [
        made(0, 0.9, 1.0, excess=0.3),
        made(1, 0.1, 9.0, excess=0.2),
        made(2, 0.5, 1.0, excess=0.4),
    ]
    assert numbers(front_of(trials)) == [1]


def test_what_is_missed_adds_up_and_what_is_exceeded_does_not():
    trial = made(0, 0.5)
    for name, excess in {"a": 0.25, "b": -3.0, "c": 0.5}.items():
        trial.set_constraint(name, excess)
    assert excess_of(trial) == 0.75


def test_a_score_that_is_not_finite_ranks_lowest():
    assert rank(made(0, float("inf"))) < rank(made(1, 0.1))


def test_equal_standings_beat_each_other():
    assert Standing(0.0, 0.5, (-9.0,)).beats(Standing(0.0, 0.5, (-9.0,)))


def test_rivals_are_no_dearer():
    own = made(3, costs=(9.0, 2e6), state=TrialState.RUNNING)
    equal, cheaper = made(0, 0.5, costs=(9.0, 2e6)), made(1, 0.5, costs=(8.0, 2e6))
    dearer = made(2, 0.5, costs=(8.0, 3e6))
    assert is_rival(equal, own)
    assert is_rival(cheaper, own)
    assert not is_rival(dearer, own)
    assert is_rival(own, own)


def test_a_trial_that_is_known_to_miss_a_constraint_is_no_rival():
    own = made(3, state=TrialState.RUNNING, excess=0.5)
    assert not is_rival(made(0, 0.5, excess=0.1), own)
    assert is_rival(made(1, 0.5, excess=0.0), own)
    assert is_rival(made(2, 0.5), own)
    assert is_rival(own, own)
