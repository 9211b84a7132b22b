"""The search space of a study file: its parameters, checked against the configuration."""

from dataclasses import dataclass
from typing import Any

from segexp.config import Config, flatten, resolve_key, with_values
from segexp.errors import InputError, did_you_mean
from segexp.study_config import StudyConfig

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
