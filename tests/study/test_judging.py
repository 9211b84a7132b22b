import math
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from harness.planted_scores import plant_scores
from segexp.core.config import Config
from segexp.core.errors import InputError, Interrupted
from segexp.study import trial as trial_module
from segexp.study.attributes import COSTS, RESULT, RETRY_OF
from segexp.study.best import find_best, unmet_note
from segexp.study.judging import report
from segexp.study.view import view_study
from segexp.training.cost import Cost
from segexp.training.fit import DivergedError
from tests.tiny_study import Said, plan_of, raising, record_of, records_of, run, states

GOALS = {
    "objective": ["val/miou_common", "latency_ms"],
    "trials": 4,
    "sampler": {"name": "tpe", "options": {"n_startup_trials": 2}},
    "pruner": {"name": "successive_halving", "options": {"reduction_factor": 2, "promotion": True}},
    "training.epochs": 2,
}


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_an_objective_that_is_not_finite_is_refused(value: float) -> None:
    trial = optuna.create_study(direction="maximize").ask()
    with pytest.raises(DivergedError, match=r"the objective is .* in epoch 3"):
        report(trial, 3, value)
    assert trial.study.trials[0].intermediate_values == {}


@pytest.fixture
def _price(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a training's latency and score rise with its learning rate, from 1 to 3 ms."""

    def cost_of(project: Path, config: Config, *_: Any) -> Cost:
        return Cost(1_000, 2_000, 5 + math.log10(config.training.learning_rate), "a test")

    monkeypatch.setattr(trial_module, "cost_of", cost_of)
    plant_scores(
        lambda config, epoch: 0.6 + math.log10(config.training.learning_rate) / 10 + epoch / 100,
        monkeypatch.setattr,
    )


@pytest.mark.usefixtures("_price")
def test_every_trial_of_a_dearer_better_model_is_on_the_front_and_keeps_its_model(project: Path):
    study, _ = run(project, **GOALS)
    complete = [t for t in study.trials if t.state == TrialState.COMPLETE]
    assert all(t.state == TrialState.COMPLETE for t in study.trials)  # none has a rival above it
    found = find_best(study)
    assert len(found.front) == len(complete) == 4
    by_score = sorted(complete, key=lambda t: -t.values[0])
    assert [each.number for each in found.front] == [t.number for t in by_score]
    assert found.number == by_score[0].number
    for trial in complete:
        assert (
            trial.values[1]
            == trial.user_attrs[COSTS][0]
            == trial.user_attrs[RESULT]["cost"]["latency_ms"]
        )
        assert find_best(study, trial.number).bundle(project).is_dir()
    front = ",".join(str(each.number) for each in found.front)
    assert record_of(project, study).data.tags["segexp.front"] == front
    again, ran = run(project, **{**GOALS, "trials": 5})
    assert ran == 1
    assert len(again.trials) == 5
    assert view_study(again).costs == ("latency_ms",)


def test_a_study_of_one_objective_is_not_resumed_with_two(project: Path):
    run(project, trials=1)
    with pytest.raises(InputError, match="begun with costs = nothing, now it is latency_ms"):
        run(project, trials=1, objective=["val/miou_common", "latency_ms"])


@pytest.mark.usefixtures("_price")
def test_a_trial_over_a_ceiling_ends_before_its_first_epoch_unless_it_is_the_baseline(
    project: Path,
):
    ceiling = {"latency_ms": "<= 1.9"}  # the baseline, at a learning rate of 1e-3, has 2 ms
    study, _ = run(project, **{**GOALS, "objective": "val/miou_common", "constraints": ceiling})
    over = [t for t in study.trials if t.params["learning_rate"] > 10**-3.1]
    assert over and study.trials[0].state == TrialState.COMPLETE
    for trial in over[1:]:
        assert (trial.state, trial.intermediate_values) == (TrialState.PRUNED, {})
        assert trial.constraints["latency_ms"] > 0
    found = find_best(study)
    assert found.result.cost["latency_ms"] <= 1.9  # though the baseline has a better score
    assert found.missed == ()
    runs = records_of(project, study)
    assert all("cost/latency_ms" in each.data.metrics for each in runs)


@pytest.mark.usefixtures("_price")
def test_a_floor_that_no_trial_meets_names_the_one_that_came_nearest(project: Path):
    constraints = {"iou/road": ">= 0.99 (lower)", "iou/rider": ">= 0.999"}
    study, _ = run(project, trials=3, constraints=constraints, **{"data.synthetic.val": 6})
    found = find_best(study)
    excess = {t.number: sum(t.constraints.values()) for t in study.trials}
    assert all(excess.values())
    assert found.number == min(excess, key=lambda number: excess[number])
    table, lower_iou = found.result.val.tables["common"], found.result.lower_iou
    iou = dict(zip(table["class"], table["iou"], strict=True))
    assert lower_iou is not None
    lower = lower_iou["road"]
    assert lower < iou["road"]
    assert unmet_note(found) == (
        f"no trial meets the constraints; trial {found.number} came nearest: "
        f"iou/road (lower end) {lower:.4g}, {0.99 - lower:.3g} below 0.99; "
        f"iou/person {iou['person']:.4g}, {0.999 - iou['person']:.3g} below 0.999"
    )
    page = view_study(study)
    assert tuple(page.missed) == found.missed
    assert [len(each.met_by) for each in page.requirements] == [0, 0]


def test_a_sampler_of_one_objective_is_refused_for_two(project: Path):
    with pytest.raises(InputError, match="cmaes takes one objective; for several name tpe, "):
        plan_of(project, objective=["val/miou_common", "macs"], sampler="cmaes")


@pytest.mark.slow
@pytest.mark.usefixtures("_price")
def test_an_interrupted_trial_of_several_objectives_is_tried_again(project: Path) -> None:
    with pytest.raises(Interrupted):
        run(project, Said(on_epoch=raising(Interrupted(2), in_trial=1)), **GOALS)
    study, ran = run(project, **GOALS)
    assert ran == 3
    assert states(study) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert study.trials[2].user_attrs[RETRY_OF] == 1
    assert study.trials[2].user_attrs[COSTS] == study.trials[1].user_attrs[COSTS]
    assert len(find_best(study).front) == 4
