"""What is asked of a study's storage beside Optuna's own calls, in each kind of storage."""

from pathlib import Path

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from segexp.core.errors import AwayError
from segexp.study.storage.access import (
    backend_of,
    fail_trial,
    give_up_waiting,
    replace_attribute,
    set_trial_attribute,
    set_trial_attributes,
    storage_of,
)
from segexp.study.storage.open import open_storage
from segexp.study.storage.retrying import RetryingStorage


@pytest.fixture(params=["memory", "sqlite", "journal"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> optuna.Study:
    if request.param == "memory":
        return optuna.create_study()
    url = None if request.param == "sqlite" else f"journal:///{tmp_path}/study.log"
    return optuna.create_study(storage=open_storage(url, tmp_path))


def test_an_attribute_is_replaced_only_if_it_is_what_was_expected(study: optuna.Study) -> None:
    assert replace_attribute(study, "key", None, "a") == "a"
    assert replace_attribute(study, "key", None, "b") == "a"
    assert replace_attribute(study, "key", "a", "c") == "c"
    assert study.user_attrs == {"key": "c"}


def test_a_trial_of_whatever_process_gets_attributes_until_it_has_ended(
    study: optuna.Study,
) -> None:
    trial = study.ask()
    set_trial_attributes(study, trial, {"a": 1, "b": [2]})
    set_trial_attribute(study, trial, "a", 3)
    fail_trial(study, study.trials[0])
    (ended,) = study.trials
    assert (ended.state, ended.user_attrs) == (TrialState.FAIL, {"a": 3, "b": [2]})
    for change in (
        lambda: set_trial_attributes(study, ended, {"a": 4}),
        lambda: set_trial_attribute(study, ended, "a", 4),
        lambda: fail_trial(study, ended),
    ):
        with pytest.raises(UpdateFinishedTrialError):
            change()
    assert study.trials[0].user_attrs["a"] == 3


def test_a_database_that_another_process_waited_for_in_vain_is_tried_once(tmp_path: Path) -> None:
    study = optuna.create_study(storage=open_storage(None, tmp_path, 600))
    backend = backend_of(storage_of(study))
    assert isinstance(backend, RetryingStorage)
    give_up_waiting(study)
    calls: list[bool] = []

    def fail(is_repeated: bool) -> None:
        calls.append(is_repeated)
        raise OSError("away")

    with pytest.raises(AwayError, match="away"):
        backend.patience.until_answered(fail, str)
    assert calls == [False]


def test_a_storage_that_is_never_away_is_not_given_up() -> None:
    study = optuna.create_study()
    give_up_waiting(study)
    assert study.ask().number == 0
