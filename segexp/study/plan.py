"""A study before it runs: everything that can be checked is checked here, and all at once."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from segexp.core.config import Config, flatten, resolve_key
from segexp.core.database_url import refuse_shared_database
from segexp.core.errors import InputError, collected, named
from segexp.data.cache import Dataset
from segexp.data.open import find_source
from segexp.data.source import Source
from segexp.labels.files import find_mapping, find_mappings
from segexp.labels.mapping import Mapping, common_space
from segexp.labels.taxonomy import VOID_NAME
from segexp.study.config import StudyConfig
from segexp.study.pairs import describe_impossible, impossible, model_faults
from segexp.study.samplers import option_faults
from segexp.study.space import Parameter, describe_parameter, parse_exclude, parse_space, values_of
from segexp.study.untried import Points
from segexp.training.network import arch_faults, encoder_faults
from segexp.training.weights import check_weights

PAIRS_WORTH_A_WORD = 12
"""More of them take more than a second or two."""

# Parts of the configuration that no score depends on.
_NOT_IN_DEFINITION = (
    "tracking.",
    "storage",
    "data.root",
    "data.format",
    "data.synthetic.",
    "data.heldout_by",  # what it came to is in there
)

_TEST_SPLIT, _HALF = "test split", "half of val by "

# What `segexp.study.untried.key_of` asks for beside the params of a trial.
_TELLS_TRAININGS_APART = ("model.arch", "training.batch_size")


@dataclass(frozen=True)
class StudyPlan:
    """A study with everything checked that can be checked before data is read.

    Attributes:
        project: The project directory.
        study: The study file, with overrides in it.
        config: The configuration that all trials share.
        space: The parameters by name.
        first: The params of the first trials, in order: a study's baseline; all of the trials
            of one that only trains what is listed.
        mappings: Every mapping that a trial can have, by name.
        common: The common space of these and of all that the trials are compared with.
        source: The data set's files.
        forbidden: Params that are not tried together: they cannot be trained, or are excluded.
        left_out: Lines for people that say which pairs cannot be trained, and why.
        is_arm: Whether it belongs to an arm of an A/B study, whose run in MLflow others end.
        keeps_all: Whether only the listed trials are run, and every one of them keeps its bundle,
            its held-out scores and its predictions; otherwise one that is the best when it ends.
    """

    project: Path
    study: StudyConfig
    config: Config
    space: Dict[str, Parameter]
    first: tuple[Dict[str, Any], ...]
    mappings: Dict[str, Mapping]
    common: Mapping
    source: Source
    forbidden: tuple[Dict[str, Any], ...] = ()
    left_out: tuple[str, ...] = ()
    is_arm: bool = False
    keeps_all: bool = False

    @cached_property
    def points(self) -> Points:
        """The points of the space that may be tried."""
        fixed = {
            name: value
            for key, value in flatten(self.config.to_dict()).items()
            if key in _TELLS_TRAININGS_APART and (name := key.rpartition(".")[2]) not in self.space
        }
        return Points(self.space, self.forbidden, fixed, len(self.source.splits["train"]))


def plan_study(
    project: Path,
    where: str,
    study: StudyConfig,
    config: Config,
    say: Callable[[str], None] = lambda text: None,
) -> StudyPlan:
    """Check a study against its configuration, the mappings, the models and the data's taxonomy.

    Args:
        project: The project directory.
        where: What to call the study file in a fault.
        study: The study file, with overrides in it.
        config: The configuration, with the study's own values and overrides in it.
        say: Takes what a person should know who waits.

    Raises:
        InputError: With every fault that was found.
    """
    if not study.space:
        raise InputError(f"{where}: space: nothing is left to search; `segexp train` trains once")
    space, baseline = parse_space(where, study, config)
    excluded: list[dict[str, Any]] = []
    names = [str(name) for name in values_of(space, config, "mapping")]
    archs = [str(arch) for arch in values_of(space, config, "model.arch")]
    encoders = [str(encoder) for encoder in values_of(space, config, "model.encoder")]
    faults = model_faults(config, archs, encoders)
    with collected(faults):
        excluded = parse_exclude(where, study, config, space)
    faults += _unknown_in_exclude(project, where, study, space)
    mappings: list[Mapping] = []
    with collected(faults):
        mappings = find_mappings(project, names)
    with collected(faults):
        refuse_shared_database(config.storage, config.tracking.uri, project)
    faults += option_faults(study.sampler, study.pruner, space, config.training.epochs)
    source: Source | None = None
    with collected(faults):
        source = find_source(project, config, mappings)
    if source is None or faults:
        raise InputError(list(dict.fromkeys(faults)))
    found = impossible(project, config, space, len(source.splits["train"]), partial(_say_it, say))
    forbidden = _left_out(where, space, baseline, found, excluded)
    refused = {(arch, encoder) for (_, arch), (_, encoder), *rest in found if not rest}
    for encoder in encoders:  # after all that is certain: this may ask the network
        if all((arch, encoder) in refused for arch in archs):
            continue
        for weights in values_of(space, config, "model.encoder_weights"):
            check_weights(encoder, weights, project)
    return StudyPlan(
        project=project,
        study=study,
        config=config,
        space=space,
        first=(baseline,),
        mappings=dict(zip(names, mappings, strict=True)),
        common=common_space(mappings),
        source=source,
        forbidden=forbidden,
        left_out=tuple(describe_impossible(found)),
    )


def _unknown_in_exclude(
    project: Path, where: str, study: StudyConfig, space: Dict[str, Parameter]
) -> list[str]:
    """List the names that nothing has; of keys that are searched `parse_exclude` does."""
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


def say_left_out(plan: StudyPlan, say: Callable[[str], None]) -> None:
    """Tell a person what leaves the space because it cannot be trained."""
    for line in plan.left_out:
        say(f"left out of the space: {line}")


def _left_out(
    where: str,
    space: Dict[str, Parameter],
    baseline: Dict[str, Any],
    found: Dict[tuple[tuple[str, Any], ...], str],
    excluded: Sequence[dict[str, Any]],
) -> tuple[Dict[str, Any], ...]:
    """Return the combinations of params that leave a space, unless the baseline is one of them.

    Args:
        where: What to call the study file in a fault.
        space: The search space.
        baseline: A point of it.
        found: From `segexp.study.pairs.impossible`.
        excluded: From `segexp.study.space.parse_exclude`.

    Raises:
        InputError: When nothing is left, or the baseline is not.
    """
    combinations = [
        ({name: value for key, value in pair if (name := key.rpartition(".")[2]) in space}, why)
        for pair, why in found.items()
    ]
    if any(not combination for combination, _ in combinations):  # the pair is not searched
        raise InputError([f"{where}: {line}" for line in describe_impossible(found)])
    reasons = [(combination, f"cannot be trained: {why}") for combination, why in combinations]
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


def definition(plan: StudyPlan, dataset: Dataset) -> dict[str, Any]:
    """Return everything that the scores of a study's trials depend on, as plain text.

    A study that is resumed must mean the same: otherwise its trials cannot be compared.
    """
    searched = {resolve_key(name) for name in plan.space}
    settings = {
        key: str(value)
        for key, value in flatten(plan.config.to_dict()).items()
        if key not in searched and key != "mapping" and not key.startswith(_NOT_IN_DEFINITION)
    }
    return {
        **data_definition(dataset),
        "objective": plan.study.objective,
        "common_space": f"{plan.common.name} {plan.common.hash}",
        **{f"space.{name}": describe_parameter(p) for name, p in sorted(plan.space.items())},
        **mapping_definitions(plan.mappings.values()),
        **settings,
    }


def data_definition(dataset: Dataset) -> dict[str, Any]:
    """Return the part of a definition that says which images there are, and which are held out."""
    by = dataset.heldout_by
    return {
        "data": f"{dataset.name} {dataset.hash}",
        "heldout": _TEST_SPLIT if by is None else _HALF + by,
    }


def with_begun_halves(plan: StudyPlan, stored: Dict[str, Any] | None) -> StudyPlan:
    """Halve val as a study was begun with, unless the configuration says how.

    Before there was a choice it was halved by image. A study goes on with the images that it has
    tuned on, whatever segexp would choose today.

    Args:
        plan: The plan of the study, or of an arm.
        stored: From `definition` when it was begun; None where there is no such study yet.
    """
    data = plan.config.data
    if stored is None or data.heldout_by != "auto":
        return plan
    begun = str(stored.get("heldout", f"{_HALF}image"))
    if begun == _TEST_SPLIT:
        return plan
    data = data.model_copy(update={"heldout_by": begun.removeprefix(_HALF)})
    return replace(plan, config=plan.config.model_copy(update={"data": data}))


def mapping_definitions(mappings: Iterable[Mapping]) -> dict[str, Any]:
    """Return the part of a definition that says what the mappings are, label by label."""
    return {
        f"mappings.{m.name}": {
            "hash": m.hash,
            "classes": [[c.name, *c.labels] for c in m.classes],
        }
        for m in sorted(mappings, key=lambda m: m.name)
    }


def with_later_settings(stored: Dict[str, Any], now: Dict[str, Any]) -> dict[str, Any]:
    """Add the settings that came to segexp after a study was begun to its stored definition.

    Their defaults are what was done before there was a choice.
    """
    defaults = flatten(Config().to_dict())
    later = {
        key: str(defaults[key])
        for key in now
        if key in defaults and f"space.{key.rpartition('.')[2]}" not in stored
    }
    if "heldout" in now:
        later["heldout"] = _TEST_SPLIT if now["heldout"] == _TEST_SPLIT else f"{_HALF}image"
    return {**later, **stored}


def definition_faults(
    name: str, stored: Dict[str, Any], now: Dict[str, Any], *, revisable: bool = True
) -> list[str]:
    """List how a study's stored definition differs from the one it would have now.

    Args:
        name: The study's name.
        stored: From `definition` when it was begun.
        now: From `definition`.
        revisable: Whether it can go on under a new revision: an A/B study and its arms cannot.
    """
    faults: list[str] = []
    stored = with_later_settings(stored, now)
    changed = [key for key in sorted({*stored, *now}) if stored.get(key) != now.get(key)]
    if any(key.startswith("mappings.") for key in changed):
        changed = [key for key in changed if key != "common_space"]  # it follows from them
    # A setting that is searched now, or was: one line about the space says it.
    spaces = {key for key in changed if key.startswith("space.")}
    changed = [k for k in changed if k in spaces or f"space.{k.rpartition('.')[2]}" not in spaces]
    for key in changed:
        before, after = stored.get(key), now.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            changes = _changed_labels(before["classes"], after["classes"])
            mapping = key.removeprefix("mappings.")
            faults.append(
                f"mapping {mapping!r} has changed since study {name!r} was begun: {changes}"
            )
            continue
        if key == "heldout" and str(before).startswith(_HALF):
            by = str(before).removeprefix(_HALF)
            before = f"{before} (--set data.heldout_by={by})"
        was, is_ = (_shown(value) for value in (before, after))
        faults.append(f"study {name!r} was begun with {key} = {was}, now it is {is_}")
    if faults:
        revision = (
            ", go on under a new revision with --new-revision, which keeps the trials that are "
            "still valid,"
        )
        faults.append(
            f"study {name!r} cannot go on as something else: run it with what it was begun with"
            f"{revision if revisable else ''} or begin another one with --study-name"
        )
    return faults


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"{len(value['classes'])} classes"
    return "nothing" if value is None else str(value)


def _changed_labels(before: list[list[str]], after: list[list[str]]) -> str:
    """Say which labels became another class; ``[name, label, ...]`` of each class."""
    was, is_ = (
        {label: name for name, *labels in classes for label in labels}
        for classes in (before, after)
    )
    changes = [
        f"label {label} was in {was.get(label, VOID_NAME)}, now in {is_.get(label, VOID_NAME)}"
        for label in dict.fromkeys([*was, *is_])
        if was.get(label) != is_.get(label)
    ]
    return "; ".join(changes) or "its classes are in another order, or over another taxonomy"
