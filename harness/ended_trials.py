"""Studies of thousands of trials that have ended, made without a training."""

import random
from typing import Any

from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from segexp.study.attributes import PROMOTES, RESULT

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
