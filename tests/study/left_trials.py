"""Trials as processes leave them: begun by one that is dead, or ended in some state."""

import time
from dataclasses import replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from segexp.core.lease import Owner, this_process
from segexp.study.attributes import BEAT, OWNER

OWN = this_process()
DEAD = replace(OWN, started=OWN.started - 60)  # its pid was given again

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


def begin(
    study: optuna.Study, owner: Owner | None = DEAD, beat: float | None = None
) -> optuna.Trial:
    """Take a trial as a process does that then says nothing more."""
    trial = study.ask()
    if owner is not None:
        trial.set_user_attr(BEAT, time.time() if beat is None else beat)
        trial.set_user_attr(OWNER, owner.to_dict())
    trial.suggest_float("x", 0, 1)
    return trial


def planted(state: TrialState, **attrs: Any) -> FrozenTrial:
    """A trial that ended like this."""
    return create_trial(state=state, value=0.5 if state == COMPLETE else None, user_attrs=attrs)
