"""The search space, samplers and pruners of a study, in Optuna's terms."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler

from segexp.core.errors import InputError, collected
from segexp.study.config import Pruner, Sampler
from segexp.study.rungs import PlacedHyperbandPruner, RungPruner
from segexp.study.space import Choices, Parameter, Range
from segexp.study.storage.open import hush_optuna
from segexp.study.untried import MAX_LISTED, Points, count_values


def suggest(trial: optuna.Trial, space: Mapping[str, Parameter]) -> dict[str, Any]:
    """Sample a value for every parameter of the space."""
    params: dict[str, Any] = {}
    for name, parameter in space.items():
        if isinstance(parameter, Choices):
            params[name] = trial.suggest_categorical(name, parameter.choices)
        elif parameter.integer:
            params[name] = trial.suggest_int(
                name,
                int(parameter.low),
                int(parameter.high),
                log=parameter.log,
                step=int(parameter.step or 1),
            )
        else:
            params[name] = trial.suggest_float(
                name, parameter.low, parameter.high, log=parameter.log, step=parameter.step
            )
    return params


def sample_params(
    points: Points, first: Mapping[str, Any], count: int, seed: int
) -> list[dict[str, Any]]:
    """Sample different params at random; asked for more of them, the first ones stay the same.

    Args:
        points: Those of the search space that may be tried.
        first: The first of the list, a point of the space.
        count: How many.
        seed: Of the random sampler.

    Raises:
        InputError: When the space does not have as many points.
    """
    hush_optuna()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    params = [dict(first)]
    for _ in range(100 * count):
        if len(params) >= count:
            return params[:count]
        sampled = suggest(study.ask(), points.space)
        if points.allows(sampled) and points.key(sampled) not in map(points.key, params):
            params.append(sampled)
    raise InputError(
        f"the search space has no {count} different configurations; {len(params)} were found"
    )


def make_sampler(sampler: Sampler, space: Mapping[str, Parameter], place: int) -> BaseSampler:
    """Make an Optuna sampler.

    Args:
        sampler: Its name, seed and options.
        space: The search space; the grid sampler walks all of it.
        place: Of the trial that it is for, see `segexp.study.reconcile.sampling_place`. It is mixed
            into the seed: a sampler that starts again with the same one would suggest its first
            random trials a second time. Added to it, it would make seed 1 repeat what seed 0 drew.

    Raises:
        InputError: For an option that Optuna's class does not take, or a grid over a range
            without steps.
    """
    seed = int(np.random.SeedSequence([sampler.seed, place]).generate_state(1)[0])
    options: dict[str, Any] = dict(sampler.options)
    with _named_in_faults("sampler", sampler.name):
        if sampler.name == "tpe":
            return optuna.samplers.TPESampler(seed=seed, **options)
        if sampler.name == "random":
            return optuna.samplers.RandomSampler(seed=seed, **options)
        if sampler.name == "gp":
            return optuna.samplers.GPSampler(seed=seed, **options)
        if sampler.name == "cmaes":
            return optuna.samplers.CmaEsSampler(seed=seed, **options)
        # All points in any order: see `segexp.study.untried`, which suggests none of them twice.
        _refuse_endless(space)
        return optuna.samplers.RandomSampler(seed=seed, **options)


def _refuse_endless(space: Mapping[str, Parameter]) -> None:
    """Refuse a space whose points are not all tried, one after the other."""
    for name, parameter in space.items():
        if isinstance(parameter, Range) and not parameter.integer and parameter.step is None:
            raise InputError(
                f"space.{name}: the grid sampler needs choices or a step, "
                f"got {parameter.low:g} to {parameter.high:g}"
            )
    points = math.prod(map(count_values, space.values()))
    if points > MAX_LISTED:
        raise InputError(f"space: {points:,} points; the grid sampler takes {MAX_LISTED:,}")


def option_faults(
    sampler: Sampler, pruner: Pruner, space: Mapping[str, Parameter], epochs: int
) -> list[str]:
    """List what is wrong with the options of a sampler and a pruner.

    A trial is taken through both of them in memory: some options Optuna looks at only then.
    """
    hush_optuna()
    study = optuna.create_study(direction="maximize")
    faults: list[str] = []
    with collected(faults), _named_in_faults("sampler", sampler.name):
        study.sampler = make_sampler(sampler, space, 0)
        suggest(study.ask(), space)
        if sampler.name == "tpe":  # its first trials are drawn at random, whatever the options
            _finish_two_trials(study, space)
            options = {**sampler.options, "n_startup_trials": 1}
            study.sampler = make_sampler(Sampler(options=options), space, 0)
            suggest(study.ask(), space)
    study.sampler = optuna.samplers.RandomSampler()
    with collected(faults), _named_in_faults("pruner", pruner.name):
        study.pruner = make_pruner(pruner, epochs)
        trial = study.ask()
        trial.report(0.0, 1)
        trial.should_prune()
    return faults


def _finish_two_trials(study: optuna.Study, space: Mapping[str, Parameter]) -> None:
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    for value in (0.0, 1.0):
        trial = study.ask()
        suggest(trial, space)
        study.tell(trial, value)


def make_pruner(pruner: Pruner, epochs: int, label: str = "study") -> BasePruner:
    """Make an Optuna pruner; its resource is epochs.

    Args:
        pruner: Its name and options.
        epochs: Of a whole trial.
        label: What Hyperband draws its brackets from: the study's name, or what arms share.

    Raises:
        InputError: For an option that Optuna's class does not take.
    """
    options: dict[str, Any] = dict(pruner.options)
    with _named_in_faults("pruner", pruner.name):
        if pruner.name == "hyperband":
            return PlacedHyperbandPruner(label, **{"max_resource": epochs, **options})
        if pruner.name == "successive_halving":
            return RungPruner(**options)
        if pruner.name == "median":
            return optuna.pruners.MedianPruner(**options)
        if pruner.name == "percentile":
            return optuna.pruners.PercentilePruner(**{"percentile": 25.0, **options})
        if pruner.name == "patient":
            patience = options.pop("patience", 2)
            return optuna.pruners.PatientPruner(
                optuna.pruners.MedianPruner(), patience=patience, **options
            )
        return optuna.pruners.NopPruner(**options)


@contextmanager
def _named_in_faults(what: str, name: str) -> Iterator[None]:
    """Turn whatever Optuna's class raises for its options into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # a TypeError for a name; for a value nearly anything
        raise InputError(f"{what}: {name}: options: {error}") from None
