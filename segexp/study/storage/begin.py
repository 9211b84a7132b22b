"""The moment in which a trial begins: taken and signed by one process.

Like `retrying`, this module uses names of Optuna that are not public: `Study.ask` knows nothing of
signatures, and reads the trials once more.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from segexp.study.storage.access import backend_of, set_trial_attributes
from segexp.study.storage.retrying import RetryingStorage


def begin_trial(
    study: optuna.Study, queued: Iterable[FrozenTrial], signature: Mapping[str, Any]
) -> optuna.Trial:
    """Begin the first queued trial that no other process begins, or else a new one.

    Args:
        signature: The user attributes that say whose it is; a trial has them from its first moment.
    """
    study._thread_local.cached_all_trials = None  # as `Study.ask` does: samplers read anew
    storage = study._storage
    for trial in queued:
        try:
            if _claim(study, trial, signature):
                return optuna.Trial(study, trial._trial_id)
        except UpdateFinishedTrialError:  # another process has closed it
            continue
    new = create_trial(state=TrialState.RUNNING, user_attrs=dict(signature))
    return optuna.Trial(study, storage.create_new_trial(study._study_id, template_trial=new))


def _claim(study: optuna.Study, trial: FrozenTrial, signature: Mapping[str, Any]) -> bool:
    backend = backend_of(study._storage)
    if isinstance(backend, RetryingStorage):
        return backend.begin_trial(trial._trial_id, signature)
    if study._storage.get_trial(trial._trial_id).state != TrialState.WAITING:
        return False  # another one's, whose signature stays
    set_trial_attributes(study, trial, signature)
    return study._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
