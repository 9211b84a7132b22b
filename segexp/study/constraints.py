"""What a study requires of its trials beside a high score: floors of IoU, and ceilings of cost."""

import math
import re
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from segexp.core.errors import InputError, did_you_mean, named, shown
from segexp.core.wording import cost_text
from segexp.evaluation.metrics import COMMON, COSTS
from segexp.evaluation.result import TrialResult
from segexp.labels.mapping import Mapping

IOU = "iou/"

_TEXT = re.compile(r"\s*(>=|<=)\s*(\S+?)\s*(\(lower\))?\s*")


@dataclass(frozen=True)
class Constraint:
    """A floor or a ceiling.

    Attributes:
        on: ``iou/`` and a class of the common space, which is to be at least the bound; or one of
            `segexp.evaluation.metrics.COSTS`, which is to be at most that.
        bound: Above 0.
        by_lower_end: Whether the lower end of the IoU's interval is to reach it, not the IoU.
    """

    on: str
    bound: float
    by_lower_end: bool = False

    @property
    def class_name(self) -> str | None:
        """The class whose IoU it is about; None for a cost."""
        return self.on.removeprefix(IOU) if self.on.startswith(IOU) else None

    @property
    def is_of_iou_alone(self) -> bool:
        """Whether every result has it: then only a class that no image has is not known."""
        return self.class_name is not None and not self.by_lower_end

    @property
    def text(self) -> str:
        """What a study file says of it, to the digit: a study stores it."""
        sign = "<=" if self.class_name is None else ">="
        return f"{sign} {self.bound:.15g}{' (lower)' if self.by_lower_end else ''}"

    def value_in(self, result: TrialResult) -> float:
        """Return what a trial has of it: NaN where its result does not say.

        A class that is in no val image has no IoU.
        """
        name = self.class_name
        if name is None:
            return float((result.cost or {}).get(self.on, math.nan))
        if self.by_lower_end:
            return (result.lower_iou or {}).get(name, math.nan)
        table = result.val.tables[COMMON]
        iou = dict(zip(table["class"], table["iou"], strict=True)).get(name)
        return math.nan if iou is None else float(iou)

    def excess(self, value: float) -> float:
        """Return by how much a value misses the bound, relative to it: 0 or less if it does not.

        A value that is not known misses a floor as an IoU of 0 does.

        >>> round(Constraint("iou/person", 0.4).excess(0.3), 3)
        0.25
        >>> round(Constraint("latency_ms", 20).excess(19), 3)
        -0.05
        """
        if math.isnan(value):
            return 1.0
        missing = value - self.bound if self.class_name is None else self.bound - value
        return missing / self.bound


def excesses(constraints: Sequence[Constraint], result: TrialResult) -> dict[str, float]:
    """Return by how much a result misses each constraint, as Optuna takes it: over 0 if it does."""
    return {c.on: c.excess(c.value_in(result)) for c in constraints}


def parse_constraints(where: str, constraints: Dict[str, Any]) -> list[Constraint]:
    """Read the constraints of a study file; classes are not looked up yet.

    Raises:
        InputError: With every fault.
    """
    faults: list[str] = []
    found = []
    for on, text in constraints.items():
        at = f"{where}: constraints.{named(on)}"
        is_floor = str(on).startswith(IOU)
        if not is_floor and on not in COSTS:
            hint = did_you_mean(on, [*COSTS, f"{IOU}{on}"])
            faults.append(f"{at}: neither {IOU}CLASS nor one of {', '.join(COSTS)}{hint}")
            continue
        example = ">= 0.3, or >= 0.3 (lower)" if is_floor else "<= 20"
        parts = _TEXT.fullmatch(text) if isinstance(text, str) else None
        bound = _number(parts[2]) if parts else None
        if parts is None or bound is None or (parts[1] == ">=") != is_floor:
            faults.append(f'{at}: {shown(text)}: write "{example}"')
        elif parts[3] and not is_floor:
            faults.append(f"{at}: {shown(text)}: (lower) is for {IOU}CLASS: a cost has no interval")
        elif is_floor and bound > 1:
            faults.append(f"{at}: {shown(text)}: an IoU is at most 1")
        else:
            found.append(Constraint(str(on), bound, bool(parts[3])))
    if faults:
        raise InputError(faults)
    return found


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def of_space(
    where: str, constraints: Sequence[Constraint], common: Mapping
) -> tuple[Constraint, ...]:
    """Look up the classes of constraints in the space in which all mappings meet.

    A label stands for the class that holds it there.

    Raises:
        InputError: When there is no such class or label, or it is void; with every fault.
    """
    holders = {label: c.name for c in common.classes for label in c.labels}
    faults: list[str] = []
    found: list[Constraint] = []
    for constraint in constraints:
        name = constraint.class_name
        at = f"{where}: constraints.{named(constraint.on)}"
        if name is None or name in common.names:
            found.append(constraint)
        elif name in holders:
            found.append(replace(constraint, on=f"{IOU}{holders[name]}"))
        elif name in common.taxonomy.names:
            faults.append(f"{at}: label {name!r} is void in the common space, and has no IoU there")
        else:
            known = [*common.names, *common.taxonomy.names]
            faults.append(
                f"{at}: no class of the common space, and no label{did_you_mean(name, known)}; the "
                f"classes are {', '.join(common.names)}"
            )
    twice = {c.on for c in found if [other.on for other in found].count(c.on) > 1}
    faults += [f"{where}: constraints: {on} is named twice" for on in sorted(twice)]
    if faults:
        raise InputError(faults)
    return tuple(found)


def stored_constraints(definition: Dict[str, Any]) -> list[Constraint]:
    """Return the constraints in a study's stored definition; see `as_definition`."""
    prefix = "constraints."
    stored = {k.removeprefix(prefix): v for k, v in definition.items() if k.startswith(prefix)}
    return parse_constraints("definition", stored)


def as_definition(constraints: Sequence[Constraint]) -> dict[str, str]:
    """Return the part of a study's definition that says what it requires."""
    return {f"constraints.{constraint.on}": constraint.text for constraint in constraints}


def describe_miss(constraint: Constraint, value: float) -> str:
    """Say by how much a value misses a constraint: ``iou/person 0.214, 0.086 below 0.3``."""
    of = " (lower end)" if constraint.by_lower_end else ""
    if math.isnan(value):
        return f"{constraint.on}{of} not known, to be {constraint.text}"
    if constraint.class_name is None:
        over = cost_text(value - constraint.bound)
        return f"{constraint.on} {cost_text(value)}, {over} above {cost_text(constraint.bound)}"
    below = constraint.bound - value
    return f"{constraint.on}{of} {value:.4g}, {below:.3g} below {constraint.bound:g}"
