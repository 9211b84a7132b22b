"""The search space of a study file, checked against the configuration that it varies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segexp.core.config import Config
from segexp.core.config_keys import flatten, no_such_key, resolve_key, with_values
from segexp.core.errors import InputError, collected, did_you_mean, named, shown
from segexp.core.value_key import value_key
from segexp.evaluation.metrics import COMMON, OWN, metric_of
from segexp.study.config import StudyConfig
from segexp.study.constraints import parse_constraints
from segexp.study.space import Choices, Parameter, Range, contains, describe_parameter, divides

MAX_CHOICES = 64


MAX_STEPS = 1_000_000


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
    "training.crop",
    "training.crop_max_share",
    "training.crop_rare",
    "training.zoom",
    "training.gradient_clip",
    "training.repeat_rare",
    "training.label_smoothing",
    "training.ema",
    "training.encoder_lr_factor",
    "training.layer_decay",
    "training.freeze_encoder_epochs",
    "training.accumulate",
)


@dataclass(frozen=True)
class SearchSpace:
    """What a study searches.

    Attributes:
        space: The parameters by name, which is the last part of their key.
        baseline: The params of the first trial: a value for each parameter.
        excluded: Params that are not tried together.
    """

    space: Mapping[str, Parameter]
    baseline: Mapping[str, Any]
    excluded: tuple[Mapping[str, Any], ...]


def read_space(where: str, study: StudyConfig, config: Config) -> SearchSpace:
    """Check a study's space and baseline against the configuration, and what it leaves out.

    Args:
        config: The configuration under it. Every choice must fit the key that it is for, and what
            the baseline does not name comes from here.

    Raises:
        InputError: With every fault of the first two, or of the last; or when nothing is searched.
    """
    if not study.space:
        raise InputError(f"{where}: space: nothing is left to search; `segexp train` trains once")
    faults: list[str] = []
    space: dict[str, Parameter] = {}
    searched: dict[str, str] = {}
    for key, entry in study.space.items():
        at = f"{where}: space.{named(key)}"
        full = resolve_key(key)
        if full is None:
            known = [k.rpartition(".")[2] for k in SEARCHABLE]
            faults.append(f"{at}: {no_such_key(key, known)}")
            continue
        if full not in SEARCHABLE:
            faults.append(f"{at}: cannot differ between trials of one study; set it under `config`")
            continue
        name = full.rpartition(".")[2]
        if name in searched:
            faults.append(f"{at}: the same key as space.{searched[name]}")
            continue
        searched[name] = key
        parsed = _parse_parameter(entry, config, full)
        if isinstance(parsed, list):
            faults += [f"{at}: {fault}" for fault in parsed]
        else:
            space[name] = parsed
    unknown = [
        f"{where}: baseline.{named(key)}: not in the space{did_you_mean(key, searched)}; "
        "set it in config.yaml or under `config`"
        for key in study.baseline
        if _name_of(key) not in searched
    ]
    baseline, wrong = _baseline(where, study, config, space)
    faults += unknown + wrong
    with collected(faults):
        parse_constraints(where, study.constraints)
    if metric_of(study.score)[1] == OWN and "mapping" in searched:
        faults.append(
            f"{where}: objective: {study.score!r} cannot rank different mappings; use "
            f"'{study.score}_{COMMON}'"
        )
    if faults:
        raise InputError(faults)
    return SearchSpace(space, baseline, tuple(_parse_exclude(where, study, config, space)))


def _parse_exclude(
    where: str, study: StudyConfig, config: Config, space: Mapping[str, Parameter]
) -> list[dict[str, Any]]:
    """Check what a study leaves out of its space.

    Args:
        config: The configuration under it. A key that an override has fixed is compared with it.

    Returns:
        For each entry the params by name, without those whose fixed keys have other values.

    Raises:
        InputError: With every fault.
    """
    faults: list[str] = []
    excluded: list[dict[str, Any]] = []
    fixed = flatten(config.to_dict())
    for place, entry in enumerate(study.exclude):
        combination: dict[str, Any] = {}
        applies = True
        for key, value in entry.items():
            at = f"{where}: exclude.{place}.{named(key)}"
            full = resolve_key(key) or key
            name = full.rpartition(".")[2]
            if name not in space and full not in SEARCHABLE:
                hint = did_you_mean(key, space)
                faults.append(f"{at}: not in the space{hint}")
                continue
            held, wrong = _as_held(config, full, value)
            if not wrong and name not in space:
                applies &= value_key(name, held) == value_key(name, fixed[full])
            elif not wrong and not contains(parameter := space[name], held):
                known = parameter.choices if isinstance(parameter, Choices) else ()
                hint = did_you_mean(str(value), map(str, known))
                wrong = [
                    f"{shown(value)} is not in the space: {describe_parameter(space[name])}{hint}"
                ]
            elif not wrong and _is_endless(space[name]):
                wrong = ["is a range without steps; leave out choices or whole numbers"]
            faults += [f"{at}: {fault}" for fault in wrong]
            if name in space and not wrong:
                combination[name] = _in_steps(space[name], held)
        if applies:
            excluded.append(combination)
    if faults:
        raise InputError(faults)
    return excluded


def _is_endless(parameter: Parameter) -> bool:
    return isinstance(parameter, Range) and not parameter.integer and parameter.step is None


def _name_of(key: str) -> str:
    return (resolve_key(key) or key).rpartition(".")[2]


def _baseline(
    where: str, study: StudyConfig, config: Config, space: Mapping[str, Parameter]
) -> tuple[dict[str, Any], list[str]]:
    """Return a value for every parameter, and those of the faults that concern one."""
    faults: list[str] = []
    defaults = flatten(config.to_dict())
    baseline = {name: defaults[resolve_key(name) or name] for name in space}
    named = {_name_of(key): value for key, value in study.baseline.items()}
    for name, parameter in space.items():
        wrong: list[str] = []
        if name in named:
            baseline[name], wrong = _as_held(config, resolve_key(name) or name, named[name])
        if not wrong and not contains(parameter, baseline[name]):
            origin = "" if name in named else " (from the configuration)"
            wrong = [
                f"{shown(baseline[name])}{origin} is not in the space; name a value of "
                f"{describe_parameter(parameter)}"
            ]
        if not wrong:
            baseline[name] = _in_steps(parameter, baseline[name])
        faults += [f"{where}: baseline.{name}: {fault}" for fault in wrong]
    return baseline, faults


def _parse_parameter(entry: Any, config: Config, key: str) -> Parameter | list[str]:
    """Return the parameter that a study file's entry for a key of the configuration describes.

    Returns:
        The parameter, with choices as the key holds them; or everything that is wrong with it.
    """
    if isinstance(entry, list):
        return _parse_choices(entry, config, key)
    if isinstance(entry, dict) and {"low", "high"} <= set(entry):
        return _parse_range(entry, config, key)
    return [f"{shown(entry)}; expected [choices] or {{low: ..., high: ..., log: true}}"]


def _parse_choices(entry: list[Any], config: Config, key: str) -> Choices | list[str]:
    if not entry:
        return [f"{entry!r}; expected one or more choices"]
    if len(entry) > MAX_CHOICES:
        return [f"{shown(entry)}; {len(entry)} choices; at most {MAX_CHOICES} are taken"]
    held = [_as_held(config, key, choice) for choice in entry]
    faults = [fault for _, wrong in held for fault in wrong]
    if faults:
        return faults
    choices = tuple(choice for choice, _ in held)
    if len(set(choices)) < len(choices):
        return [f"{shown(entry)}; a choice is listed twice"]
    return Choices(choices)


def _step_faults(entry: dict[str, Any], log: bool, step: float, length: float) -> list[str]:
    if step > 0 and step * MAX_STEPS < length:
        return [f"{shown(entry)}; over {MAX_STEPS:,} steps; take a larger one, or none"]
    if log or not 0 < step <= length or not divides(step, length):
        return [
            f"{shown(entry)}; a step must be above 0 and divide high - low, and stands without log"
        ]
    return []


def _parse_range(entry: dict[str, Any], config: Config, key: str) -> Range | list[str]:
    known = ("low", "high", "log", "step")
    unknown = [str(k) for k in entry if k not in known]
    if unknown:
        return [f"unknown key {shown(k)}{did_you_mean(k, known)}" for k in unknown]
    low, high, step, log = entry["low"], entry["high"], entry.get("step"), entry.get("log", False)
    numbers = [low, high] if step is None else [low, high, step]
    # The key decides, not the bounds: {low: 0, high: 1} are all the floats between.
    integer = type(flatten(config.to_dict())[key]) is int
    if any(type(v) is not int and (integer or type(v) is not float) for v in numbers):
        kind = "whole numbers" if integer else "numbers"
        return [f"{shown(entry)}; low, high and step must be {kind}"]
    if not isinstance(log, bool) or not low < high or (log and low <= 0):
        return [f"{shown(entry)}; need low < high, and 0 < low with `log: true`"]
    faults = [fault for end in (low, high) for fault in _as_held(config, key, end)[1]]
    if not faults and step is not None:
        faults = _step_faults(entry, log, step, high - low)
    if faults:
        return faults
    return Range(float(low), float(high), log, step, integer)


def _as_held(config: Config, key: str, value: Any) -> tuple[Any, list[str]]:
    """Return a value as its key holds it (1 is 1.0 for a float), and what is wrong with it."""
    try:
        return flatten(with_values(config, {key: value}).to_dict())[key], []
    except InputError as error:
        return value, [fault.removeprefix(f"{key}: ") for fault in error.faults]


def _in_steps(parameter: Parameter, value: Any) -> Any:
    """Return a value that `contains` finds, which tolerates much, as `value_key` finds it again."""
    if isinstance(parameter, Choices) or parameter.integer or parameter.step is None:
        return value
    steps = round((value - parameter.low) / parameter.step)
    exact = parameter.low + steps * parameter.step
    return value if value_key("", value) == value_key("", exact) else exact
