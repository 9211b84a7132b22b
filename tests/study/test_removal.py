"""A study is removed, and what is needed stays."""

import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from segexp.core.errors import InputError
from segexp.core.lease import this_process
from segexp.study.attributes import (
    BEAT,
    CARRIED_FROM,
    DEFINITION,
    OWNER,
    PART_RUNS,
    RUN_ID,
    SUPERVISORS,
)
from segexp.study.removal import plan_removal, remove

RUN = "0123456789abcdef" * 2


@pytest.fixture
def storage() -> optuna.storages.InMemoryStorage:
    return optuna.storages.InMemoryStorage()


def begun(storage: optuna.storages.InMemoryStorage, name: str) -> optuna.Study:
    study = optuna.create_study(storage=storage, study_name=name)
    study.set_user_attr(DEFINITION, {"objective": "val/miou"})
    study.set_user_attr(RUN_ID, RUN)
    return study


def refusal(storage: optuna.storages.InMemoryStorage, project: Path, name: str) -> str:
    with pytest.raises(InputError) as caught:
        plan_removal(project, storage, name, None)
    return str(caught.value)


def test_an_ab_study_goes_with_all_below_it_and_others_stay(
    storage: optuna.storages.InMemoryStorage, tmp_path: Path
) -> None:
    begun(storage, "ab").set_user_attr(PART_RUNS, {"fine": RUN, "coarse": RUN})
    for name in ("ab-fine", "ab-coarse", "other"):
        begun(storage, name)
        (tmp_path / ".segexp" / "studies" / f"{name}-01234567").mkdir(parents=True)
    (tmp_path / ".segexp" / "ab" / "ab-01234567").mkdir(parents=True)
    locks = tmp_path / ".segexp" / "locks"
    (locks / "runs").mkdir(parents=True)
    for name in ("ab", "ab-fine", "other", "runs/ab"):
        (locks / f"{name}.lock").touch()
    said: list[str] = []
    found = plan_removal(tmp_path, storage, "ab", None)
    assert found.lines() == [
        "Optuna: study ab, with 2 studies below it (0 trials)",
        "files:  .segexp/studies/ab-fine-01234567/ (0.0 MB)",
        "files:  .segexp/studies/ab-coarse-01234567/ (0.0 MB)",
        "files:  .segexp/ab/ab-01234567/ (0.0 MB)",
        "files:  3 locks below .segexp/locks/",
    ]
    remove(found, storage, said.append)
    assert said == ["removed ab"]
    assert optuna.get_all_study_names(storage) == ["other"]
    left = [path.name for path in (tmp_path / ".segexp").glob("*/*-01234567")]
    assert left == ["other-01234567"]
    assert [path.name for path in locks.rglob("*.lock")] == ["other.lock"]


def test_what_an_interruption_left_is_removed_by_the_same_call(
    storage: optuna.storages.InMemoryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(storage, "ab").set_user_attr(PART_RUNS, {"fine": RUN})
    begun(storage, "ab-fine")
    deleted = optuna.delete_study

    def interrupted(study_name: str, storage: object) -> None:
        if study_name == "ab":
            raise KeyboardInterrupt
        deleted(study_name=study_name, storage=storage)

    monkeypatch.setattr(optuna, "delete_study", interrupted)
    with pytest.raises(KeyboardInterrupt):
        remove(plan_removal(tmp_path, storage, "ab", None), storage, print)
    assert optuna.get_all_study_names(storage) == ["ab"]
    monkeypatch.setattr(optuna, "delete_study", deleted)
    remove(plan_removal(tmp_path, storage, "ab", None), storage, print)
    assert optuna.get_all_study_names(storage) == []


def test_a_study_that_runs_now_is_refused_and_one_that_a_dead_process_left_is_not(
    storage: optuna.storages.InMemoryStorage, tmp_path: Path
) -> None:
    study = begun(storage, "tiny")
    owner = this_process()
    study.set_user_attr(f"{SUPERVISORS}1", {**owner.to_dict(), "beat": time.time()})
    assert refusal(storage, tmp_path, "tiny") == "tiny runs now; stop it with Ctrl-C there"
    study.set_user_attr(f"{SUPERVISORS}1", None)
    marks = {OWNER: owner.to_dict(), BEAT: time.time()}
    study.add_trial(create_trial(state=TrialState.RUNNING, user_attrs=marks))
    expected = f"tiny runs now on {owner.host}; stop it with Ctrl-C there"
    assert refusal(storage, tmp_path, "tiny") == expected
    gone = begun(storage, "gone")
    gone.set_user_attr(f"{SUPERVISORS}1", {**owner.to_dict(), "pid": 2**22 + 1, "beat": 0.0})
    assert plan_removal(tmp_path, storage, "gone", None).folders == ()


def test_one_that_begins_to_run_meanwhile_keeps_everything(
    storage: optuna.storages.InMemoryStorage, tmp_path: Path
) -> None:
    study = begun(storage, "tiny")
    found = plan_removal(tmp_path, storage, "tiny", None)
    study.set_user_attr(f"{SUPERVISORS}1", {**this_process().to_dict(), "beat": time.time()})
    with pytest.raises(InputError, match="tiny runs now"):
        remove(found, storage, print)
    assert optuna.get_all_study_names(storage) == ["tiny"]


def test_what_others_need_and_what_is_not_ours_is_refused(
    storage: optuna.storages.InMemoryStorage, tmp_path: Path
) -> None:
    begun(storage, "tiny")
    later = begun(storage, "tiny-rev2")
    later.add_trial(create_trial(value=0.1, user_attrs={CARRIED_FROM: "tiny/0"}))
    assert refusal(storage, tmp_path, "tiny") == (
        "tiny-rev2 goes on from trials of tiny: remove tiny-rev2 first"
    )
    begun(storage, "ab").set_user_attr(PART_RUNS, {"fine": RUN})
    begun(storage, "ab-fine")
    assert refusal(storage, tmp_path, "ab-fine") == (
        "'ab-fine' is part of the A/B study 'ab'; remove that"
    )
    optuna.create_study(storage=storage, study_name="a stranger's")
    assert "was not made by segexp" in refusal(storage, tmp_path, "a stranger's")
    assert "no study 'tinny' (did you mean 'tiny'?)" in refusal(storage, tmp_path, "tinny")
