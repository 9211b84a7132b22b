"""A study before it runs: everything that can be checked early is checked here, all at once."""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from segexp.core.config import Config
from segexp.core.config_keys import flatten, resolve_key
from segexp.core.database_url import refuse_shared_database
from segexp.core.errors import InputError, collected, named
from segexp.data.open import find_source
from segexp.data.source import Source
from segexp.labels.files import find_mapping, find_mappings
from segexp.labels.mapping import Mapping, common_space
from segexp.study.config import StudyConfig
from segexp.study.constraints import Constraint, of_space, parse_constraints
from segexp.study.pairs import describe_impossible, impossible, model_faults
from segexp.study.read_space import SearchSpace
from segexp.study.samplers import option_faults
from segexp.study.space import Parameter, values_of
from segexp.study.untried import Points
from segexp.training.network import arch_faults, encoder_faults
from segexp.training.weights import check_weights

PAIRS_WORTH_A_WORD = 12
"""More of them take more than a second or two."""


# What `segexp.study.untried.key_of` asks for beside the params of a trial.
_TELLS_TRAININGS_APART = ("model.arch", "training.batch_size", "training.devices")


@dataclass(frozen=True)
class StudyPlan:
    """What any study has, checked before data is read.

    Attributes:
        mappings: Every mapping that a trial can have, by name.
        common: The common space of these and of all that the trials are compared with.
        constraints: What is required of the trials, by classes of the common space.
        is_mixed: Whether its trials may be computed in another precision here than elsewhere.
        is_part: Whether it is part of another study, which has the runs that its trials are
            recorded under.
    """

    project: Path
    study: StudyConfig
    config: Config
    space: Dict[str, Parameter]
    mappings: Dict[str, Mapping]
    common: Mapping
    source: Source
    constraints: tuple[Constraint, ...] = ()
    is_mixed: bool = False
    is_part: bool = False


@dataclass(frozen=True)
class SearchPlan:
    """A study that searches. A trial keeps its bundle if it is the best when it ends.

    Attributes:
        forbidden: Params that are not tried together: they cannot be trained, or are excluded.
        left_out: Lines for people that say which pairs cannot be trained, and why.
    """

    base: StudyPlan
    baseline: Dict[str, Any]
    forbidden: tuple[Dict[str, Any], ...] = ()
    left_out: tuple[str, ...] = ()

    @cached_property
    def points(self) -> Points:
        """The points of the space that may be tried."""
        base = self.base
        fixed = {
            name: value
            for key, value in flatten(base.config.to_dict()).items()
            if key in _TELLS_TRAININGS_APART and (name := key.rpartition(".")[2]) not in base.space
        }
        return Points(base.space, self.forbidden, fixed, len(base.source.splits["train"]))


@dataclass(frozen=True)
class ListPlan:
    """A study that trains a list. Every trial keeps its bundle, held-out scores and predictions."""

    base: StudyPlan
    listed: tuple[Dict[str, Any], ...]


def plan_study(
    project: Path,
    where: str,
    study: StudyConfig,
    config: Config,
    searched: SearchSpace,
    say: Callable[[str], None] = lambda text: None,
    *,
    common: Mapping | None = None,
) -> SearchPlan:
    """Check a study against its configuration, the mappings, the models and the data's taxonomy.

    Args:
        config: The configuration, with the study's own values and overrides in it.
        common: The space in which the trials are compared, where other studies have a say in it.

    Raises:
        InputError: With every fault that was found.
    """
    space, baseline = searched.space, searched.baseline
    names = [str(name) for name in values_of(space, config, "mapping")]
    archs = [str(arch) for arch in values_of(space, config, "model.arch")]
    encoders = [str(encoder) for encoder in values_of(space, config, "model.encoder")]
    faults = model_faults(archs, encoders)
    faults += _unknown_in_exclude(project, where, study, space)
    mappings: list[Mapping] = []
    with collected(faults):
        mappings = find_mappings(project, names)
    with collected(faults):
        refuse_shared_database(config.storage, config.tracking.uri, project)
    epochs, costs = config.training.epochs, len(study.costs)
    faults += option_faults(study.sampler, study.pruner, space, epochs, costs)
    constraints: tuple[Constraint, ...] = ()
    with collected(faults):
        required = parse_constraints(where, study.constraints)
        if required and mappings:
            constraints = of_space(where, required, common or common_space(mappings))
            _say_merged(required, constraints, say)
    source: Source | None = None
    with collected(faults):
        source = find_source(project, config, mappings)
    if source is None or faults:
        raise InputError(list(dict.fromkeys(faults)))
    found = impossible(project, config, space, len(source.splits["train"]), partial(_say_it, say))
    forbidden = _left_out(where, space, baseline, found, searched.excluded)
    refused = {(arch, encoder) for (_, arch), (_, encoder), *rest in found if not rest}
    for encoder in encoders:  # after all that is certain: this may ask the network
        if all((arch, encoder) in refused for arch in archs):
            continue
        for weights in values_of(space, config, "model.encoder_weights"):
            pair = {"encoder": encoder, "encoder_weights": weights}
            if not any(left_out.items() <= pair.items() for left_out in forbidden):
                with collected(faults):
                    check_weights(encoder, weights, project)
    if faults:
        raise InputError(faults)
    base = StudyPlan(
        project=project,
        study=study,
        config=config,
        space=space,
        mappings=dict(zip(names, mappings, strict=True)),
        common=common or common_space(mappings),
        source=source,
        constraints=constraints,
    )
    return SearchPlan(base, baseline, forbidden, tuple(describe_impossible(found)))


def _unknown_in_exclude(
    project: Path, where: str, study: StudyConfig, space: Dict[str, Parameter]
) -> list[str]:
    """List names under `exclude` that do not exist; names of searched keys are checked already."""
    faults: list[str] = []
    for place, entry in enumerate(study.exclude):
        for key, value in entry.items():
            full = resolve_key(key) or key
            unknown: list[str] = []
            if full.rpartition(".")[2] in space or not isinstance(value, str):
                continue
            if full == "mapping":
                with collected(unknown):
                    find_mapping(project, value)
            elif full == "model.arch":
                unknown = arch_faults(value)
            elif full == "model.encoder":
                unknown = encoder_faults(value)
            at = f"{where}: exclude.{place}.{named(key)}"
            faults += [f"{at}: {fault.removeprefix(f'{full}: ')}" for fault in unknown]
    return faults


def _say_it(say: Callable[[str], None], pairs: int) -> None:
    if pairs > PAIRS_WORTH_A_WORD:
        say(f"building and running {pairs} pairs of architecture and encoder once ...")


def _say_merged(
    required: Sequence[Constraint], found: Sequence[Constraint], say: Callable[[str], None]
) -> None:
    """Say which floors are about a class that holds more than the label that was named."""
    for before, after in zip(required, found, strict=True):
        if before.on != after.on:
            say(
                f"constraints.{before.on}: the floor is on {after.on}, the class of the common "
                f"space that holds the label {before.class_name}"
            )


def say_left_out(plan: SearchPlan, say: Callable[[str], None]) -> None:
    """Say what is left out of the space because it cannot be trained."""
    for line in plan.left_out:
        say(f"left out of the space: {line}")


def _left_out(
    where: str,
    space: Dict[str, Parameter],
    baseline: Dict[str, Any],
    found: Dict[tuple[tuple[str, Any], ...], str],
    excluded: Sequence[Dict[str, Any]],
) -> tuple[Dict[str, Any], ...]:
    """Return the combinations of params that a space leaves out; the baseline must not be one.

    Args:
        baseline: A point of it.
        found: From `segexp.study.pairs.impossible`.
        excluded: From `segexp.study.read_space.read_space`.

    Raises:
        InputError: When nothing is left, or the baseline is not.
    """
    combinations = [
        ({name: value for key, value in pair if (name := key.rpartition(".")[2]) in space}, why)
        for pair, why in found.items()
    ]
    if any(not combination for combination, _ in combinations):  # the pair is not searched
        raise InputError([f"{where}: {line}" for line in describe_impossible(found)])
    reasons: list[tuple[Dict[str, Any], str]] = [
        (combination, f"cannot be trained: {why}") for combination, why in combinations
    ]
    reasons += [(combination, "is excluded") for combination in excluded]
    faults = [
        f"{where}: baseline: {_listed(combination)} {why}; name another one under `baseline`"
        for combination, why in reasons
        if not Points(space, [combination]).allows(baseline)
    ]
    if faults:
        raise InputError(faults)
    return tuple(combination for combination, _ in reasons)


def _listed(combination: Dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in combination.items()) or "everything"
