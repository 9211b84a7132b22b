"""Study files: the search space, sampler, pruner and budget of one study."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    field_validator,
)

from segexp.core.choices import Offered
from segexp.core.config import CONFIG_FILE, Config, Name
from segexp.core.config_keys import load_config, put_key, resolve_key
from segexp.core.errors import InputError, collected, did_you_mean, named, shown
from segexp.core.files import name_fault
from segexp.core.overrides import host_data
from segexp.core.validation import describe_validation
from segexp.core.yaml import find_yaml, read_yaml_mapping
from segexp.evaluation.metrics import OBJECTIVE
from segexp.labels.files import find_mapping
from segexp.study.naming import Naming

_SCORES = Offered("segexp.evaluation.metrics:objectives")
_COSTS = Offered("segexp.evaluation.metrics:COSTS")


def _objectives(value: Any) -> str | tuple[str, ...]:
    if not isinstance(value, list | tuple):
        return _SCORES.check(value)
    if not value:
        raise ValueError("name a score, such as val/miou_common")
    score, *costs = value
    wrong = [
        f"{shown(name)} is not one of {', '.join(names)}{did_you_mean(str(name), names)}"
        for name, names in [(score, _SCORES.names()), *((cost, _COSTS.names()) for cost in costs)]
        if name not in names
    ]
    if wrong:
        raise ValueError(f"a score comes first, then costs: {'; '.join(wrong)}")
    if len(set(costs)) < len(costs):
        raise ValueError("names a cost twice")
    return (score, *costs) if costs else score


Objective = Annotated[Any, PlainValidator(_objectives)]  # pydantic warns of tuples in a union
"""A score that is maximised, or a list of one and of costs that are minimised."""

MAX_OPTION = 10_000
"""The largest number for a sampler or a pruner: some of them allocate memory for as many."""


def _bounded(options: dict[str, Any]) -> dict[str, Any]:
    for key, value in options.items():
        # Not `abs(value) > MAX_OPTION`: NaN is not larger than anything.
        if isinstance(value, int | float) and not -MAX_OPTION <= value <= MAX_OPTION:
            raise ValueError(f"{named(key)}: {value} is not within {-MAX_OPTION} and {MAX_OPTION}")
    return options


Options = Annotated[
    dict[str, bool | int | float | str | None], Field(max_length=20), AfterValidator(_bounded)
]


class Sampler(BaseModel):
    """An Optuna sampler: its name, a seed, and further keyword arguments of Optuna's class."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=200)
    name: Annotated[str, Offered("segexp.study.choices:SAMPLERS")] = "tpe"
    seed: int = Field(0, ge=0, lt=2**31)
    options: Options = {}


class Pruner(BaseModel):
    """An Optuna pruner: its name and further keyword arguments of Optuna's class."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=200)
    name: Annotated[str, Offered("segexp.study.choices:PRUNERS")] = "hyperband"
    options: Options = {}


class StudyConfig(BaseModel):
    """One study definition, as its YAML file holds it.

    Attributes:
        objective: The score that is maximised, reported and pruned on, one of
            `segexp.evaluation.metrics.objectives`; or a list of it and of costs that are minimised,
            `segexp.evaluation.metrics.COSTS`.
        trials: How many finished trials the study is to reach in total.
        sampler: Which sampler; a bare name or name, seed and options.
        pruner: Which pruner; a bare name or name and options.
        space: Config key (or its last part) -> list of choices or {low, high, log, step}.
        baseline: The params of the first trial; keys of the space.
        constraints: What every trial is required to reach: `segexp.study.constraints`.
        exclude: Values of params of the space that are not tried together.
        config: Config keys that this study sets for all its trials.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: Name
    objective: Objective = OBJECTIVE
    trials: int = Field(50, ge=1, le=1_000_000)
    sampler: Sampler = Sampler()
    pruner: Pruner = Pruner()
    space: dict[str, Any] = Field(min_length=1, max_length=100)
    baseline: dict[str, Any] = Field({}, max_length=100)
    constraints: dict[str, Any] = Field({}, max_length=100)
    exclude: list[Annotated[dict[str, Any], Field(min_length=1)]] = Field([], max_length=1_000)
    config: dict[str, Any] = {}

    @property
    def objectives(self) -> tuple[str, ...]:
        """The score first, then the costs."""
        names = self.objective
        return (names,) if isinstance(names, str) else tuple(names)

    @property
    def score(self) -> str:
        """The objective that is maximised."""
        return self.objectives[0]

    @property
    def costs(self) -> tuple[str, ...]:
        """The objectives that are minimised."""
        return self.objectives[1:]

    @field_validator("sampler", "pruner", mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


def find_study_file(project: Path, study: str | None) -> Path:
    """Return the file of a study that is named by name, by path, or not at all (``default``).

    Raises:
        InputError: With a did-you-mean among the project's study files.
    """
    name = study or "default"
    if name.endswith((".yaml", ".yml")):
        if Path(name).is_file():
            return Path(name)
        raise InputError(f"{named(name)}: no such study file")
    directory = project / "studies"
    return find_yaml(directory, name, f"no study {shown(name)} in {directory}")


def load_study_config(path: Path, overrides: Mapping[str, Any]) -> StudyConfig:
    """Read a study file and put overrides over it.

    Args:
        overrides: Study key to value: ``trials``, ``sampler.options.n_startup_trials``,
            ``space.learning_rate`` and the like.

    Raises:
        InputError: With every fault.
    """
    content = read_yaml_mapping(path)
    for key, value in overrides.items():
        head, _, rest = key.partition(".")
        if rest and head in ("space", "baseline", "config"):
            _put_config_key(content, head, rest, value)
            continue
        if rest and isinstance(content.get(head), str):
            content[head] = {"name": content[head]}  # `sampler: tpe`
        put_key(content, key, value)
    try:
        return StudyConfig.model_validate(content)
    except ValidationError as error:
        known = [*StudyConfig.model_fields, *Sampler.model_fields]
        raise InputError(describe_validation(str(path), error, known, overrides)) from None


def _put_config_key(content: dict[str, Any], section: str, key: str, value: Any) -> None:
    """Set a key of `config.yaml` in a section of a study, however the section spells it."""
    values = content.setdefault(section, {})
    if not isinstance(values, dict):
        return  # not a section, as validation will say
    whole = resolve_key(key) or key
    same = [k for k in values if (resolve_key(str(k)) or k) == whole]
    for spelling in same:
        del values[spelling]
    values[key] = value


def without_keys(study: StudyConfig, keys: Collection[str]) -> StudyConfig:
    """Return the study with some whole config keys taken out of its space and baseline."""

    def kept(values: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in values.items() if (resolve_key(k) or k) not in keys}

    return study.model_copy(update={"space": kept(study.space), "baseline": kept(study.baseline)})


def is_study_key(key: str) -> bool:
    """Whether an override's key belongs to the study file rather than to the config."""
    return key.partition(".")[0] in StudyConfig.model_fields


def read_study(
    project: Path, study: str | None, overrides: Mapping[str, Any]
) -> tuple[Path, StudyConfig, Config]:
    """Read a study file and the `config.yaml` under it, with overrides over both.

    An override of a study's key changes the study. An override of a config key fixes that key
    for all trials, and so takes it out of the search space.

    Args:
        study: A study's name or file; None for ``default``.
        overrides: Key, or the last part of it, to value.

    Returns:
        The study's file, the study, and the configuration that its trials share.

    Raises:
        InputError: With the faults of both files and of the overrides.
    """
    of_study = {k: v for k, v in overrides.items() if is_study_key(k)}
    of_config = {k: v for k, v in overrides.items() if not is_study_key(k)}
    path = find_study_file(project, study)
    faults: list[str] = []
    definition: StudyConfig | None = None
    with collected(faults):
        definition = load_study_config(path, of_study)
    under = dict(definition.config) if definition else {}
    if host_data() is not None:  # where data lies is for a host to say
        under = {key: value for key, value in under.items() if resolve_key(key) != "data.root"}
    config: Config | None = None
    with collected(faults):
        config = load_config(project / CONFIG_FILE, {**under, **of_config})
    mapping = of_config.get("mapping")
    if isinstance(mapping, str):
        with collected(faults):
            find_mapping(project, mapping)
    if definition is None or config is None or faults:
        raise InputError(faults)
    fixed = {resolve_key(key) or key for key in of_config}
    return path, without_keys(definition, fixed), config


def named_study(
    definition: StudyConfig, given: str | None, naming: Naming
) -> tuple[StudyConfig, Naming | None]:
    """Return the study under the name that was given, or else by its naming.

    Returns:
        The study, and its naming; None where the name was given.

    Raises:
        InputError: When the name is none that files and MLflow take.
    """
    name = naming.name if given is None else given
    if fault := name_fault("study name", name):
        raise InputError(fault if given is not None else f"{fault}; name it with --study-name")
    return definition.model_copy(update={"name": name}), naming if given is None else None
