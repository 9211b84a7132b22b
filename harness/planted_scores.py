"""Objectives that a test plants: real trainings, whose scores are the test's own.

Which of several tiny trainings wins depends on the processor, the number format and the versions.
What a test says of pruning, promotion, ties, retries or order must not.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import segexp.study.trial
from segexp.core.config import Config
from segexp.evaluation.evaluate import Evaluation
from segexp.study.prepare import Training, prepare_training
from segexp.study.trial import objective_value
from segexp.training.fit import EpochResult, Trainer

Curve = Callable[[Config, int], float]
"""The objective of a configuration after an epoch, from 1, in 0..1."""

REAL_SHARE = 1e-3
"""How much of the real score is added, so that values still tell one training from another."""


def plant_scores(curve: Curve, put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Let every trial of this process report a curve's values in place of its model's.

    Args:
        curve: What they report.
        put: Puts it in place; ``monkeypatch.setattr`` takes it back when the test ends.
    """
    prepare, value_of = prepare_training, objective_value
    reached: list[tuple[Config, int]] = []

    def prepare_noting(config: Config, *others: Any) -> Training:
        training = prepare(config, *others)

        class NotingTrainer(Trainer[Evaluation]):
            def epochs(self, *given: Any, **options: Any) -> Iterator[EpochResult[Evaluation]]:
                for result in super().epochs(*given, **options):
                    reached[:] = [(config, result.epoch)]
                    yield result

        parts = {field.name: getattr(training.trainer, field.name) for field in fields(Trainer)}
        return replace(training, trainer=NotingTrainer(**parts))

    def planted(evaluation: Evaluation, objective: str) -> float:
        (at,) = reached
        return curve(*at) + REAL_SHARE * value_of(evaluation, objective)

    put(segexp.study.trial, "prepare_training", prepare_noting)
    put(segexp.study.trial, "objective_value", planted)


def in_order(curves: Sequence[Sequence[float]]) -> Curve:
    """Give each configuration a curve, in the order in which their first epochs end.

    Configurations are told apart by their learning rates. Those beyond the last curve share it.
    """
    given: dict[float, Sequence[float]] = {}

    def curve(config: Config, epoch: int) -> float:
        place = min(len(given), len(curves) - 1)
        return given.setdefault(config.training.learning_rate, curves[place])[epoch - 1]

    return curve


def faster_is_better(config: Config, epoch: int) -> float:
    """Rise with the learning rate, from 0.2 at 1e-5 to 0.6 at 0.1, and to the second epoch.

    After that epoch it falls again, but not to where it was.
    """
    return 0.7 + math.log10(config.training.learning_rate) / 10 + {1: 0, 2: 0.02}.get(epoch, 0.01)
