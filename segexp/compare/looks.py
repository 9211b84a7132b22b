"""When the arms of an A/B study are compared, and that its numbers do not change after that.

Adding seeds until a 95% interval excludes 0 finds a difference in one of six studies that have none
(docs/method.md). So the numbers of an A/B study are fixed at its first look, and the permitted
error is spent over the planned looks: `segexp.compare.statistics.spending`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import optuna
from optuna.storages import BaseStorage

from segexp.compare.candidates import Candidate
from segexp.compare.design import Design, numbers_of
from segexp.compare.pilot import read_pilot
from segexp.compare.plan import AbPlan
from segexp.core.errors import InputError
from segexp.study.attributes import ANSWER

_FLAGS = {"trials": "--trials", "seeds": "--seeds", "looks": "--looks"}


@dataclass(frozen=True)
class Look:
    """A comparison of the arms while their configurations are trained, or after that.

    Attributes:
        number: From 1.
        configs: How many configurations have been trained in every arm.
        fractions: The share of all configurations that each look so far has seen, up to this look:
            see `segexp.compare.statistics.spending`.
    """

    number: int
    configs: int
    fractions: tuple[float, ...]


def planned_looks(design: Design, available: int) -> list[Look]:
    """Return the looks of a design, the last one at all of its configurations.

    Args:
        available: The number of configurations: searches of a small space may find fewer.
    """
    counts = list(dict.fromkeys(min(count, available) for count in design.configs_at_looks()))
    fractions = [count / counts[-1] for count in counts]
    return [
        Look(number, count, tuple(fractions[:number]))
        for number, count in enumerate(counts, start=1)
    ]


def in_order_of_training(candidates: Sequence[Candidate], plan: AbPlan) -> list[Candidate]:
    """Return the candidates in the order of training: shuffled, if there is an early look.

    In the order in which they were named, an early look would see only the best.
    """
    if plan.design.looks == 1:
        return list(candidates)
    order = np.random.default_rng(plan.config.training.seed).permutation(len(candidates))
    return [candidates[place] for place in order]


def answered(study: optuna.Study) -> Look | None:
    """Return the look at which an A/B study gave its answer; None if it has not answered yet."""
    stored = study.user_attrs.get(ANSWER)
    if stored is None or not stored["is_answer"]:
        return None
    return Look(**{**stored["look"], "fractions": tuple(stored["look"]["fractions"])})


def is_settled(result: Mapping[str, Any]) -> bool:
    """Whether every pair of arms has a verdict other than "not enough evidence"."""
    return all(pair["verdict"] != "not enough evidence" for pair in result["pairs"])


def note_look(
    study: optuna.Study, plan: AbPlan, look: Look, margin: float, *, is_answer: bool
) -> None:
    """Store a look, its margin, and the study's numbers, which are fixed from then on."""
    before = answered(study)
    if before is None or look.number > before.number:
        known = study.user_attrs.get(ANSWER, {}).get("margin", margin)
        noted = {**_numbers(plan), "look": asdict(look), "is_answer": is_answer, "margin": known}
        study.set_user_attr(ANSWER, noted)


def other_margin(study: optuna.Study, margin: float) -> str | None:
    """Return a note if the margin is not that of the first look at the arms, else None."""
    first = (study.user_attrs.get(ANSWER) or {}).get("margin", margin)
    if first == margin:
        return None
    return (
        f"The arms were first compared with a margin of {first:g}, now it is {margin:g}: a margin "
        "chosen after the answer proves nothing."
    )


def refuse_other_numbers(plan: AbPlan, storage: BaseStorage) -> None:
    """Refuse to resume an A/B study with other numbers after its arms have been compared.

    Raises:
        InputError: With every number that differs.
    """
    try:
        study = optuna.load_study(study_name=plan.name, storage=storage)
    except KeyError:
        return
    stored: Mapping[str, Any] | None = study.user_attrs.get(ANSWER) or _of_older_answer(plan)
    if stored is not None:
        refuse_numbers(plan.name, stored, _numbers(plan))


def refuse_numbers(name: str, stored: Mapping[str, Any], now: Mapping[str, int]) -> None:
    """Refuse numbers with which an A/B study has not compared its arms.

    Args:
        name: The study's.
        stored: What is stored under `segexp.study.attributes.ANSWER`.
        now: From `segexp.compare.design.numbers_of`.

    Raises:
        InputError: With every number that differs.
    """
    flags = {**_FLAGS, "configs": "--candidates" if "trials" in now else "--configs"}
    faults = [
        f"{flags[key]}: A/B study {name!r} has compared its arms with {stored[key]}, "
        f"now it is {value}"
        for key, value in now.items()
        if stored.get(key, value) != value
    ]
    if faults:
        raise InputError(
            [
                *faults,
                "asking with other numbers until the answer pleases finds differences that do not "
                "exist: start another A/B study with --study-name, which trains everything again",
            ]
        )


def _of_older_answer(plan: AbPlan) -> dict[str, int] | None:
    """Return the numbers of an answer of an earlier segexp, which did not store them."""
    try:
        result = read_pilot(plan.project, plan.name)
    except InputError:
        return None
    if "look" in result:
        return None
    return {"configs": result["arms"][0].get("configs", 1), "seeds": len(result.get("seeds", ()))}


def _numbers(plan: AbPlan) -> dict[str, int]:
    is_matched = plan.design.mode == "matched"
    return numbers_of(plan.design, None if is_matched else plan.arms[0].base.study.trials)
