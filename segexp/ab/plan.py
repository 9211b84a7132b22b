"""An A/B study of mappings before it runs: its arms, and the trainings that each of them needs.

Tuned arms search, each in a study of its own, and then train the best configuration that they
found with several seeds. Matched arms train the same configurations with the same seeds.
"""

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from segexp.config import Config, resolve_key, with_values
from segexp.dataset.cache import Dataset
from segexp.errors import InputError, collected
from segexp.files import name_fault
from segexp.mapping import Mapping, common_space
from segexp.mapping_file import find_mappings
from segexp.plan import StudyPlan, mapping_definitions, plan_study
from segexp.search_space import Parameter, Range
from segexp.space import sample_params
from segexp.study_config import Pruner, Sampler, read_study

Mode = Literal["tuned", "matched"]

# Only listed seeds are trained: the range is never sampled from.
_SEED = {"seed": Range(0, 2**31 - 1, integer=True)}


@dataclass(frozen=True)
class AbPlan:
    """An A/B study with everything checked that can be checked before data is read.

    Attributes:
        project: The project directory.
        name: The A/B study's name.
        mode: ``tuned`` or ``matched``.
        arms: The study of each arm: its search, or, matched, the listed trainings.
        common: The common space of the arms' mappings.
        seeds: The seeds of the final trainings. Tuning has used none of them.
        configs: The configurations of matched arms; none for tuned ones.
    """

    project: Path
    name: str
    mode: Mode
    arms: tuple[StudyPlan, ...]
    common: Mapping
    seeds: tuple[int, ...]
    configs: tuple[Dict[str, Any], ...]

    @property
    def mappings(self) -> tuple[Mapping, ...]:
        """The arms' mappings, in order."""
        return tuple(next(iter(arm.mappings.values())) for arm in self.arms)

    @property
    def config(self) -> Config:
        """The configuration that the arms share but for the mapping: data, tracking, storage."""
        return self.arms[0].config


def plan_ab(
    project: Path,
    study: str | None,
    mappings: Sequence[str],
    overrides: Dict[str, Any],
    *,
    name: str,
    seeds: int,
    configs: int | None,
) -> AbPlan:
    """Check an A/B study: its mappings, and a study for each of them.

    Args:
        project: The project directory.
        study: The study whose search space the arms have; None for ``default``.
        mappings: The arms, two or more.
        overrides: Keys of config and study that are overridden, such as ``trials``.
        name: The A/B study's name.
        seeds: With how many seeds each configuration is trained in the end.
        configs: How many configurations matched arms train; None for tuned arms.

    Raises:
        InputError: With every fault that was found.
    """
    faults = _argument_faults(name, mappings, overrides, seeds, configs)
    found: list[Mapping] = []
    with collected(faults):
        found = find_mappings(project, list(dict.fromkeys(mappings)))
    if faults:
        raise InputError(faults)
    common = common_space(found)
    mode: Mode = "tuned" if configs is None else "matched"
    arms: list[StudyPlan] = []
    for mapping in found:
        with collected(faults):
            path, definition, config = read_study(
                project, study, {**overrides, "mapping": mapping.name}
            )
            arm_name = f"{name}-{mapping.name}"
            if definition.objective != "val/miou_common":
                raise InputError(
                    f"{path}: objective: {definition.objective!r} tunes each arm by its own ruler; "
                    "an A/B study needs 'val/miou_common'"
                )
            definition = definition.model_copy(update={"name": arm_name})
            planned = plan_study(project, str(path), definition, config)
            arms.append(replace(planned, common=common, is_arm=True))
    if faults:
        raise InputError(list(dict.fromkeys(faults)))
    first_seed = arms[0].config.training.seed + 1
    seed_list = tuple(range(first_seed, first_seed + seeds))
    chosen: tuple[Dict[str, Any], ...] = ()
    if configs is not None:
        sampler = arms[0].study.sampler
        chosen = tuple(sample_params(arms[0].points, arms[0].first[0], configs, sampler.seed))
        listed = [{**params, "seed": seed} for params in chosen for seed in seed_list]
        arms = [_listed(arm, arm.study.name, arm.config, arm.space, listed) for arm in arms]
    return AbPlan(project, name, mode, tuple(arms), common, seed_list, chosen)


def retraining(
    arm: StudyPlan, number: int, params: Dict[str, Any], seeds: Sequence[int]
) -> StudyPlan:
    """Plan the final trainings of a tuned arm: its best configuration, once with every seed.

    Args:
        arm: The arm's search.
        number: The number of its best trial: another best trial is another study.
        params: That trial's params.
        seeds: The seeds.
    """
    name = f"{arm.study.name}-trial-{number:04d}"
    listed = [{"seed": seed} for seed in seeds]
    return _listed(arm, name, with_values(arm.config, params), {}, listed)


def ab_definition(plan: AbPlan, dataset: Dataset) -> dict[str, Any]:
    """Return what an A/B study means: resumed, it must mean the same.

    What a single training depends on is in the definitions of the arms' studies.
    """
    return {
        "arms": ", ".join(mapping.name for mapping in plan.mappings),
        "mode": plan.mode,
        "data": f"{dataset.name} {dataset.hash}",
        **mapping_definitions(plan.mappings),
    }


def _listed(
    arm: StudyPlan,
    name: str,
    config: Config,
    space: Dict[str, Parameter],
    listed: Sequence[Dict[str, Any]],
) -> StudyPlan:
    """Return the study that trains what is listed, and keeps all of it."""
    definition = arm.study.model_copy(
        update={
            "name": name,
            "trials": len(listed),
            "sampler": Sampler(name="random"),
            "pruner": Pruner(name="none"),
        }
    )
    return replace(
        arm,
        study=definition,
        config=config,
        space={**space, **_SEED},
        first=tuple(listed),
        keeps_all=True,
    )


def _argument_faults(
    name: str, mappings: Sequence[str], overrides: Dict[str, Any], seeds: int, configs: int | None
) -> list[str]:
    longest = max((f"{name}-{mapping}" for mapping in mappings), key=len)
    fault = name_fault("study name", name) or name_fault("study name", f"{longest}-trial-0000")
    faults = [f"{fault}; name it with --study-name"] if fault else []
    if len(mappings) < 2:
        faults.append(f"{' '.join(mappings)}: one arm only; name two or more mappings to compare")
    twice = [name for name in dict.fromkeys(mappings) if list(mappings).count(name) > 1]
    faults += [f"{name}: is named twice; the arms must be different mappings" for name in twice]
    if any(resolve_key(key) == "mapping" for key in overrides):
        faults.append("--set mapping: each arm has its own mapping; name them as arguments")
    if seeds < 2 and (configs is None or configs < 2):
        faults.append(
            f"--seeds {seeds}: the noise of training cannot be seen with one; take 2 or more"
        )
    if configs is not None and configs < 1:
        faults.append(f"--configs {configs}: take 1 or more")
    return faults
