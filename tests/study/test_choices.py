import pytest
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler

from segexp.study.choices import PRUNERS, SAMPLERS, load
from segexp.study.config import Pruner, Sampler
from segexp.study.samplers import option_faults
from segexp.study.space import Range


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_samplers_place_makes_one_of_a_seed(name: str) -> None:
    assert isinstance(load(SAMPLERS[name].place)(seed=1), BaseSampler)


@pytest.mark.parametrize("name", PRUNERS)
def test_a_pruners_place_makes_one_of_its_defaults(name: str) -> None:
    row = PRUNERS[name]
    named = {row.label: "street"} if row.label else {}
    assert isinstance(load(row.place)(**row.defaults, **named), BasePruner)


def test_only_the_grid_walks_all_points_and_only_tpe_has_random_trials_first() -> None:
    assert [name for name, row in SAMPLERS.items() if row.walks_all] == ["grid"]
    assert {n: row.startup for n, row in SAMPLERS.items() if row.startup} == {
        "tpe": "n_startup_trials"
    }


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("pruner", PRUNERS)
def test_defaults_have_no_faults(sampler: str, pruner: str) -> None:
    space = {"augmentation": Range(0.0, 1.0, step=0.25)}
    assert option_faults(Sampler(name=sampler), Pruner(name=pruner), space, 1) == []
