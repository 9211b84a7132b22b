"""What every arm of an A/B study trains in the end, to be compared: studies of listed params."""

import hashlib
import json
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from segexp.compare.candidates import Candidate
from segexp.compare.plan import AbPlan
from segexp.core.config import Config
from segexp.core.config_keys import with_values
from segexp.study.config import Pruner, Sampler
from segexp.study.plan import ListPlan, SearchPlan, StudyPlan
from segexp.study.space import Parameter, Range

# Only listed seeds are trained: the range is never sampled from.
_SEED = {"seed": Range(0, 2**31 - 1, integer=True)}


def of_candidates(plan: AbPlan, candidates: Sequence[Candidate]) -> list[ListPlan]:
    """Plan the trainings of the candidates in every arm, with the same seeds in all.

    A candidate's seeds depend on its params alone, so it is trained only once, whatever the other
    candidates are.
    """
    name = "{}-candidates"
    return _of_all(plan, name, [candidate.params for candidate in candidates])


def of_configs(plan: AbPlan, configs: Sequence[Dict[str, Any]]) -> list[ListPlan]:
    """Plan the trainings of matched arms: each configuration with all seeds.

    Where an arm fixes what others search, it may train one configuration for several of theirs,
    so each has seeds of its own.
    """
    if any(arm.base.space != plan.points.space for arm in plan.arms):
        return _of_all(plan, "{}", configs)
    listed = [{**params, "seed": seed} for params in configs for seed in plan.seeds]
    arms = [arm.base for arm in plan.arms]
    return [_listed(arm, arm.study.name, arm.config, arm.space, listed) for arm in arms]


def _of_all(plan: AbPlan, name: str, configs: Sequence[Dict[str, Any]]) -> list[ListPlan]:
    """Plan the trainings of whole configurations in every arm, in which some of it may be fixed."""
    first = plan.config.training.seed
    listed = [
        {**params, "seed": _fresh_seed(params, first, place)}
        for params in configs
        for place in range(plan.design.seeds)
    ]
    return [
        _listed(
            arm,
            name.format(arm.study.name),
            arm.config,
            arm.space,
            [
                {k: v for k, v in params.items() if k in arm.space or k in _SEED}
                for params in listed
            ],
        )
        for arm in (arm.base for arm in plan.arms)
    ]


def of_winner(
    arm: SearchPlan, number: int, params: Dict[str, Any], seeds: Sequence[int]
) -> ListPlan:
    """Plan the final trainings of a tuned arm: its best configuration, once with every seed.

    Args:
        number: The number of its best trial: another best trial makes another study.
    """
    base = arm.base
    name = f"{base.study.name}-trial-{number:04d}"
    listed = [{"seed": seed} for seed in seeds]
    return _listed(base, name, with_values(base.config, params), {}, listed)


def _fresh_seed(params: Dict[str, Any], tuning: int, place: int) -> int:
    """Return a seed from 0 to 2**31 - 1 that tuning has not used."""
    content = json.dumps([sorted(params.items()), tuning, place])
    seed = int.from_bytes(hashlib.sha256(content.encode()).digest()[:4]) >> 1
    return seed if seed != tuning else seed ^ 1


def _listed(
    arm: StudyPlan,
    name: str,
    config: Config,
    space: Dict[str, Parameter],
    listed: Sequence[Dict[str, Any]],
) -> ListPlan:
    """Return the study that trains the listed params and keeps all results."""
    definition = arm.study.model_copy(
        update={
            "name": name,
            "trials": len(listed),
            "sampler": Sampler(name="random"),
            "pruner": Pruner(name="none"),
        }
    )
    base = replace(arm, study=definition, config=config, space={**space, **_SEED})
    return ListPlan(base, tuple(listed))
