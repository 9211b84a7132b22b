"""Studies of thousands of trials that have ended, made without a training."""

import json
import random
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import FloatDistribution, distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.orm import Session

from segexp.study.attributes import PROMOTES, RESULT
from segexp.study.storage.access import backend_of, storage_of
from segexp.study.storage.retrying import RetryingStorage

LEARNING_RATE = FloatDistribution(1e-4, 1e-2, log=True)

PRUNERS: dict[str, dict[str, Any]] = {
    "successive_halving": {"reduction_factor": 3, "promotion": True},
    "hyperband": {},
    "none": {},
}


def ended_trials(count: int, share_promoted: float) -> list[FrozenTrial]:
    """Trials 1 to `count` of nine epochs, most stopped at a rung, some of these resumed."""
    rng = random.Random(0)
    trials: list[FrozenTrial] = []
    for number in range(1, count + 1):
        rate = rng.uniform(1e-4, 1e-2)
        marks = {}
        if trials and trials[-1].state == TrialState.PRUNED and rng.random() < share_promoted:
            marks = {PROMOTES: number - 1}
            rate = trials[-1].params["learning_rate"]
        epochs = rng.choice([1, 1, 1, 3, 9])
        values = {epoch: rng.random() for epoch in range(1, epochs + 1)}
        is_whole = epochs == 9
        trial = create_trial(
            state=TrialState.COMPLETE if is_whole else TrialState.PRUNED,
            value=values[epochs] if is_whole else None,
            params={"learning_rate": rate},
            distributions={"learning_rate": LEARNING_RATE},
            intermediate_values=values,
            user_attrs={**marks, **({RESULT: {"bundle": None}} if is_whole else {})},
        )
        trials.append(trial)
    return trials


def insert_trials(study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
    """Add trials to a study in a database, in one transaction: Optuna takes some 20 ms for each."""
    backend = backend_of(storage_of(study))
    assert isinstance(backend, RetryingStorage)
    first = len(study.get_trials(deepcopy=False))
    with Session(backend.engine) as session:
        for number, trial in enumerate(trials, first):
            values = [
                models.TrialValueModel(objective=n, value=value, value_type="FINITE")
                for n, value in enumerate(trial.values or ())
            ]
            intermediate = [
                models.TrialIntermediateValueModel(
                    step=step, intermediate_value=value, intermediate_value_type="FINITE"
                )
                for step, value in trial.intermediate_values.items()
            ]
            params = [
                models.TrialParamModel(
                    param_name=name,
                    param_value=trial.distributions[name].to_internal_repr(value),
                    distribution_json=distribution_to_json(trial.distributions[name]),
                )
                for name, value in trial.params.items()
            ]
            attributes = [
                models.TrialUserAttributeModel(key=key, value_json=json.dumps(value))
                for key, value in trial.user_attrs.items()
            ]
            row = models.TrialModel(
                study_id=study._study_id,
                number=number,
                state=trial.state,
                datetime_start=trial.datetime_start,
                datetime_complete=trial.datetime_complete,
                values=values,
                intermediate_values=intermediate,
                params=params,
                user_attributes=attributes,
            )
            session.add(row)
        session.commit()
