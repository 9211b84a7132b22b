import optuna
import pytest
from optuna.trial import TrialState

from segexp.core.errors import InputError
from segexp.study.config import Pruner
from segexp.study.pruners import Placing, Promoting, make_pruner, named_in_faults
from segexp.study.storage.open import hush_optuna

PRUNERS = {
    "hyperband": {"min_resource": 1, "reduction_factor": 2},
    "successive_halving": {"reduction_factor": 2},
    "median": {"n_startup_trials": 1},
    "percentile": {"n_startup_trials": 1, "percentile": 50.0},
    "patient": {"patience": 0},
    "none": {},
}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    hush_optuna()


@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_ends_bad_trials_early_and_keeps_good_ones(name: str) -> None:
    """Trials of falling quality: what comes first stays, what is worse is pruned but by `none`."""
    pruner = make_pruner(Pruner(name=name, options=PRUNERS[name]), epochs=8)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    for quality in range(16, 0, -1):
        trial = study.ask()
        state = TrialState.COMPLETE
        for epoch in range(1, 9):
            trial.report(quality - epoch / 100, epoch)  # `patient` keeps what still rises
            if trial.should_prune():
                state = TrialState.PRUNED
                break
        study.tell(trial, float(quality) if state == TrialState.COMPLETE else None, state=state)
    states = [t.state for t in study.trials]
    assert states[0] == TrialState.COMPLETE
    assert (TrialState.PRUNED in states) == (name != "none")


def test_a_pruner_is_what_optuna_calls_it() -> None:
    made = {name: type(make_pruner(Pruner(name=name), 9)).__name__ for name in PRUNERS}
    assert made == {
        "hyperband": "PlacedHyperbandPruner",
        "successive_halving": "RungPruner",
        "median": "MedianPruner",
        "percentile": "PercentilePruner",
        "patient": "PatientPruner",
        "none": "NopPruner",
    }


@pytest.mark.parametrize("name", PRUNERS)
def test_an_option_that_a_pruner_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=rf"^pruner: {name}: options: .*(warm|takes no)"):
        make_pruner(Pruner(name=name, options={"warm": 3}), 9)


def test_what_promotes_and_what_judges_by_place_is_known_by_its_methods() -> None:
    made = {name: make_pruner(Pruner(name=name), 9) for name in PRUNERS}
    assert [n for n, p in made.items() if isinstance(p, Promoting)] == ["successive_halving"]
    placing = [n for n, p in made.items() if isinstance(p, Placing)]
    assert placing == ["hyperband"]


def test_only_errors_of_the_input_stay_as_they_are() -> None:
    with (
        pytest.raises(InputError, match=r"^pruner: median: options: no such thing$"),
        named_in_faults("pruner", "median"),
    ):
        raise TypeError("no such thing")
    with pytest.raises(InputError, match=r"^own words$"), named_in_faults("pruner", "median"):
        raise InputError("own words")
