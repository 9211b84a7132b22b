"""A study whose scores follow a formula, for the tests of its page."""

import math

import optuna
from optuna.trial import TrialState

from harness.results import made_scores
from segexp.evaluation.result import TrialResult
from segexp.study.attributes import (
    FAILURE,
    RESULT,
    RUN_ID,
)

BASELINE = {"mapping": "fine", "arch": "Unet", "learning_rate": 1e-3}
TRIALS = ["trial", "state", "objective", "best epoch", "epochs", "seconds"]
TRIALS += ["mapping", "arch", "learning_rate", "MLflow run"]
CATEGORIES = ["complete", "pruned", "failed", "best", "by trial", "median"]


def scores(value):
    # One class is predicted only.
    table = {"class": ["road", "car", "tram"], "iou": [value, 0.0, None], "pixels": [9, 0, 0]}
    return made_scores(
        value + 0.1,
        value,
        table,
        by_argmax=value - 0.01,
        accuracy=0.8,
        in_mean=(19, 10),
        predicted_only=1,
    )


def leave(trial, value):
    """Leave a result, without which no command and no page calls a trial the best."""
    trial.set_user_attr(RESULT, TrialResult(value, 1, 2.0, scores(value)).to_dict())


def objective(trial):
    """A quadratic in log10 of the learning rate, reached over three epochs.

    Trials 3, 8, ... are pruned after epoch 2; trials 4, 9, ... fail.
    """
    mapping = trial.suggest_categorical("mapping", ["fine", "coarse"])
    trial.suggest_categorical("arch", ["Unet", "FPN", None])
    rate = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
    trial.set_user_attr(RUN_ID, f"run{trial.number}")
    top = 0.6 - 0.1 * (math.log10(rate) + 2) ** 2 + 0.05 * (mapping == "coarse")
    for epoch in (1, 2, 3):
        trial.report(top * epoch / 3, epoch)
        if trial.number % 5 == 3 and epoch == 2:
            raise optuna.TrialPruned
        if trial.number % 5 == 4:
            trial.set_user_attr(FAILURE, "DivergedError: loss <nan> & more")
            raise RuntimeError
    complete = trial.study.get_trials(states=[TrialState.COMPLETE])
    is_best = all(top > t.value for t in complete)
    result = TrialResult(
        top,
        3,
        12.5,
        scores(top),
        scores(top - 0.02) if is_best else None,
        "b/1" if is_best else None,
    )
    trial.set_user_attr(RESULT, result.to_dict())
    return top


def make_study(trials, run=objective, **attributes):
    study = optuna.create_study(
        study_name="tiny", direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1)
    )
    for name, value in attributes.items():
        study.set_user_attr(name, value)
    study.enqueue_trial(BASELINE)
    study.optimize(run, n_trials=trials, catch=(RuntimeError,))
    return study
