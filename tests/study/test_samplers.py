"""Samplers and pruners by their names, each in a real study of a toy objective."""

import optuna
import pytest
from optuna.trial import TrialState

from segexp.core.errors import InputError
from segexp.study.config import Pruner, Sampler
from segexp.study.samplers import make_sampler, option_faults, suggest
from segexp.study.space import Choices, Parameter, Range
from segexp.study.storage.open import hush_optuna

SPACE: dict[str, Parameter] = {
    "loss": Choices(("focal", "ce_dice")),
    "learning_rate": Range(1e-4, 1e-1, log=True),
    "augmentation": Range(0.0, 1.0, step=0.25),
    "batch_size": Range(2, 8, integer=True),
}
STEPPED: dict[str, Parameter] = {k: v for k, v in SPACE.items() if k != "learning_rate"}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    hush_optuna()


def ask(study: optuna.Study, sampler: Sampler, space: dict[str, Parameter]) -> optuna.Trial:
    """Ask as a study does: a new sampler for each trial."""
    study.sampler = make_sampler(sampler, space, len(study.get_trials(deepcopy=False)))
    return study.ask()


def run(sampler: Sampler, trials: int, space: dict[str, Parameter] = SPACE) -> optuna.Study:
    study = optuna.create_study(direction="maximize")
    for _ in range(trials):
        trial = ask(study, sampler, space)
        params = suggest(trial, space)
        study.tell(trial, sum(v for v in params.values() if isinstance(v, int | float)))
    return study


@pytest.mark.parametrize("name", ["tpe", "random", "gp", "cmaes", "grid"])
def test_every_sampler_stays_within_the_space(name: str) -> None:
    space = STEPPED if name == "grid" else SPACE
    study = run(Sampler(name=name), 14, space)
    for trial in study.trials:
        assert trial.state == TrialState.COMPLETE
        assert set(trial.params) == set(space)
        assert trial.params["loss"] in ("focal", "ce_dice")
        assert trial.params["augmentation"] in (0, 0.25, 0.5, 0.75, 1)
        assert trial.params["batch_size"] in range(2, 9)
        assert isinstance(trial.params["batch_size"], int)
        if name != "grid":
            assert 1e-4 <= trial.params["learning_rate"] <= 1e-1
    assert len({tuple(t.params.values()) for t in study.trials}) > 1


@pytest.mark.parametrize("name", ["tpe", "random"])
def test_trials_depend_on_the_seed_and_their_number_alone(name: str) -> None:
    """So a study that is resumed neither repeats its first suggestions nor differs."""
    first = [t.params for t in run(Sampler(name=name, seed=3), 6).trials]
    assert first == [t.params for t in run(Sampler(name=name, seed=3), 6).trials]
    assert first != [t.params for t in run(Sampler(name=name, seed=4), 6).trials]
    assert len({p["learning_rate"] for p in first}) == 6


@pytest.mark.parametrize("name", ["tpe", "random"])
def test_another_seed_draws_nothing_that_the_first_one_drew(name: str) -> None:
    drawn = [
        {t.params["learning_rate"] for t in run(Sampler(name=name, seed=seed), 6).trials}
        for seed in (0, 1, 2)
    ]
    assert len(set.union(*drawn)) == 18


def test_workers_that_ask_at_the_same_time_get_different_suggestions() -> None:
    study = optuna.create_study(direction="maximize")
    trials = [ask(study, Sampler(), SPACE) for _ in range(4)]
    assert len({suggest(trial, SPACE)["learning_rate"] for trial in trials}) == 4


def test_options_reach_optunas_samplers() -> None:
    sampler = make_sampler(Sampler(options={"n_startup_trials": 3}), SPACE, 0)
    assert isinstance(sampler, optuna.samplers.TPESampler)
    assert sampler._n_startup_trials == 3
    sampler = make_sampler(Sampler(name="cmaes", options={"sigma0": 0.25}), SPACE, 0)
    assert isinstance(sampler, optuna.samplers.CmaEsSampler)
    assert sampler._sigma0 == 0.25


@pytest.mark.parametrize("name", ["tpe", "random", "gp", "cmaes", "grid"])
@pytest.mark.parametrize("option", ["n_startups", "seed"])
def test_an_option_that_a_sampler_does_not_take_is_refused(name: str, option: str) -> None:
    with pytest.raises(InputError, match=rf"^sampler: {name}: options: .*'{option}'"):
        make_sampler(Sampler(name=name, options={option: 3}), STEPPED, 0)


def test_a_grid_over_a_range_without_steps_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        make_sampler(Sampler(name="grid"), SPACE, 0)
    expected = "space.learning_rate: the grid sampler needs choices or a step, got 0.0001 to 0.1"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hyperband", {"min_resource": 0}),
        ("hyperband", {"reduction_factor": 1}),
        ("hyperband", {"reduction_factor": 2.5}),
        ("successive_halving", {"min_resource": 0}),
        ("successive_halving", {"min_resource": "auto"}),
        ("successive_halving", {"min_resource": 1.5}),
        ("successive_halving", {"reduction_factor": 1}),
        ("successive_halving", {"reduction_factor": True}),
        ("successive_halving", {"min_early_stopping_rate": -1}),
        ("successive_halving", {"bootstrap_count": -1}),
        ("successive_halving", {"bootstrap_count": None}),
        ("percentile", {"percentile": 200.0}),
        ("median", {"n_startup_trials": -1}),
        ("patient", {"patience": -1}),
    ],
)
def test_a_value_that_a_pruner_refuses_is_a_fault_before_any_trial(
    name: str, options: dict[str, object]
) -> None:
    (fault,) = option_faults(Sampler(), Pruner(name=name, options=options), SPACE, 9)
    assert fault.startswith(f"pruner: {name}: options: ")


def test_faults_of_sampler_and_pruner_are_listed_together() -> None:
    sampler = Sampler(options={"n_startup_trials": "many"})
    faults = option_faults(sampler, Pruner(options={"warm": 1}), SPACE, 9)
    assert [fault.partition(" options")[0] for fault in faults] == [
        "sampler: tpe:",
        "pruner: hyperband:",
    ]


def test_a_grid_of_more_points_than_memory_is_refused() -> None:
    space: dict[str, Parameter] = {
        name: Range(0.0, 1.0, step=0.001) for name in ("augmentation", "weight_decay", "x", "y")
    }
    with pytest.raises(InputError, match="1,004,006,004,001 points; the grid sampler takes"):
        make_sampler(Sampler(name="grid"), space, 0)


@pytest.mark.parametrize("options", [{"n_ei_candidates": 0}, {"n_ei_candidates": -5}, {"gamma": 3}])
def test_an_option_that_fails_only_after_the_first_trials_is_seen_before_them(options) -> None:
    (fault,) = option_faults(Sampler(options=options), Pruner(name="none"), SPACE, 3)
    assert fault.startswith("sampler: tpe: options: ")
