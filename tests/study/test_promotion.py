"""Pruned trials that go on later, in real studies."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.planted_scores import in_order, plant_scores
from segexp.core.errors import Interrupted
from segexp.study import ask as asking
from segexp.study.ask import trials_left
from segexp.study.attributes import FAILURE, INTERRUPTED, PROMOTES, RETRY, RETRY_OF
from segexp.study.best import find_best
from segexp.study.budget import taken
from segexp.study.next_trial import run_next_trial
from segexp.study.promotion import epochs_judged, first_number, number_before, promoted
from segexp.study.reconcile import next_promotion, queue_promotion
from segexp.study.view import view_study
from tests.tiny_study import Said, opened, raising, records_of, run, states

EPOCHS = 3
PROMOTION = {
    "pruner": {
        "name": "successive_halving",
        "options": {"reduction_factor": 2, "promotion": True},
    },
    "training.epochs": EPOCHS,
    "trials": 6,
}


# The better half goes on after the first epoch: of the first four the baseline, which runs to its
# end anyway, and the second, which then overtakes it; of all six the third, too, which is the last
# of three after the second epoch and is stopped again.
CURVES = [
    (0.30, 0.31, 0.32),
    (0.20, 0.40, 0.45),
    (0.15, 0.16, 0.17),
    (0.10, 0.11, 0.12),
    (0.05, 0.06, 0.07),
    (0.04, 0.05, 0.06),
]
GO_ON = {4: 1, 7: 2}  # which trials take over which
ENDS = {4: TrialState.COMPLETE, 7: TrialState.PRUNED}


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    plant_scores(in_order(CURVES), monkeypatch.setattr)


def promotions(study: optuna.Study) -> list[FrozenTrial]:
    return [trial for trial in study.trials if PROMOTES in trial.user_attrs]


@pytest.mark.slow
def test_a_pruned_trial_later_among_the_best_resumes_from_its_checkpoint(
    project: Path,
) -> None:
    display = Said()
    study, ran = run(project, display, **PROMOTION)
    gone_on = promotions(study)
    assert {t.number: t.user_attrs[PROMOTES] for t in gone_on} == GO_ON
    assert {t.number: t.state for t in gone_on} == ENDS
    assert ran == len(study.trials) == 8
    for trial in gone_on:
        before = study.trials[trial.user_attrs[PROMOTES]]
        assert before.state == TrialState.PRUNED and before.params == trial.params
        done = before.last_step or 0
        assert [epoch for number, epoch in display.epochs if number == trial.number] == list(
            range(done + 1, (trial.last_step or 0) + 1)
        )
        record = records_of(project, study)[trial.number]
        assert record.data.tags["segexp.state"] == trial.state.name
        assert f"resuming after epoch {done}, from its checkpoint" in display.lines
        assert (
            f"trial {trial.number} resumes trial {before.number}, which is now among the best "
            f"after epoch {done}"
        ) in display.lines
    assert find_best(study).number == 4
    directories = {p.name for p in opened(project, **PROMOTION).directory(0).parent.glob("trial-*")}
    assert directories == {"trial-0004"}


@pytest.mark.slow
def test_a_promoted_trial_reaches_the_result_of_an_unpaused_one(project: Path) -> None:
    study, _ = run(project, **PROMOTION)
    whole, _ = run(project, **{**PROMOTION, "name": "whole", "pruner": {"name": "none"}})
    values = {tuple(t.params.values()): t.intermediate_values for t in whole.trials}
    for trial in promotions(study):
        expected = values[tuple(trial.params.values())]
        reached = range(1, (trial.last_step or 0) + 1)
        assert trial.intermediate_values == {epoch: expected[epoch] for epoch in reached}


@pytest.mark.slow
def test_a_promoted_configuration_is_counted_once(project: Path) -> None:
    study, _ = run(project, **PROMOTION)
    gone_on = promoted(study.trials)
    assert len(taken(study.trials)) == 6
    counted = find_best(study).states
    assert gone_on == {1, 2} and counted["PROMOTED"] == 2
    assert counted["COMPLETE"] + counted["PRUNED"] == 6
    shown = [row.state for row in view_study(study).rows]
    assert [number for number, state in enumerate(shown) if state == "promoted"] == sorted(gone_on)
    assert run(project, **PROMOTION)[1] == 0  # nothing is left to do


@pytest.mark.slow
def test_a_promotion_that_is_interrupted_is_tried_again_and_stays_one(project: Path) -> None:
    study, _ = run(project, **PROMOTION)
    first = promotions(study)[0]
    whole = [(t.params, t.state, t.value) for t in study.trials]

    again = {**PROMOTION, "name": "again"}
    stop = raising(Interrupted(2), first.number, first.last_step or 0)
    with pytest.raises(Interrupted):
        run(project, Said(on_step=stop), **again)
    display = Said()
    study, _ = run(project, display, **again)
    interrupted, retry = study.trials[first.number], promotions(study)[1]
    assert interrupted.state == TrialState.FAIL and interrupted.user_attrs[INTERRUPTED] == RETRY
    assert retry.user_attrs[RETRY_OF] == interrupted.number
    assert retry.user_attrs[PROMOTES] == first.user_attrs[PROMOTES]
    assert f"resuming after epoch {epochs_judged(retry, study.trials)}, from its checkpoint" in (
        display.lines
    )
    assert len(taken(study.trials)) == 6
    kept = [t for t in study.trials if t.state != TrialState.FAIL]
    assert [(t.params, t.state, t.value) for t in kept] == whole


def stopped(values: dict[int, float]) -> FrozenTrial:
    return create_trial(state=TrialState.PRUNED, intermediate_values=values)


def study_with_one_to_go_on(project: Path) -> Any:
    study = opened(project, **PROMOTION)
    baseline = study.study.ask()
    baseline.report(0.9, 1)
    study.study.tell(baseline, 0.9)
    for value in (0.4, 0.3, 0.2):
        study.study.add_trial(stopped({1: value}))
    return study


def queue(study: optuna.Study) -> Any:
    trials = study.get_trials(deepcopy=False)
    return queue_promotion(study, trials, next_promotion(study, trials))


def test_a_promotion_that_another_process_was_faster_with_is_not_queued_again(
    project: Path,
) -> None:
    study = study_with_one_to_go_on(project).study
    chosen = next_promotion(study, study.trials)
    assert chosen == 1
    study.enqueue_trial(study.trials[1].params, user_attrs={PROMOTES: 1})
    study.ask()  # by the other one
    assert queue_promotion(study, study.trials, chosen) is None
    assert len(promotions(study)) == 1


def test_where_only_promotions_are_left_one_is_taken_that_was_not_there_a_moment_before(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_with_one_to_go_on(project)
    four = study.plan.base.study.model_copy(update={"trials": 4})  # all of them are there
    plan = replace(study.plan, base=replace(study.plan.base, study=four))
    study = replace(study, plan=plan)
    looked = iter([None])  # nothing, before the lock was held
    chosen = next_promotion
    monkeypatch.setattr(asking, "next_promotion", lambda *values: next(looked, chosen(*values)))
    taken = asking.ask(study, Said())
    assert taken is not None
    assert taken.own.user_attrs[PROMOTES] == 1


def test_a_promotion_comes_before_a_new_trial_and_is_put_in_line_once(project: Path) -> None:
    study = study_with_one_to_go_on(project)
    assert trials_left(study.plan, study.study) == 3
    assert queue(study.study)
    assert queue(study.study)
    (waiting,) = promotions(study.study)
    assert (waiting.state, waiting.user_attrs[PROMOTES]) == (TrialState.WAITING, 1)
    assert trials_left(study.plan, study.study) == 3


@pytest.mark.slow
def test_a_promotion_that_another_host_put_in_line_as_well_is_run_once(project: Path) -> None:
    study = study_with_one_to_go_on(project)
    queue(study.study)
    params = {"learning_rate": 0.001}
    study.study.enqueue_trial(params, user_attrs={PROMOTES: 1})
    first, second = promotions(study.study)
    study.study._storage.set_trial_system_attr(first._trial_id, "fixed_params", params)
    display = Said()
    while run_next_trial(study, display):
        pass
    assert study.study.trials[second.number].user_attrs[FAILURE] == (
        "another trial takes over trial 1"
    )
    assert states(study.study)[first.number] in ("COMPLETE", "PRUNED")
    assert len(taken(study.study.trials)) == 6


def test_the_marks_of_trials_that_take_over_others_are_followed_back() -> None:
    marks: list[dict[str, Any]] = [{}, {PROMOTES: 0}, {RETRY_OF: 1, PROMOTES: 0}, {PROMOTES: 2}]
    states_of = [TrialState.PRUNED, TrialState.FAIL, TrialState.PRUNED, TrialState.RUNNING]
    trials = [
        create_trial(state=state, user_attrs=mark, intermediate_values={1: 0.5, 3: 0.6})
        for mark, state in zip(marks, states_of, strict=True)
    ]
    trials[1].user_attrs[INTERRUPTED] = RETRY
    for number, trial in enumerate(trials):
        trial.number = number
    assert [number_before(trial) for trial in trials] == [None, 0, 1, 2]
    assert [first_number(trial, trials) for trial in trials] == [0, 0, 0, 0]
    assert [epochs_judged(trial, trials) for trial in trials] == [0, 3, 3, 3]
    assert promoted(trials[:2]) == set()  # interrupted, and not yet in line again
    assert promoted(trials) == {0, 2}
