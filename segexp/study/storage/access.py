"""What segexp asks of the storage that a study is in, whichever it is, and Optuna has no call for.

Where the storage is a database, what must happen at once is one transaction there.
"""

from collections.abc import Mapping
from typing import Any

from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from segexp.study.storage.retrying import RetryingStorage
from segexp.study.storage.waiting import Patience


def give_up_waiting(study: Study) -> None:
    """Do not wait for a study's storage: another process has done so in vain.

    Each call is tried once from now on, until one is answered.
    """
    patience = getattr(backend_of(study._storage), "patience", None)
    if isinstance(patience, Patience):
        patience.give_up()


def replace_attribute(study: Study, key: str, expected: Any, value: Any) -> Any:
    """Set a study's attribute if it is still what was expected, and return what it is then.

    Of several hosts that do so at once, one does: what a database says decides between them. A
    journal file or a storage in memory is one project's, whose lock the caller holds. Through a
    proxy the last one does, and another may take itself for it if both write within the same
    moment.

    Args:
        expected: What it is to be now; None for absent.
        value: What it becomes; no other host has the same.
    """
    backend = backend_of(study._storage)
    if isinstance(backend, RetryingStorage):
        return backend.replace_study_user_attr(study._study_id, key, expected, value)
    stands = study.user_attrs.get(key)
    if stands != expected:
        return stands
    study.set_user_attr(key, value)
    return study.user_attrs.get(key)


def storage_of(study: Study) -> BaseStorage:
    """Return the storage that a study is in; Optuna has no public way to it."""
    return study._storage


def backend_of(storage: BaseStorage) -> BaseStorage:
    """Return the storage behind Optuna's cache, or the storage itself."""
    backend: BaseStorage = getattr(storage, "_backend", storage)
    return backend


def set_trial_attributes(
    study: Study, trial: Trial | FrozenTrial, attributes: Mapping[str, Any]
) -> None:
    """Set user attributes of a trial of any process, at once where the storage can.

    Raises:
        UpdateFinishedTrialError: When the trial has ended.
    """
    backend = backend_of(study._storage)
    if isinstance(backend, RetryingStorage):
        backend.set_trial_user_attrs(trial._trial_id, attributes)
        return
    for key, value in attributes.items():
        set_trial_attribute(study, trial, key, value)


def set_trial_attribute(study: Study, trial: Trial | FrozenTrial, key: str, value: Any) -> None:
    """Set a user attribute of a trial of any process; Optuna has no public way to it.

    Raises:
        UpdateFinishedTrialError: When the trial has ended.
    """
    study._storage.set_trial_user_attr(trial._trial_id, key, value)


def fail_trial(study: Study, trial: FrozenTrial) -> None:
    """End a trial of any process as failed.

    Raises:
        UpdateFinishedTrialError: When it has ended already.
    """
    study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
