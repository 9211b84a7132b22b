"""The best trial, read from Optuna's storage alone."""

import json
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from harness.results import made_scores
from segexp.core.errors import InputError, WorkError
from segexp.evaluation.result import SplitScores, TrialResult
from segexp.study.attributes import CONSTANT, INTERRUPTED, PART_RUNS, RESULT, RUN_ID
from segexp.study.best import best_trial, find_best


def scores(miou: float) -> SplitScores:
    table = {"class": ["road", "car"], "iou": [miou, None], "pixels": [9, 0]}
    return made_scores(miou, miou, table)


def end(
    study: optuna.Study, x: float, value: float | None, *, bundle: str | None = "b", **attrs: object
) -> None:
    """Run one trial to its end; without a value it fails."""
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    for key, attr in attrs.items():
        trial.set_user_attr(key, attr)
    if value is None:
        study.tell(trial, state=TrialState.FAIL)
        return
    heldout = scores(value / 2) if bundle else None
    result = TrialResult(value, 1, 2.0, scores(value), heldout, bundle)
    trial.set_user_attr(RESULT, result.to_dict())
    trial.set_user_attr(RUN_ID, f"run-{trial.number}")
    study.tell(trial, value)


@pytest.fixture
def study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", study_name="tiny")
    study.set_user_attr(CONSTANT, {"class": "road", "val": 0.1, "heldout": 0.2})
    study.enqueue_trial({"x": 0.25})
    return study


def test_it_has_the_highest_objective_with_the_baseline_beside_it(
    study: optuna.Study,
) -> None:
    end(study, 0.25, 0.3)
    end(study, 0.5, 0.6)
    end(study, 0.7, 0.4, bundle=None)
    best = find_best(study)
    assert (best.number, best.result.value, best.run_id) == (1, 0.6, "run-1")
    assert best.baseline is not None
    assert best.baseline.val.of("miou") == 0.3
    assert best.states == {"COMPLETE": 3}


def test_of_equal_trials_one_with_a_bundle_is_the_best(study: optuna.Study) -> None:
    end(study, 0.25, 0.3)
    end(study, 0.5, 0.6, bundle=None)
    end(study, 0.7, 0.6)
    trial = best_trial(study)
    assert trial is not None
    assert trial.number == 2


def test_an_interrupted_baseline_is_the_trial_that_took_its_params(study: optuna.Study) -> None:
    end(study, 0.25, None, **{INTERRUPTED: True})
    study.enqueue_trial({"x": 0.25})
    end(study, 0.25, 0.3)
    end(study, 0.5, 0.6)
    best = find_best(study)
    assert best.baseline is not None
    assert best.baseline.val.of("miou") == 0.3
    assert best.states == {"INTERRUPTED": 1, "COMPLETE": 2}


def test_a_failed_baseline_is_left_out(study: optuna.Study) -> None:
    end(study, 0.25, None)
    end(study, 0.5, 0.6)
    assert find_best(study).baseline is None


def test_without_a_complete_trial_the_states_are_said(study: optuna.Study) -> None:
    with pytest.raises(WorkError, match=r"no complete trial yet \(1 waiting\)"):
        find_best(study)
    end(study, 0.25, None)
    with pytest.raises(WorkError, match=r"has only failed trials \(1 fail\)"):
        find_best(study)
    empty = optuna.create_study(direction="maximize")
    with pytest.raises(WorkError, match=r"\(no trials\); the command that began it resumes"):
        find_best(empty)


def test_an_ab_study_names_the_studies_of_its_arms(study: optuna.Study) -> None:
    study.set_user_attr(PART_RUNS, {"fine": "run-1", "coarse": "run-2"})
    with pytest.raises(InputError, match=r"an A/B study, .* name one of tiny-fine, tiny-coarse"):
        find_best(study)


def test_the_object_for_scripts_is_plain_json(study: optuna.Study, tmp_path: Path) -> None:
    end(study, 0.25, 0.3)
    found = json.loads(json.dumps(find_best(study).to_dict(tmp_path)))
    assert found["study"] == "tiny"
    assert found["params"] == {"x": 0.25}
    assert found["scores"]["tuning"]["miou_common"] == 0.3
    assert found["scores"]["heldout"]["miou_common"] == 0.15
    assert found["iou"]["tuning"] == {"road": 0.3, "car": None}
    assert found["baseline"]["tuning"]["miou"] == 0.3
    assert found["constant"] == {"class": "road", "val": 0.1, "heldout": 0.2}
    assert found["trials"] == {"COMPLETE": 1}
    assert (found["run_id"], found["bundle"]) == ("run-0", str(tmp_path / "b"))


def test_a_bundle_that_is_gone_is_said_with_where_mlflow_has_it(
    study: optuna.Study, tmp_path: Path
) -> None:
    end(study, 0.25, 0.3)
    best = find_best(study)
    with pytest.raises(WorkError, match="in the artifacts of run run-0"):
        best.bundle(tmp_path)
    (tmp_path / "b").mkdir()
    assert best.bundle(tmp_path) == tmp_path / "b"


def test_a_study_that_optuna_alone_made_has_no_scores_of_segexps() -> None:
    study = optuna.create_study(direction="maximize", study_name="foreign")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    with pytest.raises(WorkError, match=r"'foreign' was not made by segexp \(2 complete\)"):
        find_best(study)


def test_if_all_trials_failed_it_says_why_and_not_to_continue() -> None:
    study = optuna.create_study(direction="maximize", study_name="failing")
    for reason in ("the loss is nan", "the loss is nan", "out of memory"):
        state = optuna.trial.TrialState.FAIL
        attributes = {"segexp.failure": reason}
        study.add_trial(optuna.trial.create_trial(state=state, user_attrs=attributes))
    with pytest.raises(WorkError) as caught:
        find_best(study)
    assert str(caught.value) == (
        "study 'failing' has only failed trials (the loss is nan; out of memory); "
        "fix that, and take another --study-name"
    )
