"""Rungs: decisions as Optuna's own where nothing is interrupted, and the right ones elsewhere."""

from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.pruners import BasePruner
from optuna.trial import TrialState, create_trial

from segexp.study.attributes import PROMOTES
from segexp.study.config import Pruner
from segexp.study.pruners import make_pruner
from segexp.study.rungs import PlacedHyperbandPruner, RungPruner
from segexp.study.storage.open import hush_optuna

EPOCHS = 9


@pytest.fixture(autouse=True)
def _quiet() -> None:
    hush_optuna()


def make_study(pruner: BasePruner) -> optuna.Study:
    return optuna.create_study(direction="maximize", study_name="street", pruner=pruner)


def run_trial(study: optuna.Study, values: list[float]) -> int:
    """Run a trial through its epochs' values; return after how many it was pruned, or 0."""
    trial = study.ask()
    return train(study, trial, values)


def train(study: optuna.Study, trial: optuna.Trial, values: list[float]) -> int:
    """Take a trial through its epochs' values; return after how many it was pruned, or 0."""
    for epoch, value in enumerate(values, start=1):
        trial.report(value, epoch)
        if epoch < len(values) and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return epoch
    study.tell(trial, max(values))
    return 0


def interrupt_and_go_on(study: optuna.Study, values: list[float], after: int) -> bool:
    """Fail a trial after an epoch, and try it again as segexp does: the past epochs at once.

    It failed before it was asked whether it is to go on after that epoch.

    Returns:
        Whether it is pruned when it is asked for the first time.
    """
    trial = study.ask()
    for epoch, value in enumerate(values[:after], start=1):
        trial.report(value, epoch)
        if epoch < after:
            assert not trial.should_prune()
    study.tell(trial, state=TrialState.FAIL)
    trial = study.ask()
    for epoch, value in enumerate(values[:after], start=1):
        trial.report(value, epoch)
    pruned = trial.should_prune()
    study.tell(trial, state=TrialState.PRUNED)
    return pruned


def curves(count: int, seed: int) -> list[list[float]]:
    """Rising curves that cross; rounded, so that some are equal at a rung."""
    rng = np.random.default_rng(seed)
    ends, rates = rng.random(count), rng.uniform(0.2, 2.0, count)
    epochs = np.arange(1, EPOCHS + 1)
    drawn = ends[:, None] * (1 - np.exp(-rates[:, None] * epochs))
    return np.round(drawn + rng.normal(0, 0.03, drawn.shape), 2).tolist()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reduction_factor": 2},
        {"reduction_factor": 4, "min_resource": 2},
        {"min_early_stopping_rate": 1},
        {"bootstrap_count": 4},
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_without_interruptions_it_decides_as_optunas_own(
    options: dict[str, int], seed: int
) -> None:
    as_optuna = optuna.pruners.SuccessiveHalvingPruner(
        **{"min_resource": 1, "reduction_factor": 3, **options}
    )
    expected, ours = make_study(as_optuna), make_study(RungPruner(**options))
    ends = [run_trial(expected, values) for values in curves(60, seed)]
    assert [run_trial(ours, values) for values in curves(60, seed)] == ends
    assert len(set(ends)) > 1


def test_without_interruptions_hyperband_decides_as_optunas_own() -> None:
    options: Any = {"min_resource": 1, "max_resource": EPOCHS, "reduction_factor": 3}
    expected = make_study(optuna.pruners.HyperbandPruner(**options))
    ours = make_study(PlacedHyperbandPruner("street", **options))
    ends = [run_trial(expected, values) for values in curves(80, 0)]
    assert [run_trial(ours, values) for values in curves(80, 0)] == ends
    assert len(set(ends)) > 2


def test_of_six_trials_the_best_two_pass_a_rung_of_factor_three() -> None:
    study = make_study(RungPruner(reduction_factor=3))
    first = [0.5, 0.1, 0.2, 0.3, 0.4]
    # Of fewer than six, the best one alone: what comes first has no rival.
    assert [run_trial(study, [v] * EPOCHS) for v in first] == [0, 1, 1, 1, 1]
    assert run_trial(study, [0.39] * EPOCHS) == 1
    assert run_trial(study, [0.45, *[0.0] * 8]) == 3  # second of seven; last at epoch 3


PRUNERS = {
    "successive_halving": {"reduction_factor": 2},
    # One bracket, as with as many epochs as the first rung has; its rungs go on beyond.
    "hyperband": {"reduction_factor": 2, "max_resource": 1},
}


@pytest.mark.parametrize("name", PRUNERS)
def test_an_interrupted_trial_does_not_compete_with_its_retry(name: str) -> None:
    study = make_study(make_pruner(Pruner(name=name, options=PRUNERS[name]), EPOCHS))
    for value in (0.5, 0.6, 0.7, 0.75):
        run_trial(study, [value] * EPOCHS)
    interrupt_and_go_on(study, [0.8, 0.8], after=2)
    # It is the third of six: 0.8, 0.75, 0.73. Were 0.8 counted twice, it were the fourth of seven.
    assert run_trial(study, [0.73] * EPOCHS) != 1


def test_optunas_own_counts_an_interrupted_trial_twice() -> None:
    """So the test above tells the two apart."""
    study = make_study(optuna.pruners.SuccessiveHalvingPruner(1, 2))
    for value in (0.5, 0.6, 0.7, 0.75):
        run_trial(study, [value] * EPOCHS)
    interrupt_and_go_on(study, [0.8, 0.8], after=2)
    assert run_trial(study, [0.73] * EPOCHS) == 1


@pytest.mark.parametrize("name", ["median", "percentile", "patient"])
def test_other_pruners_take_no_notice_of_trials_that_failed(name: str) -> None:
    pruner = make_pruner(Pruner(name=name), EPOCHS)
    study = make_study(pruner)
    for _ in range(8):
        trial = study.ask()
        for epoch in range(1, 9):
            trial.report(0.9, epoch)
        study.tell(trial, state=TrialState.FAIL)
    assert run_trial(study, [0.5 - epoch / 100 for epoch in range(EPOCHS)]) == 0


def test_a_promoted_trial_counts_at_each_rung_with_its_value_there() -> None:
    """Not with that of the epoch that it goes on from: 0.5 beats 0.3, and not 0.9."""
    study = make_study(RungPruner(reduction_factor=2))
    run_trial(study, [0.1] * EPOCHS)
    assert not interrupt_and_go_on(study, [0.3, 0.6, 0.9], after=3)  # 3 is no rung
    assert run_trial(study, [0.5] * EPOCHS) == 2  # of 0.1, 0.5 and 0.6 the best one passes


def test_a_trial_interrupted_before_its_rung_was_judged_is_judged_when_it_resumes() -> None:
    study = make_study(RungPruner(reduction_factor=2))
    for value in (0.5, 0.6, 0.7):
        run_trial(study, [value] * EPOCHS)
    assert interrupt_and_go_on(study, [0.65, 0.55], after=2)
    assert not interrupt_and_go_on(study, [0.65, 0.8], after=2)


def brackets_of(label: str, name: str, interrupted: list[int], count: int) -> list[int]:
    pruner = make_pruner(Pruner(name="hyperband"), 27, label)
    assert isinstance(pruner, PlacedHyperbandPruner)
    study = optuna.create_study(direction="maximize", study_name=name, pruner=pruner)
    for _ in range(count):
        study.tell(study.ask(), 0.0)
    trials = study.trials
    pruner.prune(study, trials[0])  # Optuna lays out the brackets then
    pruner.interrupted = interrupted
    return [pruner._get_bracket_id(study, trial) for trial in trials]


def test_hyperbands_brackets_follow_label_and_place_and_not_the_studys_name() -> None:
    as_optuna = optuna.pruners.HyperbandPruner(max_resource=27)
    study = optuna.create_study(direction="maximize", study_name="street", pruner=as_optuna)
    for _ in range(30):
        study.tell(study.ask(), 0.0)
    as_optuna.prune(study, study.trials[0])
    expected = [as_optuna._get_bracket_id(study, trial) for trial in study.trials]
    assert len(set(expected)) > 2
    assert brackets_of("street", "street", [], 30) == expected
    assert brackets_of("street", "another", [], 30) == expected
    # The trial after an interrupted one stands in its place.
    moved = brackets_of("street", "street", [4, 9], 32)
    assert [b for n, b in enumerate(moved) if n not in (4, 9)] == expected


def promote(study: optuna.Study, number: int, values: list[float]) -> int:
    """Let a stopped trial go on as segexp does; return after how many epochs it ends, or 0."""
    study.add_trial(
        create_trial(state=TrialState.WAITING, user_attrs={PROMOTES: number}, value=None)
    )
    return run_trial(study, values)


def test_a_stopped_trial_is_promoted_once_enough_others_did_worse() -> None:
    pruner = RungPruner(reduction_factor=2, promotion=True)
    study = make_study(pruner)
    assert run_trial(study, [0.5] * EPOCHS) == 0
    for value in (0.4, 0.3):
        assert run_trial(study, [value] * EPOCHS) == 1
        assert pruner.promotable(study.trials) is None  # of two or three the best one goes on
    assert run_trial(study, [0.2] * EPOCHS) == 1
    assert pruner.promotable(study.trials) == 1  # of four the best two
    # It is not judged again at its rung, where 0.5 and 0.45 are the best two of five by then.
    assert run_trial(study, [0.45] * EPOCHS) == 2  # and at the next one the second of two
    assert promote(study, 1, [0.4] * EPOCHS) == 2
    assert study.trials[5].intermediate_values == {1: 0.4, 2: 0.4}
    assert pruner.promotable(study.trials) is None


def test_a_configuration_counts_once_at_a_rung_however_often_it_was_stopped() -> None:
    pruner = RungPruner(reduction_factor=2, promotion=True)
    study = make_study(pruner)
    for value in (0.5, 0.4, 0.3, 0.2):
        run_trial(study, [value] * EPOCHS)
    promote(study, 1, [0.4] * EPOCHS)
    # Of five 0.5 and 0.4 are the best two; were 0.4 counted twice, 0.35 were not among three.
    assert run_trial(study, [0.35] * EPOCHS) == 1
    assert pruner.promotable(study.trials) is None
    assert run_trial(study, [0.1] * EPOCHS) == 1
    assert pruner.promotable(study.trials) == 5


def test_the_trial_that_came_furthest_is_promoted_first() -> None:
    pruner = RungPruner(reduction_factor=2, promotion=True)
    study = make_study(pruner)
    run_trial(study, [0.5, 0.9, *[0.9] * 7])
    assert run_trial(study, [0.6, 0.7, *[0.7] * 7]) == 2
    assert run_trial(study, [0.7, 0.6, *[0.6] * 7]) == 2
    assert run_trial(study, [0.4] * EPOCHS) == 1
    assert run_trial(study, [0.8, 0.1, *[0.1] * 7]) == 2
    for value in (0.3, 0.2, 0.1):
        run_trial(study, [value] * EPOCHS)
    assert pruner.promotable(study.trials) == 1  # at epoch 2; trial 0 at epoch 1 went on anyway


def test_without_promotion_no_trial_continues() -> None:
    pruner = RungPruner(reduction_factor=2)
    study = make_study(pruner)
    for value in (0.5, 0.4, 0.3, 0.2):
        run_trial(study, [value] * EPOCHS)
    assert pruner.promotable(study.trials) is None
    assert pruner.next_in_line(study.trials) == set()


def test_next_in_line_are_the_best_stopped_trials_of_each_rung() -> None:
    pruner = RungPruner(reduction_factor=2, promotion=True)
    study = make_study(pruner)
    run_trial(study, [0.9] * EPOCHS)
    stopped = [0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert [run_trial(study, [value] * EPOCHS) for value in stopped] == [1] * 6
    assert pruner.next_in_line(study.trials) == {1, 2}
    assert pruner.promotable(study.trials) == 1
    assert promote(study, 1, [0.6] * EPOCHS) == 2
    assert pruner.next_in_line(study.trials) == {2, 3, 7}


def test_a_trial_knows_before_it_is_stopped_whether_it_will_be_next_in_line() -> None:
    pruner = RungPruner(reduction_factor=8, promotion=True)
    study = make_study(pruner)
    run_trial(study, [0.9] * EPOCHS)
    found = []
    for value in (0.3, 0.2, 0.1, 0.25, 0.4, 0.25):
        trial = study.ask()
        trial.report(value, 1)
        assert trial.should_prune()
        trials = study.trials
        expected = pruner.will_be_next_in_line(trials[trial.number], trials)
        study.tell(trial, state=TrialState.PRUNED)
        found.append(expected)
    # 0.3 and 0.2 are the first two; 0.25 comes before 0.2, and 0.4 before all.
    assert found == [True, True, False, True, True, False]
    assert pruner.next_in_line(study.trials) == {1, 5}


@given(st.integers(2, 4), st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_in_the_end_the_best_share_of_each_rung_went_beyond_it(factor: int, seed: int) -> None:
    pruner = RungPruner(reduction_factor=factor, promotion=True)
    study = make_study(pruner)
    configurations = curves(25, seed)
    first_of: dict[int, int] = {}  # a trial's number to its configuration
    reached: dict[int, set[int]] = {}  # a configuration to the epochs that it trained
    begun = 0
    while True:
        number = pruner.promotable(study.trials)
        if number is None and begun == len(configurations):
            break
        assert number is None or number in pruner.next_in_line(study.trials)
        own = begun if number is None else first_of[number]
        first_of[len(study.trials)] = own
        begun += number is None
        values = configurations[own]
        end = run_trial(study, values) if number is None else promote(study, number, values)
        reached[own] = set(range(1, (end or EPOCHS) + 1))
    for rung in (factor**k for k in range(4) if factor**k < EPOCHS):
        there = sorted(
            (values[rung - 1], own)
            for own, values in enumerate(configurations)
            if rung in reached[own]
        )[::-1]
        for value, own in there[: len(there) // factor]:
            assert rung + 1 in reached[own], (rung, value)


def run_with_mapping(study: optuna.Study, mapping: str, values: list[float]) -> int:
    """Run a trial of a mapping through its epochs' values; return after how many it was pruned."""
    study.enqueue_trial({"mapping": mapping})
    trial = study.ask()
    trial.suggest_categorical("mapping", ["fine", "coarse"])
    return train(study, trial, values)


# After an epoch the finer mapping lies behind every coarse trial, after two epochs it is ahead.
SLOW = [0.1, *[0.9] * 8]


@pytest.mark.parametrize("name", PRUNERS)
def test_a_mapping_that_learns_later_is_not_stopped_for_it_at_the_first_rung(name: str) -> None:
    study = make_study(make_pruner(Pruner(name=name, options=PRUNERS[name]), EPOCHS))
    for value in (0.5, 0.4, 0.3, 0.2):
        run_with_mapping(study, "coarse", [value] * EPOCHS)
    assert run_with_mapping(study, "fine", SLOW) == 0
    assert run_with_mapping(study, "fine", [0.05, *[0.9] * 8]) == 1  # the second of two of its own
    # At the second rung all are rivals: of 0.5, 0.9 and 0.6 one passes.
    assert run_with_mapping(study, "coarse", [0.6] * EPOCHS) == 2


def test_where_rungs_compare_all_trials_it_is_stopped() -> None:
    options = {"reduction_factor": 2, "within_rungs": 0}
    study = make_study(make_pruner(Pruner(name="successive_halving", options=options), EPOCHS))
    for value in (0.5, 0.4, 0.3, 0.2):
        run_with_mapping(study, "coarse", [value] * EPOCHS)
    assert run_with_mapping(study, "fine", SLOW) == 1


@given(st.integers(2, 4), st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_who_passes_the_rungs_within_a_mapping_does_not_depend_on_other_mappings(
    factor: int, seed: int
) -> None:
    options: Any = {"reduction_factor": factor, "within_rungs": 9}
    mixed = make_study(RungPruner(**options))
    alone = {name: make_study(RungPruner(**options)) for name in ("fine", "coarse")}
    names = np.random.default_rng(seed).choice(["fine", "coarse"], 24)
    for name, values in zip(names, curves(24, seed), strict=True):
        assert run_with_mapping(mixed, name, values) == run_trial(alone[name], values)


def test_the_best_stopped_trials_of_each_mapping_keep_their_checkpoints_and_are_promoted() -> None:
    pruner = RungPruner(reduction_factor=4, promotion=True)
    study = make_study(pruner)
    for mapping, values, first_ends in (
        ("coarse", (0.9, 0.8, 0.7, 0.6, 0.5), 0),
        ("fine", (0.4, 0.3, 0.2, 0.1), 4),  # at the second rung it has 0.9 to beat
    ):
        ends = [run_with_mapping(study, mapping, [value] * EPOCHS) for value in values]
        assert ends == [first_ends, *[1] * (len(values) - 1)]
    of_value = {t.intermediate_values[1]: t.number for t in study.trials}
    kept = pruner.next_in_line(study.trials)
    assert kept == {of_value[value] for value in (0.8, 0.7, 0.4, 0.3, 0.2)}
    assert pruner.promotable(study.trials) is None
    for value in (0.05, 0.04, 0.03, 0.02):
        run_with_mapping(study, "fine", [value] * EPOCHS)
    # Of eight fine ones the best two pass; of five coarse ones the best one, as before.
    assert pruner.promotable(study.trials) == of_value[0.3]


@pytest.mark.parametrize("value", [-1, 1.5, True])
def test_an_impossible_number_of_rungs_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=f"within_rungs is {value!r}"):
        RungPruner(within_rungs=value)  # type: ignore[arg-type]
