"""The parameters of a search space."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segexp.core.config import Config
from segexp.core.config_keys import flatten

Choice = str | int | float | bool | None


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


def values_of(space: Mapping[str, Parameter], config: Config, key: str) -> list[Any]:
    """Return every value that a key can have: its choices or whole numbers, or its one value."""
    parameter = space.get(key.rpartition(".")[2])
    if parameter is None:
        return [flatten(config.to_dict())[key]]
    if isinstance(parameter, Choices):
        return list(parameter.choices)
    if not parameter.integer:
        return [parameter.low, parameter.high]
    return list(range(int(parameter.low), int(parameter.high) + 1, int(parameter.step or 1)))


def contains(parameter: Parameter, value: Any) -> bool:
    """Whether a value is one that the parameter can take."""
    if isinstance(parameter, Choices):
        return any(value == c and type(value) is type(c) for c in parameter.choices)
    if isinstance(value, bool) or not isinstance(value, int if parameter.integer else int | float):
        return False
    if not parameter.low <= value <= parameter.high:
        return False
    return parameter.step is None or divides(parameter.step, value - parameter.low)


def divides(step: float, length: float) -> bool:
    """Whether a length is a whole number of steps."""
    return abs(length / step - round(length / step)) < 1e-8  # Optuna's tolerance


def describe_parameter(parameter: Parameter) -> str:
    """Write a parameter's values for a person."""
    if isinstance(parameter, Choices):
        return ", ".join("null" if c is None else str(c) for c in parameter.choices)
    scale = " (log)" if parameter.log else ""
    steps = f" in steps of {parameter.step:g}" if parameter.step else ""
    return f"{parameter.low:g} to {parameter.high:g}{scale}{steps}"
