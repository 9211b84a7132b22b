from pathlib import Path

import optuna
import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState

from segexp.study.config import Pruner, Sampler
from segexp.study.pruners import is_behind, make_pruner
from segexp.study.samplers import make_sampler, suggest
from segexp.study.space import Choices, Range
from segexp.study.storage.open import hush_optuna, open_storage
from segexp.study.storage.several import (
    as_failed,
    as_samplers_read,
    directions_of,
    report_score,
    with_scores_alone,
)
from segexp.study.untried import Points, UntriedSampler

SPACE = {"arch": Choices(("a", "b")), "rate": Range(1e-4, 1e-2, log=True)}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    hush_optuna()


def study_of(storage: optuna.storages.BaseStorage | None = None) -> optuna.Study:
    return optuna.create_study(directions=directions_of(1), storage=storage, study_name="two")


def test_an_epoch_is_reported_in_every_storage_whatever_the_number_of_objectives(tmp_path: Path):
    for number, storage in enumerate(
        [
            None,
            open_storage(f"sqlite:///{tmp_path}/a.db", tmp_path),
            open_storage(f"journal:{tmp_path}/a.log", tmp_path),
        ]
    ):
        study = study_of(storage)
        trial = study.ask()
        report_score(trial, 0.25, 1)
        report_score(trial, 0.5, 2)
        study.tell(trial, state=TrialState.PRUNED)
        assert study.trials[0].intermediate_values == {1: 0.25, 2: 0.5}, number
        assert study.trials[0].values is None


def test_the_score_alone_is_read_and_nothing_is_changed():
    study = study_of()
    for values in ([0.5, 9.0], [0.4, 3.0]):
        trial = study.ask()
        study.tell(trial, values)
    read = with_scores_alone(study, lambda t: as_failed(t) if t.number == 0 else t)
    assert read.direction == StudyDirection.MAXIMIZE
    assert [t.state for t in read.trials] == [TrialState.FAIL, TrialState.COMPLETE]
    assert read.trials[1].value == 0.4
    assert [t.number for t in read.get_trials(states=[TrialState.COMPLETE])] == [1]
    assert [t.values for t in study.trials] == [[0.5, 9.0], [0.4, 3.0]]
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 2


@pytest.mark.parametrize("name", ["tpe", "gp", "nsga2", "random"])
def test_every_sampler_of_several_objectives_meets_pruned_trials(name: str):
    study = study_of()
    study.pruner = make_pruner(Pruner(name="hyperband"), epochs=9)  # Optuna filters by brackets
    for number in range(14):
        study.sampler = UntriedSampler(
            make_sampler(Sampler(name=name), SPACE, number), Points(SPACE), [], number
        )
        trial = study.ask()
        params = suggest(trial, SPACE)
        report_score(trial, params["rate"], 1)
        if number % 3 == 2:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, [params["rate"], 9.0 if params["arch"] == "a" else 3.0])
    assert len(study.trials) == 14


def test_tpe_alone_refuses_what_it_is_given_here():
    """Else `as_samplers_read` is no longer needed."""
    study = study_of()
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    for number in range(12):
        trial = study.ask()
        params = suggest(trial, SPACE)
        report_score(trial, params["rate"], 1)
        if number:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, [0.1, 1.0])
    study.sampler = optuna.samplers.TPESampler(n_startup_trials=1, seed=0)
    with pytest.raises(RuntimeError, match="multi-objective"):
        suggest(study.ask(), SPACE)
    assert as_samplers_read(study).trials[1].intermediate_values == {}


PRUNERS = {
    "hyperband": {"min_resource": 1, "reduction_factor": 2},
    "successive_halving": {"reduction_factor": 2},
    "median": {"n_startup_trials": 1},
    "percentile": {"n_startup_trials": 1, "percentile": 50.0},
    "patient": {"patience": 0},
    "none": {},
}


@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_stops_the_poor_trials_of_each_price_and_spares_the_cheaper_ones(name: str):
    """Trials of falling quality, dear ones first: a cheap one is compared with cheap ones alone."""
    study = study_of()
    study.pruner = make_pruner(Pruner(name=name, options=PRUNERS[name]), epochs=8)
    states: dict[float, list[TrialState]] = {9.0: [], 3.0: []}
    for price, of_price in states.items():
        for quality in range(8, 0, -1):
            trial = study.ask()
            trial.set_user_attr("segexp.costs", [price])
            value = quality / 10 - (0.5 if price == 3.0 else 0.0)  # the cheap are far behind
            for epoch in range(1, 9):
                report_score(trial, value - epoch / 1000, epoch)
                if is_behind(trial, among_rivals=True):
                    study.tell(trial, state=TrialState.PRUNED)
                    break
            else:
                study.tell(trial, [value, price])
            of_price.append(study.trials[-1].state)
    for of_price in states.values():
        assert of_price[0] == TrialState.COMPLETE  # the best of its price: it is on the front
        assert (TrialState.PRUNED in of_price) == (name != "none")
