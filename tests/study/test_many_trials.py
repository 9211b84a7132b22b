"""What runs once a trial, in studies of many trials: it looks at each of them a few times.

Work is counted, not timed. `PER_TRIAL` is the bound: so many lines of segexp's own code for each
trial that the study has, in all that a trial needs beside its training.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.ended_trials import PRUNERS, ended_trials
from harness.results import made_scores
from segexp.data.open import open_data
from segexp.evaluation.result import TrialResult
from segexp.study import judging, next_trial
from segexp.study.ask import trials_left
from segexp.study.attributes import PROMOTES
from segexp.study.budget import (
    not_taken,
    params_of,
)
from segexp.study.definition import definition
from segexp.study.next_trial import run_next_trial
from segexp.study.open import OpenStudy, open_study
from segexp.study.plan import ListPlan
from segexp.study.reconcile import (
    queue_listed,
)
from segexp.study.rungs import KEPT_AT_RUNG, RungPruner
from segexp.study.samplers import suggest
from segexp.study.stop import StopRule
from segexp.study.storage.open import hush_optuna
from tests.counted_work import Compared, comparisons, lines_run
from tests.tiny_study import Said, plan_of

FEW, MANY = 100, 10_000
PER_TRIAL = 101


def opened_with(project: Path, count: int, **overrides: Any) -> OpenStudy:
    """Open a study in memory that has ended trials."""
    hush_optuna()
    plan = plan_of(project, trials=10 * MANY, **{"training.epochs": 9}, **overrides)
    dataset = open_data(project, plan.base.config, plan.base.source, lambda done, total: None)
    study = open_study(
        plan, dataset, optuna.storages.InMemoryStorage(), definition(plan.base, dataset)
    )
    promotes = isinstance(study.study.pruner, RungPruner)
    study.study.add_trials(ended_trials(count, 0.1 if promotes else 0.0))
    return study


@pytest.fixture
def _stopped_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put one epoch, after which the pruner is asked, in the place of a training."""

    def train(opened: OpenStudy, trial: optuna.Trial, *_: Any) -> next_trial._Outcome:
        suggest(trial, opened.plan.base.space)
        judging.report(trial, 1, 0.0)
        try:
            judging.prune(opened.plan, trial, 1, 0.0, lambda: None)
        except optuna.TrialPruned as pruned:
            return next_trial._Outcome(TrialState.PRUNED, str(pruned), None)
        judging.is_worth_keeping(
            opened.plan, trial, TrialResult(0.0, 1, 1.0, made_scores(0.0, 0.0, {}))
        )
        return next_trial._Outcome(TrialState.FAIL, "no training", None)

    monkeypatch.setattr(next_trial, "_train", train)


def work_of_a_trial(opened: OpenStudy) -> int:
    """Count what a worker does for its next trial."""

    def work() -> None:
        StopRule(stagnation=100_000).reason(opened.study)
        trials_left(opened.plan, opened.study)
        assert run_next_trial(opened, Said())

    work()  # the baseline, which is never pruned
    return lines_run(work)


@pytest.mark.slow
@pytest.mark.usefixtures("_stopped_at_once")
@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_trial_takes_work_in_proportion_to_the_trials_of_its_study(
    project: Path, pruner: str
) -> None:
    of_study = {"pruner": {"name": pruner, "options": PRUNERS[pruner]}}
    few = work_of_a_trial(opened_with(project, FEW, name="few", **of_study))
    many = work_of_a_trial(opened_with(project, MANY, name="many", **of_study))
    assert few < many < PER_TRIAL * MANY
    assert many < few * MANY / FEW


@pytest.mark.usefixtures("_stopped_at_once")
def test_a_listed_training_takes_work_in_proportion_to_the_list(project: Path) -> None:
    def work(count: int) -> int:
        study = opened_with(project, count, name=f"listed-{count}")
        rates = [t.params["learning_rate"] for t in study.study.trials[1:]]
        listed = tuple({"learning_rate": rate} for rate in (*rates, 0.001, 0.002))
        return work_of_a_trial(replace(study, plan=ListPlan(study.plan.base, listed)))

    few, many = work(FEW), work(MANY)
    assert few < many < PER_TRIAL * MANY
    assert many < few * MANY / FEW


def next_in_line_as_first_written(pruner: RungPruner, trials: list[FrozenTrial]) -> set[int]:
    stopped = sorted(pruner._stopped(trials), reverse=True)
    at_epoch = {epoch: [n for e, _, n in stopped if e == epoch] for epoch, _, _ in stopped}
    return {number for numbers in at_epoch.values() for number in numbers[:KEPT_AT_RUNG]}


VALUES = st.sampled_from([0.1, 0.2, 0.3])  # so that many are equal
CURVES = st.lists(VALUES, min_size=1, max_size=5).map(lambda v: dict(enumerate(v, start=1)))


@given(st.lists(st.tuples(CURVES, st.booleans(), st.booleans()), max_size=25))
@settings(deadline=None)
def test_the_next_in_line_are_those_of_the_definition(
    drawn: list[tuple[dict[int, float], bool, bool]],
) -> None:
    trials: list[FrozenTrial] = []
    for number, (curve, is_stopped, goes_on) in enumerate(drawn):
        trial = create_trial(
            state=TrialState.PRUNED if is_stopped else TrialState.COMPLETE,
            value=None if is_stopped else 0.5,
            intermediate_values=curve,
            user_attrs={PROMOTES: number // 2} if goes_on and number else {},
        )
        trial.number = number
        trials.append(trial)
    pruner = RungPruner(reduction_factor=2, promotion=True)
    assert pruner.next_in_line(trials) == next_in_line_as_first_written(pruner, trials)


@pytest.mark.parametrize("count", [FEW, MANY])
def test_what_is_listed_is_looked_up_and_not_compared_with_each_trial(count: int) -> None:
    study = optuna.create_study(direction="maximize")
    listed = [{"seed": Compared(seed)} for seed in range(count)]
    done = [
        create_trial(value=0.5, system_attrs={"fixed_params": params}) for params in listed[:-1]
    ]
    for number, trial in enumerate(done):
        trial.number = number
    assert comparisons(lambda: not_taken(listed, done)) <= 6 * count
    study.add_trials(done)
    assert comparisons(lambda: queue_listed(study, listed, study.trials)) <= 6 * count
    assert params_of(study.trials[-1]) == {"seed": count - 1}
