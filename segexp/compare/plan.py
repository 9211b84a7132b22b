"""An A/B study before it runs: its arms, and the trainings that each needs.

Shared arms each run a search in their own study, then all arms train the candidates: the
configurations that the searches put among their best. Matched arms train random configurations.
"""

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from segexp.compare.arms import Arm, arms_definition, with_mappings
from segexp.compare.design import TRIALS, Design, design_faults
from segexp.core.config import Config
from segexp.core.config_keys import flatten, resolve_key
from segexp.core.errors import InputError, collected
from segexp.core.files import name_fault
from segexp.data.cache import Dataset
from segexp.evaluation.metrics import OBJECTIVE
from segexp.labels.files import find_mappings
from segexp.labels.mapping import Mapping, common_space
from segexp.study.config import Sampler, read_study
from segexp.study.definition import data_definition, mapping_definitions
from segexp.study.plan import SearchPlan, plan_study
from segexp.study.read_space import read_space
from segexp.study.revision import with_name
from segexp.study.samplers import sample_params
from segexp.study.space import Parameter, contains
from segexp.study.untried import Points


@dataclass(frozen=True)
class AbPlan:
    """An A/B study, checked as far as possible before data is read.

    Attributes:
        named: The arms, as they were named.
        arms: The search of each arm, over what it does not fix; matched arms do not run it.
        configs: The configurations of matched arms; empty for others, whose searches find them.
        options: What the command line that began it says beside its arms, each option with its
            value, without passwords: what it leads to is trained in the same way.
    """

    project: Path
    name: str
    design: Design
    named: tuple[Arm, ...]
    arms: tuple[SearchPlan, ...]
    common: Mapping
    configs: tuple[Dict[str, Any], ...]
    options: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The arms' names, in order."""
        return tuple(arm.name for arm in self.named)

    @cached_property
    def points(self) -> Points:
        """The configurations that every arm can train: points of what any arm searches.

        An arm trains them with what it fixes in place of what they say.
        """
        return _points_of_all(self.arms)

    def whole(self, place: int, params: Dict[str, Any]) -> dict[str, Any]:
        """Return a configuration from an arm's search, with what only other arms search.

        That has the arm's own value; the baseline's where the others cannot take it.
        """
        own = flatten(self.arms[place].base.config.to_dict())
        found = {}
        for name, parameter in self.points.space.items():
            value = own[resolve_key(name) or name]
            default = value if contains(parameter, value) else _baseline(self.arms)[name]
            found[name] = params.get(name, default)
        return found

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
        """The configuration of the first arm; data, tracking and storage are those of all."""
        return self.arms[0].base.config


def plan_ab(
    project: Path,
    study: str | None,
    arms: Sequence[Arm],
    overrides: Dict[str, Any],
    *,
    name: str,
    design: Design,
) -> AbPlan:
    """Check an A/B study: its arms, and a study for each arm.

    Args:
        study: The study whose search space the arms use; None for ``default``.
        overrides: Keys of config and study that are overridden, such as ``trials``.

    Raises:
        InputError: With every fault that was found.
    """
    faults: list[str] = []
    trials = int(overrides.get("trials", TRIALS))
    named: list[Arm] = []
    mappings: list[Mapping] = []
    with collected(faults):
        faults += _argument_faults(name, arms, overrides)
        named = with_mappings(arms, read_study(project, study, overrides)[2].mapping)
        mappings = find_mappings(project, [str(arm.settings["mapping"]) for arm in named])
    if faults:
        raise InputError([*faults, *design_faults(design, trials, len(arms))])
    common = common_space(mappings)
    planned: list[SearchPlan] = []
    of_arms: list[list[str]] = [[] for _ in named]
    for arm, of_arm in zip(named, of_arms, strict=True):
        with collected(of_arm):
            planned.append(
                _plan_arm(
                    project,
                    study,
                    arm,
                    overrides,
                    name=f"{name}-{arm.name}",
                    design=design,
                    common=common,
                )
            )
    faults += _told_of_arms(named, of_arms)
    faults += design_faults(design, planned[0].base.study.trials if planned else trials, len(named))
    faults = faults or _equal_arms(named, planned)
    if faults:
        raise InputError(list(dict.fromkeys(faults)))
    chosen: tuple[Dict[str, Any], ...] = ()
    if design.mode == "matched":
        seed = planned[0].base.study.sampler.seed
        points, first = _points_of_all(planned), _baseline(planned)
        chosen = tuple(sample_params(points, first, design.configs, seed))
    return AbPlan(project, name, design, tuple(named), tuple(planned), common, chosen)


def with_ab_name(plan: AbPlan, name: str) -> AbPlan:
    """Return a plan for an A/B study of another name."""
    arms = [with_name(arm, f"{name}-{of}") for arm, of in zip(plan.arms, plan.names, strict=True)]
    return replace(plan, name=name, arms=tuple(arms))


def _plan_arm(
    project: Path,
    study: str | None,
    arm: Arm,
    overrides: Dict[str, Any],
    *,
    name: str,
    design: Design,
    common: Mapping,
) -> SearchPlan:
    path, definition, config = read_study(project, study, {**overrides, **arm.settings})
    if definition.objective != OBJECTIVE:
        raise InputError(
            f"{path}: objective: {definition.objective!r}: an A/B study compares, and "
            f"tunes by, {OBJECTIVE!r}"
        )
    changes: dict[str, Any] = {"name": name}
    if design.mode == "shared":
        changes["sampler"] = _own_draws(definition.sampler, arm.name)
    definition = definition.model_copy(update=changes)
    searched = read_space(str(path), definition, config)
    planned = plan_study(project, str(path), definition, config, searched, common=common)
    return replace(planned, base=replace(planned.base, is_part=True))


def _told_of_arms(named: Sequence[Arm], of_arms: Sequence[Sequence[str]]) -> list[str]:
    """Name the arm of a fault that not all arms have, where it fixes more than its mapping."""
    return [
        f"arm {arm.name}: {fault}"
        if arm.own and not all(fault in others for others in of_arms)
        else fault
        for arm, of_arm in zip(named, of_arms, strict=True)
        for fault in of_arm
    ]


def _equal_arms(named: Sequence[Arm], planned: Sequence[SearchPlan]) -> list[str]:
    return [
        f"{a.name} and {b.name} train the same: change what one of them fixes"
        for (a, of_a), (b, of_b) in combinations(zip(named, planned, strict=True), 2)
        if (of_a.base.config, of_a.base.space) == (of_b.base.config, of_b.base.space)
    ]


def _points_of_all(arms: Sequence[SearchPlan]) -> Points:
    space: dict[str, Parameter] = {}
    forbidden: list[Dict[str, Any]] = []
    for points in (arm.points for arm in arms):
        space |= {name: p for name, p in points.space.items() if name not in space}
        forbidden += [left_out for left_out in points.forbidden if left_out not in forbidden]
    return replace(arms[0].points, space=space, forbidden=forbidden)


def _baseline(arms: Sequence[SearchPlan]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for arm in arms:
        found |= {name: value for name, value in arm.baseline.items() if name not in found}
    return found


def _own_draws(sampler: Sampler, arm: str) -> Sampler:
    """Give the search of an arm its own random draws, whatever the other arms are.

    Searches with the same draws would find the same, which would leave fewer different candidates.
    """
    mixed = np.random.SeedSequence([sampler.seed, crc32(arm.encode())])
    return sampler.model_copy(update={"seed": int(mixed.generate_state(1)[0] >> 1)})


def ab_definition(plan: AbPlan, dataset: Dataset) -> dict[str, Any]:
    """Return what defines an A/B study: it must be the same when the study is resumed.

    What a single training depends on is in the definitions of the arms' studies.
    """
    return {
        **arms_definition(plan.design.mode, plan.named),
        **data_definition(dataset),
        **mapping_definitions(plan.mappings),
    }


def _argument_faults(name: str, arms: Sequence[Arm], overrides: Dict[str, Any]) -> list[str]:
    longest = max((f"{name}-{arm.name}" for arm in arms), key=len, default=name)
    fault = name_fault("study name", name) or name_fault("study name", f"{longest}-candidates")
    faults = [f"{fault}; name it with --study-name"] if fault else []
    if len(arms) < 2:
        names = " ".join(arm.name for arm in arms)
        faults.append(f"{names}: only one arm; name two or more mappings to compare")
    if any(resolve_key(key) == "mapping" for key in overrides):
        faults.append("--set mapping: each arm has its own mapping; name them as arguments")
    return faults
