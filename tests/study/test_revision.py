"""Studies that go on as something else, with the trials that are still valid."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from segexp.core.errors import InputError, Interrupted
from segexp.study.attributes import CARRIED_FROM, RESULT, RETRY_OF, RUN_ID
from segexp.study.best import find_best
from segexp.study.run import run_study
from segexp.study.storage.open import open_storage
from tests.tiny_study import Said, finished, plan_of, raising, records_of, run

TWO_LOSSES = {"space.loss": ["cross_entropy", "focal"]}


def revise(project: Path, display: Said, **overrides: Any) -> tuple[optuna.Study, int]:
    plan = plan_of(project, **overrides)
    study, ran = run_study(plan, open_storage(None, project), display, new_revision=True)
    return study, ran.new + ran.others


@pytest.mark.slow
def test_an_interrupted_study_continues_as_a_revision_with_all_finished_trials(
    project: Path,
) -> None:
    with pytest.raises(Interrupted):
        run(project, Said(on_step=raising(Interrupted(2), in_trial=0)), trials=3)
    with pytest.raises(Interrupted):
        run(project, Said(on_step=raising(Interrupted(15), in_trial=2)), trials=3)
    before, _ = run(project, trials=3)
    assert [t.user_attrs.get(RETRY_OF) for t in before.trials] == [None, 0, None, 2, None]
    display = Said()
    study, ran = revise(project, display, trials=4, **TWO_LOSSES)
    assert "new revision tiny-rev2: 3 trials of tiny are carried over, 0 are not valid in it" in (
        display.lines
    )
    assert (study.study_name, ran) == ("tiny-rev2", 1)
    assert finished(study) == ["COMPLETE"] * 4
    carried = study.trials[:3]
    origins = [before.trials[n] for n in (1, 3, 4)]  # those of 0 and 2 were interrupted
    assert sorted(t.user_attrs[CARRIED_FROM] for t in carried) == ["tiny/1", "tiny/3", "tiny/4"]
    for trial in carried:
        (origin,) = (t for t in origins if trial.user_attrs[CARRIED_FROM] == f"tiny/{t.number}")
        assert trial.params == {**origin.params, "loss": "cross_entropy"}
        assert trial.value == origin.value
        assert trial.intermediate_values == origin.intermediate_values
        assert trial.user_attrs[RESULT] == origin.user_attrs[RESULT]
        assert trial.user_attrs[RUN_ID] == origin.user_attrs[RUN_ID]
        assert RETRY_OF not in trial.user_attrs
    again = Said()
    assert run(project, again, trials=4, **TWO_LOSSES)[1] == 0
    assert "resuming tiny-rev2, the revision of tiny that has these settings" in (again.lines)
    (record,) = records_of(project, study)
    assert record.info.status == "FINISHED"
    assert find_best(study).baseline is not None


@pytest.mark.slow
def test_a_trial_of_a_revision_that_is_interrupted_is_tried_again(project: Path) -> None:
    run(project, trials=2)
    plan = plan_of(project, trials=3, **TWO_LOSSES)
    with pytest.raises(Interrupted):
        run_study(
            plan,
            open_storage(None, project),
            Said(on_step=raising(Interrupted(2), in_trial=2)),
            new_revision=True,
        )
    study, ran = run(project, trials=3, **TWO_LOSSES)
    assert (ran, finished(study)) == (1, ["COMPLETE"] * 3)
    assert [t.user_attrs.get(RETRY_OF) for t in study.trials] == [None, None, None, 2]


def test_what_a_changed_study_would_not_train_is_left_behind(project: Path) -> None:
    options = {"space.loss": ["cross_entropy", "focal", "ce_dice"], "sampler.name": "grid"}
    grid = {"space.learning_rate": [1e-3], **options}
    before, _ = run(project, trials=3, **grid)
    fewer = {**grid, "space.loss": ["cross_entropy", "ce_dice"]}
    study, ran = revise(project, Said(), trials=2, **fewer)
    assert ran == 0
    kept = [t.params["loss"] for t in study.trials]
    assert kept == ["cross_entropy", "ce_dice"]  # the baseline first
    values = {t.params["loss"]: t.value for t in before.trials}
    assert [t.value for t in study.trials] == [values[loss] for loss in kept]
    longer, ran = revise(project, Said(), trials=1, epochs=2, **fewer)
    assert (longer.study_name, ran) == ("tiny-rev3", 1)
    assert all(CARRIED_FROM not in t.user_attrs for t in longer.trials)


def test_a_pruned_trial_is_carried_over_as_one(project: Path) -> None:
    study, _ = run(project, trials=2)
    last = study.trials[-1]
    study.add_trial(
        optuna.trial.create_trial(
            state=TrialState.PRUNED,
            params=last.params,
            distributions=last.distributions,
            intermediate_values={1: 0.25},
        )
    )
    revised, _ = revise(project, Said(), trials=3, **TWO_LOSSES)
    assert finished(revised) == ["COMPLETE", "COMPLETE", "PRUNED"]
    assert revised.trials[2].intermediate_values == {1: 0.25}


def test_a_changed_study_is_refused_with_both_ways_on(project: Path) -> None:
    run(project, trials=1)
    with pytest.raises(InputError) as refused:
        run(project, trials=1, **TWO_LOSSES)
    message = "\n".join(refused.value.faults)
    for words in ("space.loss", "--new-revision", "--study-name"):
        assert words in message


def test_the_file_as_it_was_means_the_study_as_it_was(project: Path) -> None:
    run(project, trials=1)
    revise(project, Said(), trials=1, **TWO_LOSSES)
    study, ran = revise(project, Said(), trials=2)
    assert (study.study_name, ran) == ("tiny", 1)


def test_trials_are_carried_into_a_study_of_their_costs_and_constraints(project: Path) -> None:
    before, _ = run(project, trials=2)
    goals = {
        "objective": ["val/miou_common", "macs"],
        "constraints": {"iou/road": ">= 0.99", "parameters": "<= 1e3"},
    }
    with pytest.raises(InputError) as refused:
        run(project, trials=2, **goals)
    assert "study 'tiny' was begun with costs = nothing, now it is macs" in refused.value.faults
    said = Said()
    study, ran = revise(project, said, trials=3, **goals)
    assert ran == 1
    for old, new in zip(before.trials, study.trials, strict=False):
        result = old.user_attrs[RESULT]
        assert new.values == [old.value, result["cost"]["macs"]]
        assert new.constraints["parameters"] == pytest.approx(
            result["cost"]["parameters"] / 1e3 - 1
        )
        assert new.constraints["iou/road"] > 0


def test_a_trial_whose_interval_was_not_computed_is_left_where_it_is_required(
    project: Path,
) -> None:
    run(project, trials=1)
    said = Said()
    _, ran = revise(project, said, trials=1, constraints={"iou/road": ">= 0.1 (lower)"})
    assert ran == 1
    assert any("0 trials of tiny are carried over, 1 are not valid" in line for line in said.lines)
