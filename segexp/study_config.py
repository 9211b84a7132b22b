"""Study files: the search space, sampler, pruner and budget of one study."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from segexp.config import Config, describe_validation, flatten, resolve_key, with_values
from segexp.errors import InputError, did_you_mean
from segexp.files import name_fault
from segexp.yaml_file import read_yaml_mapping

Objective = Literal["val/miou_common", "val/miou"]
Choice = str | int | float | bool | None

# What may differ between the trials of one study. The data, the image size and the number of
# epochs may not: scores would no longer be comparable between trials.
SEARCHABLE = (
    "mapping",
    "model.arch",
    "model.encoder",
    "model.encoder_weights",
    "model.decoder_width",
    "data.normalization",
    "training.batch_size",
    "training.optimizer",
    "training.learning_rate",
    "training.weight_decay",
    "training.schedule",
    "training.warmup_epochs",
    "training.loss",
    "training.loss_weighting",
    "training.augmentation",
    "training.gradient_clip",
)


@dataclass(frozen=True)
class Choices:
    """A categorical parameter."""

    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Range:
    """A float or integer parameter between two inclusive bounds."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    integer: bool = False


Parameter = Choices | Range


class Sampler(BaseModel):
    """An Optuna sampler: its name, a seed, and further keyword arguments of Optuna's class."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Literal["tpe", "random", "gp", "cmaes", "grid"] = "tpe"
    seed: int = Field(0, ge=0, lt=2**31)
    options: dict[str, Any] = {}


class Pruner(BaseModel):
    """An Optuna pruner: its name and further keyword arguments of Optuna's class."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Literal["hyperband", "median", "percentile", "patient", "none"] = "hyperband"
    options: dict[str, Any] = {}


class StudyConfig(BaseModel):
    """One study definition, as its YAML file holds it.

    Attributes:
        name: The study's name in Optuna and MLflow.
        objective: The metric that is maximised, reported and pruned on.
        trials: How many finished trials the study is to reach in total.
        sampler: Which sampler; a bare name or name, seed and options.
        pruner: Which pruner; a bare name or name and options.
        space: Config key (or its last part) -> list of choices or {low, high, log, step}.
        baseline: The params of the first trial; keys of the space.
        config: Config keys that this study sets for all its trials.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    objective: Objective = "val/miou_common"
    trials: int = Field(50, ge=1, le=1_000_000)
    sampler: Sampler = Sampler()
    pruner: Pruner = Pruner()
    space: dict[str, Any] = Field(min_length=1)
    baseline: dict[str, Any] = {}
    config: dict[str, Any] = {}

    @field_validator("sampler", "pruner", mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _good_name(self) -> "StudyConfig":
        fault = name_fault("study name", self.name)
        if fault:
            raise ValueError(fault)
        return self


def find_study_file(project: Path, study: str | None) -> Path:
    """Return the file of a study that is named by name, by path, or not at all (``default``).

    Raises:
        InputError: With a did-you-mean among the project's study files.
    """
    name = study or "default"
    if name.endswith((".yaml", ".yml")):
        if Path(name).is_file():
            return Path(name)
        raise InputError(f"{name}: no such study file")
    path = project / "studies" / f"{name}.yaml"
    if path.is_file():
        return path
    known = sorted(p.stem for p in (project / "studies").glob("*.yaml"))
    raise InputError(
        f"no study {name!r} in {project / 'studies'}{did_you_mean(name, known)}; "
        f"there are {', '.join(known) or 'none'}"
    )


def load_study_config(path: Path, overrides: Mapping[str, Any]) -> StudyConfig:
    """Read a study file and put overrides (study key, or ``space.<key>``) over it.

    Raises:
        InputError: With every fault.
    """
    content = read_yaml_mapping(path)
    for key, value in overrides.items():
        head, _, rest = key.partition(".")
        if rest:
            inner = content.get(head)
            content[head] = {**(inner if isinstance(inner, dict) else {}), rest: value}
        else:
            content[head] = value
    try:
        return StudyConfig.model_validate(content)
    except ValidationError as error:
        raise InputError(describe_validation(str(path), error)) from None


def without_keys(study: StudyConfig, keys: Collection[str]) -> StudyConfig:
    """Return the study with some whole config keys taken out of its space and baseline."""

    def kept(values: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in values.items() if (resolve_key(k) or k) not in keys}

    return study.model_copy(update={"space": kept(study.space), "baseline": kept(study.baseline)})


def is_study_key(key: str) -> bool:
    """Whether an override's key belongs to the study file rather than to the config."""
    return key.partition(".")[0] in StudyConfig.model_fields


def parse_space(
    where: str, study: StudyConfig, config: Config
) -> tuple[dict[str, Parameter], dict[str, Any]]:
    """Check a study's space and baseline against the configuration that they vary.

    Args:
        where: What to call the study file in a fault.
        study: The study.
        config: The configuration under it: every choice must fit the key that it is for.

    Returns:
        The parameters by the last part of their keys (their names in Optuna), and the baseline
        with a value for each: what it does not name comes from the configuration.

    Raises:
        InputError: With every fault.
    """
    faults: list[str] = []
    space: dict[str, Parameter] = {}
    for key, entry in study.space.items():
        full = resolve_key(key)
        if full is None or full not in SEARCHABLE:
            known = [k.rpartition(".")[2] for k in SEARCHABLE]
            why = "no such key" if full is None else "cannot differ between trials of one study"
            faults.append(f"{where}: space.{key}: {why}{did_you_mean(key, known)}")
            continue
        parameter = _parse_parameter(f"{where}: space.{key}", entry, faults)
        if parameter is None:
            continue
        space[full.rpartition(".")[2]] = parameter
        values = (
            parameter.choices
            if isinstance(parameter, Choices)
            else (_number(parameter, parameter.low), _number(parameter, parameter.high))
        )
        for value in values:
            faults += _value_faults(f"{where}: space.{key}", config, full, value)
    named = {(resolve_key(k) or k).rpartition(".")[2]: v for k, v in study.baseline.items()}
    if not faults:
        faults += [
            f"{where}: baseline.{name}: not in the space{did_you_mean(name, space)}; "
            "set it in config.yaml or under `config`"
            for name in named
            if name not in space
        ]
    defaults = flatten(config.to_dict())
    baseline = {name: named.get(name, defaults[resolve_key(name) or name]) for name in space}
    faults += [
        f"{where}: baseline.{name}: {baseline[name]!r} is not in the space; name a value of "
        f"{describe_parameter(parameter)}"
        for name, parameter in space.items()
        if not contains(parameter, baseline[name])
    ]
    if study.objective == "val/miou" and "mapping" in space:
        faults.append(
            f"{where}: objective: 'val/miou' cannot rank different mappings; use 'val/miou_common'"
        )
    if faults:
        raise InputError(faults)
    return space, baseline


def contains(parameter: Parameter, value: Any) -> bool:
    """Whether a value is one that the parameter can take."""
    if isinstance(parameter, Choices):
        return any(value == c and type(value) is type(c) for c in parameter.choices)
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and parameter.low <= value <= parameter.high
    )


def describe_parameter(parameter: Parameter) -> str:
    """Write a parameter's values for a person."""
    if isinstance(parameter, Choices):
        return ", ".join("null" if c is None else str(c) for c in parameter.choices)
    scale = " (log)" if parameter.log else ""
    return f"{parameter.low:g} to {parameter.high:g}{scale}"


def _parse_parameter(where: str, entry: Any, faults: list[str]) -> Parameter | None:
    if isinstance(entry, list):
        bad = [v for v in entry if v is not None and not isinstance(v, str | int | float | bool)]
        if not entry or bad:
            faults.append(f"{where}: {entry!r}; expected a list of words or numbers")
            return None
        if len({(type(v), v) for v in entry}) < len(entry):
            faults.append(f"{where}: {entry!r}; a choice is listed twice")
            return None
        return Choices(tuple(entry))
    if not isinstance(entry, dict) or not {"low", "high"} <= set(entry):
        faults.append(
            f"{where}: {entry!r}; expected [choices] or {{low: ..., high: ..., log: true}}"
        )
        return None
    unknown = [str(key) for key in entry if key not in ("low", "high", "log", "step")]
    low, high, step = entry["low"], entry["high"], entry.get("step")
    log = entry.get("log", False)
    numbers = [v for v in (low, high, step) if v is not None]
    if unknown:
        faults.append(
            f"{where}: unknown key {sorted(unknown)[0]!r}; known are low, high, log, step"
        )
    elif any(isinstance(v, bool) or not isinstance(v, int | float) for v in numbers):
        faults.append(f"{where}: {entry!r}; low, high and step must be numbers")
    elif not isinstance(log, bool) or not low < high or (log and low <= 0) or (log and step):
        faults.append(f"{where}: {entry!r}; need low < high, and with `log: true` 0 < low, no step")
    else:
        integer = all(isinstance(v, int) for v in numbers)
        return Range(float(low), float(high), log, step, integer)
    return None


def _number(parameter: Range, value: float) -> float:
    return int(value) if parameter.integer else value


def _value_faults(where: str, config: Config, key: str, value: Any) -> list[str]:
    try:
        with_values(config, {key: value})
    except InputError as error:
        return [f"{where}: {fault.partition(': ')[2]}" for fault in error.faults]
    return []
