"""An A/B study of mappings before it runs: its arms, and the trainings that each needs.

Shared arms each run a search in their own study, then all arms train the candidates: the
configurations that the searches put among their best. Matched arms train random configurations.
"""

import hashlib
import json
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from segexp.compare.candidates import Candidate
from segexp.compare.design import TRIALS, Design, design_faults
from segexp.core.config import Config
from segexp.core.config_keys import resolve_key, with_values
from segexp.core.errors import InputError, collected
from segexp.core.files import name_fault
from segexp.data.cache import Dataset
from segexp.evaluation.metrics import OBJECTIVE
from segexp.labels.files import find_mappings
from segexp.labels.mapping import Mapping, common_space
from segexp.study.config import Pruner, Sampler, read_study
from segexp.study.definition import data_definition, mapping_definitions
from segexp.study.plan import ListPlan, SearchPlan, StudyPlan, plan_study
from segexp.study.read_space import read_space
from segexp.study.samplers import sample_params
from segexp.study.space import Parameter, Range

# Only listed seeds are trained: the range is never sampled from.
_SEED = {"seed": Range(0, 2**31 - 1, integer=True)}


@dataclass(frozen=True)
class AbPlan:
    """An A/B study, checked as far as possible before data is read.

    Attributes:
        arms: The search of each arm; matched arms do not run it.
        configs: The configurations of matched arms; empty for others, whose searches find them.
    """

    project: Path
    name: str
    design: Design
    arms: tuple[SearchPlan, ...]
    common: Mapping
    configs: tuple[Dict[str, Any], ...]

    @property
    def mappings(self) -> tuple[Mapping, ...]:
        """The arms' mappings, in order."""
        return tuple(next(iter(arm.base.mappings.values())) for arm in self.arms)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the final trainings of matched and tuned arms. Tuning uses none of them."""
        first = self.config.training.seed + 1
        return tuple(range(first, first + self.design.seeds))

    @property
    def config(self) -> Config:
        """The configuration that the arms share except for the mapping: data, tracking, storage."""
        return self.arms[0].base.config


def plan_ab(
    project: Path,
    study: str | None,
    mappings: Sequence[str],
    overrides: Dict[str, Any],
    *,
    name: str,
    design: Design,
) -> AbPlan:
    """Check an A/B study: its mappings, and a study for each mapping.

    Args:
        study: The study whose search space the arms use; None for ``default``.
        overrides: Keys of config and study that are overridden, such as ``trials``.

    Raises:
        InputError: With every fault that was found.
    """
    faults = _argument_faults(name, mappings, overrides)
    trials = int(overrides.get("trials", TRIALS))
    found: list[Mapping] = []
    with collected(faults):
        found = find_mappings(project, list(dict.fromkeys(mappings)))
    if faults:
        raise InputError([*faults, *design_faults(design, trials, len(mappings))])
    common = common_space(found)
    arms: list[SearchPlan] = []
    for mapping in found:
        with collected(faults):
            path, definition, config = read_study(
                project, study, {**overrides, "mapping": mapping.name}
            )
            arm_name = f"{name}-{mapping.name}"
            if definition.objective != OBJECTIVE:
                raise InputError(
                    f"{path}: objective: {definition.objective!r}: an A/B study compares, and "
                    f"tunes by, {OBJECTIVE!r}"
                )
            changes: dict[str, Any] = {"name": arm_name}
            if design.mode == "shared":
                changes["sampler"] = _own_draws(definition.sampler, mapping.name)
            definition = definition.model_copy(update=changes)
            searched = read_space(str(path), definition, config)
            planned = plan_study(project, str(path), definition, config, searched)
            base = replace(planned.base, common=common, is_part=True)
            arms.append(replace(planned, base=base))
    faults += design_faults(design, arms[0].base.study.trials if arms else trials, len(mappings))
    if faults:
        raise InputError(list(dict.fromkeys(faults)))
    chosen: tuple[Dict[str, Any], ...] = ()
    if design.mode == "matched":
        seed = arms[0].base.study.sampler.seed
        chosen = tuple(sample_params(arms[0].points, arms[0].baseline, design.configs, seed))
    return AbPlan(project, name, design, tuple(arms), common, chosen)


def _own_draws(sampler: Sampler, mapping: str) -> Sampler:
    """Give the search of a mapping its own random draws, whatever the other arms are.

    Searches with the same draws would find the same, which would leave fewer different candidates.
    """
    mixed = np.random.SeedSequence([sampler.seed, crc32(mapping.encode())])
    return sampler.model_copy(update={"seed": int(mixed.generate_state(1)[0] >> 1)})


def of_candidates(plan: AbPlan, candidates: Sequence[Candidate]) -> list[ListPlan]:
    """Plan the trainings of the candidates in every arm, with the same seeds in all.

    A candidate's seeds depend on its params alone, so it is trained only once, whatever the other
    candidates are.
    """
    first = plan.config.training.seed
    listed = [
        {**candidate.params, "seed": _fresh_seed(candidate.params, first, place)}
        for candidate in candidates
        for place in range(plan.design.seeds)
    ]
    return [
        _listed(arm, f"{arm.study.name}-candidates", arm.config, arm.space, listed)
        for arm in (arm.base for arm in plan.arms)
    ]


def of_configs(plan: AbPlan, configs: Sequence[Dict[str, Any]]) -> list[ListPlan]:
    """Plan the trainings of matched arms: each configuration with all seeds."""
    listed = [{**params, "seed": seed} for params in configs for seed in plan.seeds]
    arms = [arm.base for arm in plan.arms]
    return [_listed(arm, arm.study.name, arm.config, arm.space, listed) for arm in arms]


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


def ab_definition(plan: AbPlan, dataset: Dataset) -> dict[str, Any]:
    """Return what defines an A/B study: it must be the same when the study is resumed.

    What a single training depends on is in the definitions of the arms' studies.
    """
    return {
        "arms": ", ".join(mapping.name for mapping in plan.mappings),
        "mode": plan.design.mode,
        **data_definition(dataset),
        **mapping_definitions(plan.mappings),
    }


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


def _argument_faults(name: str, mappings: Sequence[str], overrides: Dict[str, Any]) -> list[str]:
    longest = max((f"{name}-{mapping}" for mapping in mappings), key=len)
    fault = name_fault("study name", name) or name_fault("study name", f"{longest}-candidates")
    faults = [f"{fault}; name it with --study-name"] if fault else []
    if len(mappings) < 2:
        faults.append(f"{' '.join(mappings)}: only one arm; name two or more mappings to compare")
    twice = [name for name in dict.fromkeys(mappings) if list(mappings).count(name) > 1]
    faults += [f"{name}: is named twice; the arms must be different mappings" for name in twice]
    if any(resolve_key(key) == "mapping" for key in overrides):
        faults.append("--set mapping: each arm has its own mapping; name them as arguments")
    return faults
