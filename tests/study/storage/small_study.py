"""A study of three trials that needs most of a storage, and what is to be left of it."""

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState


def small_study(storage: BaseStorage, name: str) -> None:
    study = optuna.create_study(storage=storage, study_name=name)
    study.set_user_attr("about", "a study")
    study.enqueue_trial({"x": 0.25})
    for place in range(3):
        trial = study.ask()
        trial.set_user_attr("place", place)
        x = trial.suggest_float("x", 0, 1)
        trial.report(x, 1)
        if place < 2:
            study.tell(trial, 2 * x)
        else:
            study.tell(trial, state=TrialState.FAIL)


def check_small_study(storage: str | BaseStorage, name: str) -> None:
    """Look at the study with a storage of Optuna's own."""
    study = optuna.load_study(study_name=name, storage=storage)
    assert study.user_attrs == {"about": "a study"}
    trials = study.trials
    assert [t.number for t in trials] == [0, 1, 2]
    assert [t.state.name for t in trials] == ["COMPLETE", "COMPLETE", "FAIL"]
    assert [t.user_attrs for t in trials] == [{"place": 0}, {"place": 1}, {"place": 2}]
    assert trials[0].params == {"x": 0.25}
    assert [t.value for t in trials] == [2 * t.params["x"] for t in trials[:2]] + [None]
    assert [t.intermediate_values for t in trials] == [{1: t.params["x"]} for t in trials]
