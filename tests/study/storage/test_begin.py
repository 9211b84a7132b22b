"""A trial has an owner from its first moment on, and one alone."""

from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from segexp.study.storage.begin import begin_trial
from segexp.study.storage.open import open_storage
from segexp.study.storage.several import as_failed

MINE = {"owner": "me", "beat": 1.5}


@pytest.fixture(params=["sqlite", "journal", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> BaseStorage:
    urls = {"sqlite": "sqlite:///optuna.db", "journal": "journal:optuna.log"}
    if request.param == "memory":
        return optuna.storages.InMemoryStorage()
    return open_storage(urls[request.param], tmp_path)


def test_a_new_trial_runs_and_is_signed(storage: BaseStorage) -> None:
    study = optuna.create_study(storage=storage)
    trials = [begin_trial(study, (), MINE) for _ in range(2)]
    assert [t.number for t in trials] == [0, 1]
    for trial in study.trials:
        assert (trial.state, trial.user_attrs) == (TrialState.RUNNING, MINE)
        assert trial.datetime_start is not None
    assert 0 <= trials[0].suggest_float("x", 0, 1) <= 1
    study.tell(trials[0], 0.5)
    assert study.trials[0].value == 0.5


def test_a_queued_trial_is_begun_by_one_of_two_that_saw_it_wait(storage: BaseStorage) -> None:
    study = optuna.create_study(storage=storage)
    study.enqueue_trial({"x": 0.25}, user_attrs={"kept": True})
    queued = study.get_trials(deepcopy=False)
    first = begin_trial(study, queued, MINE)
    second = begin_trial(study, queued, {"owner": "you"})
    assert (first.number, second.number) == (0, 1)
    assert first.suggest_float("x", 0, 1) == 0.25
    assert study.trials[0].user_attrs == {"kept": True, **MINE}
    assert study.trials[1].user_attrs == {"owner": "you"}


def test_a_queued_trial_that_was_closed_meanwhile_is_passed_over(storage: BaseStorage) -> None:
    study = optuna.create_study(storage=storage)
    study.enqueue_trial({"x": 0.25})
    queued = study.get_trials(deepcopy=False)
    storage.set_trial_state_values(queued[0]._trial_id, TrialState.FAIL)
    assert begin_trial(study, queued, MINE).number == 1
    assert as_failed(queued[0]).state == study.trials[0].state
