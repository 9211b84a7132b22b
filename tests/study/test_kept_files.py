"""Which files of a study's trials are kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from optuna.trial import TrialState, create_trial

from segexp.study.attributes import RESULT
from segexp.study.kept_files import prune_directories
from segexp.study.open import OpenStudy
from segexp.study.plan import ListPlan
from segexp.study.reconcile import close_interrupted, drop, queue_retries
from tests.tiny_study import opened


def add(study: OpenStudy, state: str, value: float | None = None, **attributes: Any) -> int:
    """Add a trial with what it leaves behind; return its number."""
    number = len(study.study.trials)
    directory = study.directory(number)
    (directory / "checkpoints").mkdir(parents=True)
    (directory / "checkpoints" / "state.safetensors").touch()
    if value is not None:
        (directory / "bundle").mkdir()
        (directory / "confusions.npz").touch()
        attributes[RESULT] = {"bundle": directory.relative_to(study.plan.base.project).as_posix()}
    trial = create_trial(state=TrialState[state], value=value, user_attrs=attributes)
    study.study.add_trial(trial)
    return number


def left(study: OpenStudy) -> dict[int, list[str]]:
    """What each trial's directory holds, by number."""
    directories = sorted(study.directory(0).parent.glob("trial-*"))
    return {int(d.name[-4:]): sorted(p.name for p in d.iterdir()) for d in directories}


WHOLE = ["bundle", "checkpoints", "confusions.npz"]
KEPT = ["bundle", "confusions.npz"]


def interrupt(study: OpenStudy, number: int) -> None:
    trial = study.study.trials[number]
    study.study._storage.set_trial_system_attr(trial._trial_id, "fixed_params", {"x": number})
    close_interrupted(study.study, study.study.trials[number], "killed", crashed=True)


def retry(study: OpenStudy) -> int:
    """Take the trial that waits, with a checkpoint of its own."""
    queue_retries(study.study, study.study.trials)
    number = study.study.ask().number
    (study.directory(number) / "checkpoints").mkdir(parents=True)
    return number


def test_the_best_keeps_its_bundle_and_no_other_finished_trial_keeps_anything(
    project: Path,
) -> None:
    study = opened(project)
    study.study._storage.set_trial_state_values(
        study.study.trials[0]._trial_id, TrialState.FAIL
    )  # the baseline that waits
    numbers = [
        add(study, "COMPLETE", 0.3),
        add(study, "COMPLETE", 0.5),
        add(study, "PRUNED"),
        add(study, "FAIL"),
        add(study, "RUNNING"),
        add(study, "COMPLETE", 0.4),
    ]
    assert numbers == [1, 2, 3, 4, 5, 6]
    assert set(left(study)) == set(numbers)
    deleted = prune_directories(study, study.study.trials)
    assert left(study) == {2: KEPT, 5: ["checkpoints"]}
    assert {path.name for path in deleted} == {
        "trial-0001",
        "checkpoints",
        "trial-0003",
        "trial-0004",
        "trial-0006",
    }
    assert prune_directories(study, study.study.trials) == []
    add(study, "COMPLETE", 0.6)
    prune_directories(study, study.study.trials)
    assert left(study) == {5: ["checkpoints"], 7: KEPT}


def test_of_equal_trials_the_one_that_kept_its_bundle_keeps_it(project: Path) -> None:
    study = opened(project)
    first = add(study, "COMPLETE", 0.5)
    study.study.add_trial(
        create_trial(state=TrialState.COMPLETE, value=0.5, user_attrs={RESULT: {"bundle": None}})
    )
    prune_directories(study, study.study.trials)
    assert left(study) == {first: KEPT}


def test_a_checkpoint_waits_for_the_trial_that_tries_it_again(project: Path) -> None:
    study = opened(project)
    study.study.ask()  # the baseline that waits
    number = add(study, "RUNNING")
    assert prune_directories(study, study.study.trials) == []
    interrupt(study, number)
    assert prune_directories(study, study.study.trials) == []  # its retry is not in line yet
    queue_retries(study.study, study.study.trials)
    assert prune_directories(study, study.study.trials) == []
    again = retry(study)
    assert prune_directories(study, study.study.trials) == []
    interrupt(study, again)
    third = retry(study)
    assert prune_directories(study, study.study.trials) == []
    assert set(left(study)) == {number, again, third}
    study.study.tell(third, state=TrialState.PRUNED)
    prune_directories(study, study.study.trials)
    assert left(study) == {}


def test_what_is_not_tried_again_leaves_nothing(project: Path) -> None:
    study = opened(project)
    study.study.ask()
    number = add(study, "RUNNING")
    drop(study.study, study.study.trials[number], "not wanted")
    prune_directories(study, study.study.trials)
    assert left(study) == {}

    number = add(study, "RUNNING")
    interrupt(study, number)
    queue_retries(study.study, study.study.trials)
    drop(study.study, study.study.trials[-1], "no longer wanted")
    prune_directories(study, study.study.trials)
    assert left(study) == {}


def test_final_trainings_are_all_kept_without_their_checkpoints(project: Path) -> None:
    study = opened(project)
    study = replace(study, plan=ListPlan(study.plan.base, ()))
    study.study.ask()
    numbers = [add(study, "COMPLETE", value) for value in (0.3, 0.5, 0.4)]
    failed = add(study, "FAIL")
    assert left(study) == dict.fromkeys(numbers, WHOLE) | {failed: ["checkpoints"]}
    prune_directories(study, study.study.trials)
    assert left(study) == dict.fromkeys(numbers, KEPT)
    assert prune_directories(study, study.study.trials) == []
