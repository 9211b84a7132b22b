"""The samplers of a study, in Optuna's terms."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler

from segexp.core.errors import InputError, collected
from segexp.study.choices import SAMPLERS, load
from segexp.study.config import Pruner, Sampler
from segexp.study.pruners import is_behind, make_pruner, named_in_faults
from segexp.study.space import Choices, Parameter, Range
from segexp.study.storage.open import hush_optuna
from segexp.study.storage.several import directions_of, report_score
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
    """Sample different params at random; a longer list begins with the same ones.

    Args:
        first: The first of the list, a point of the space.

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
        space: The search space; the grid sampler walks all of it.
        place: Of the trial that it is for; see `segexp.study.budget.sampling_place`. It is mixed
            into the seed: with the same seed a new sampler would suggest the same first random
            trials again. If it were added, seed 1 would repeat what seed 0 drew.

    Raises:
        InputError: For an option that Optuna's class does not take, or a grid over a range
            without steps.
    """
    seed = int(np.random.SeedSequence([sampler.seed, place]).generate_state(1)[0])
    options: dict[str, Any] = dict(sampler.options)
    row = SAMPLERS[sampler.name]
    with named_in_faults("sampler", sampler.name):
        if row.walks_all:
            _refuse_endless(space)
        made: BaseSampler = load(row.place)(seed=seed, **options)
        return made


def _refuse_endless(space: Mapping[str, Parameter]) -> None:
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
    sampler: Sampler,
    pruner: Pruner,
    space: Mapping[str, Parameter],
    epochs: int,
    costs: int = 0,
) -> list[str]:
    """List what is wrong with the options of a sampler and a pruner.

    Both run a trial in memory: Optuna checks some options only then.

    Args:
        costs: How many objectives there are beside the score.
    """
    hush_optuna()
    study = optuna.create_study(directions=directions_of(costs))
    faults: list[str] = []
    if costs and not SAMPLERS[sampler.name].several:
        several = ", ".join(name for name, row in SAMPLERS.items() if row.several)
        return [f"sampler: {sampler.name} takes one objective; for several name {several}"]
    with collected(faults), named_in_faults("sampler", sampler.name):
        study.sampler = make_sampler(sampler, space, 0)
        suggest(study.ask(), space)
        if startup := SAMPLERS[sampler.name].startup:
            _finish_two_trials(study, space)
            options = {**sampler.options, startup: 1}
            study.sampler = make_sampler(Sampler(name=sampler.name, options=options), space, 0)
            suggest(study.ask(), space)
    study.sampler = optuna.samplers.RandomSampler()
    with collected(faults), named_in_faults("pruner", pruner.name):
        study.pruner = make_pruner(pruner, epochs)
        trial = study.ask()
        report_score(trial, 0.0, 1)
        is_behind(trial, among_rivals=costs > 0)
    return faults


def _finish_two_trials(study: optuna.Study, space: Mapping[str, Parameter]) -> None:
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    for value in (0.0, 1.0):
        trial = study.ask()
        suggest(trial, space)
        study.tell(trial, [value for _ in study.directions])
