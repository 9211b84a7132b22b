"""Which configurations of the arms' searches are trained in every arm."""

import optuna
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from segexp.compare.candidates import best_first, choose_candidates
from segexp.study.attributes import PROMOTES, RESULT

X = {"x": FloatDistribution(0, 100)}


def chosen(ranked: list[list[int]], count: int) -> list[tuple[int, tuple[int, ...]]]:
    params = [[{"x": x} for x in arm] for arm in ranked]
    return [(c.params["x"], c.named_by) for c in choose_candidates(params, count)]


def test_the_arms_name_their_best_in_turn_until_enough_stand() -> None:
    assert chosen([[1, 2, 3], [7, 8, 9]], 4) == [(1, (0,)), (7, (1,)), (2, (0,)), (8, (1,))]
    assert chosen([[1, 2, 3], [7, 8, 9]], 3) == [(1, (0,)), (7, (1,)), (2, (0,))]


def test_what_two_arms_name_is_one_candidate_with_two_names() -> None:
    assert chosen([[1, 2, 3], [2, 1, 9]], 3) == [(1, (0, 1)), (2, (0, 1)), (3, (0,))]


def test_params_that_train_the_same_are_one_candidate() -> None:
    ranked = [[{"arch": "Unet"}, {"arch": "FPN"}], [{"arch": "unet"}, {"arch": "PAN"}]]
    found = choose_candidates(ranked, 3, lambda params: str(params["arch"]).lower())
    assert [(c.params["arch"], c.named_by) for c in found] == [
        ("Unet", (0, 1)),
        ("FPN", (0,)),
        ("PAN", (1,)),
    ]


def test_a_repetition_takes_up_no_turn() -> None:
    assert chosen([[1, 1, 2], [3, 4, 5]], 4) == [(1, (0,)), (3, (1,)), (2, (0,)), (4, (1,))]


def test_of_searches_without_more_configurations_all_are_candidates() -> None:
    assert chosen([[1], [1, 4]], 6) == [(1, (0, 1)), (4, (1,))]
    assert chosen([[], []], 6) == []


@given(
    st.lists(st.lists(st.integers(0, 9), unique=True, max_size=8), min_size=2, max_size=4),
    st.integers(1, 12),
)
def test_candidates_differ_and_are_the_first_of_more(ranked: list[list[int]], count: int) -> None:
    found = chosen(ranked, count)
    values = [value for value, _ in found]
    assert len(values) == len(set(values)) == min(count, len({v for arm in ranked for v in arm}))
    assert [value for value, _ in chosen(ranked, count + 1)][: len(values)] == values
    assert all(value in ranked[arm] for value, arms in found for arm in arms)


def trial(x: float, value: float | None, epochs: dict[int, float], **attrs: object) -> FrozenTrial:
    state = TrialState.PRUNED if value is None else TrialState.COMPLETE
    return create_trial(
        state=state,
        value=value,
        params={"x": x},
        distributions=X,
        intermediate_values=epochs,
        user_attrs={**attrs, **({RESULT: {}} if value is not None else {})},
    )


def test_complete_trials_come_first_then_those_that_were_pruned_last() -> None:
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            trial(1, None, {1: 0.9}),
            trial(2, 0.3, {1: 0.1, 2: 0.2, 3: 0.3}),
            trial(3, None, {1: 0.1, 2: 0.15}),
            trial(4, 0.5, {1: 0.4, 2: 0.5, 3: 0.4}),
            trial(5, None, {1: 0.1, 2: 0.25}),
            trial(6, 0.3, {1: 0.1, 2: 0.2, 3: 0.3}),
        ]
    )
    study.add_trial(create_trial(state=TrialState.FAIL, params={"x": 7}, distributions=X))
    assert [params["x"] for params in best_first(study.trials)] == [4, 2, 6, 5, 3, 1]


def test_a_promoted_trial_is_named_once_with_its_final_result() -> None:
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            trial(1, None, {1: 0.4}),
            trial(2, 0.3, {1: 0.3}),
            trial(1, 0.6, {1: 0.4}, **{PROMOTES: 0}),
        ]
    )
    assert [params["x"] for params in best_first(study.trials)] == [1, 2]


def test_trials_that_meet_the_constraints_come_before_better_ones_that_do_not() -> None:
    trials = [trial(1, 0.9, {1: 0.9}), trial(2, 0.1, {1: 0.1})]
    trials[0].set_constraint("iou/person", 0.1)
    assert best_first(trials) == [{"x": 2}, {"x": 1}]
