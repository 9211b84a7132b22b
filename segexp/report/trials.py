"""A study and its trials as the page shows them: plain rows."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution

from segexp.core.wording import cost_text
from segexp.evaluation.metrics import COSTS, metric_of, objective_title
from segexp.evaluation.result import TrialResult
from segexp.report.importances import Importances, both_importances

RUN = "{run}"

STATES = ("complete", "pruned", "failed", "promoted", "interrupted", "running", "waiting")


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes:
        state: One of STATES; ``promoted``: pruned, and resumed by another trial; ``interrupted``:
            ended by a signal or a crash.
        value: The objective of a complete trial when it is finite, else None.
        curve: The objective after each epoch, pairs of epoch (from 1) and value.
        seconds: Wall time; None while it runs.
        result: The result of a complete trial, if it has one.
        failure: Why it failed, or empty.
        run_id: Its run in MLflow, or empty.
        rank: From `segexp.study.standing.rank`, highest for the best.
        costs: What the study minimises, as far as it is known.
        before: The number of the trial that it retries or resumes, if there is one.
        started: When it began; None while it waits.
        ended: When it ended; None before.
        worker: The process that ran it, such as ``host 4711``, or empty.
        precision: What it was computed in, ``bf16`` or ``fp32``, or empty.
    """

    number: int
    state: str
    value: float | None
    curve: Sequence[tuple[int, float]]
    seconds: float | None
    params: Mapping[str, Any]
    result: TrialResult | None
    failure: str
    run_id: str
    rank: tuple[Any, ...]
    costs: Sequence[float] = ()
    before: int | None = None
    started: datetime | None = None
    ended: datetime | None = None
    worker: str = ""
    precision: str = ""

    @property
    def last(self) -> float | None:
        """The last finite value that was reported."""
        return next((v for _, v in reversed(self.curve) if math.isfinite(v)), None)

    @property
    def best_epoch(self) -> int | None:
        """The epoch of the highest value so far."""
        if self.result is not None:
            return self.result.best_epoch
        return max(self.curve, key=lambda point: point[1])[0] if self.curve else None


@dataclass(frozen=True)
class Requirement:
    """A constraint of a study.

    Attributes:
        name: What it is on, such as ``iou/person``, and of what it is the lower end.
        text: The bound, such as ``>= 0.3``.
        values: What each complete trial has of it, by number; NaN where that is not known.
        met_by: The numbers of the complete trials that meet it.
    """

    name: str
    text: str
    values: Mapping[int, float]
    met_by: frozenset[int]


@dataclass(frozen=True)
class StudyView:
    """What the page shows of a study.

    Attributes:
        study: The study itself, for Optuna's own charts and importances; of several objectives,
            with the score alone.
        objective: The name of what is maximised.
        definition: What its scores depend on; may be empty.
        constant: ``class``, ``val`` and ``heldout`` of the constant predictor; may be empty.
        best: The best trial, by the rule of `segexp.study.best`.
        baseline: The trial whose params were enqueued before all others.
        costs: The names of what is minimised beside.
        front: The numbers of the trials that no other one beats, the best score first.
        requirements: The study's constraints.
        missed: What the best trial misses of them, a line each.
        is_live: Whether the study is running.
        runs_at: The address of an MLflow run, with `RUN` in place of its id, or empty.
        pictures: What the best trial predicts on some tuning images: image ids and PNGs.
        confusions: The best trial's matrices in its own space by split, ``val`` and ``heldout``:
            rows ground truth, (K, K + 1); those that are at hand.
        has_gallery: Whether ``best/gallery.html`` beside the page shows the best trial.
        has_trials: Whether ``trials.html`` beside the page shows what every trial predicts.
    """

    study: optuna.Study
    objective: str
    definition: Mapping[str, Any]
    constant: Mapping[str, Any]
    rows: Sequence[TrialRow]
    best: TrialRow | None
    baseline: TrialRow | None
    costs: Sequence[str] = ()
    front: Sequence[int] = ()
    requirements: Sequence[Requirement] = ()
    missed: Sequence[str] = ()
    is_live: bool = False
    runs_at: str = ""
    pictures: Sequence[tuple[str, bytes]] = ()
    confusions: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    has_gallery: bool = False
    has_trials: bool = False

    @property
    def score_name(self) -> str:
        """What is maximised, in words: ``mIoU, common space``."""
        return objective_title(self.objective)

    @property
    def precisions(self) -> dict[str, int]:
        """How many trials were computed in each precision, if the hosts differed; else empty."""
        counts = Counter(row.precision for row in self.rows if row.precision)
        return dict(sorted(counts.items())) if len(counts) > 1 else {}

    @cached_property
    def importances(self) -> tuple[Importances, Importances]:
        """How much each param matters, by two evaluators."""
        return both_importances(self.study)


def heldout_score(row: TrialRow, objective: str) -> float | None:
    """Return the objective of a trial on the held-out images; None where it was not scored."""
    if row.result is None or row.result.heldout is None:
        return None
    return row.result.heldout.of(*metric_of(objective))


def best_trial(rows: Sequence[TrialRow]) -> TrialRow | None:
    """Return the trial with a result that ranks highest, the first of equals; None without one."""
    complete = [row for row in rows if row.state == "complete" and row.result is not None]
    return max(complete, key=lambda row: row.rank, default=None)


def epochs_spent(rows: Sequence[TrialRow]) -> list[tuple[TrialRow, int]]:
    """Return the trials that have ended, in that order, with the epochs of all of them until then.

    Epochs that a trial took over with a checkpoint count once, where they were trained.
    """
    by_number = {row.number: row for row in rows}
    ended = sorted(
        ((row.ended, row.number) for row in rows if row.ended is not None), key=lambda pair: pair
    )
    spent, found = 0, []
    for _, number in ended:
        row = by_number[number]
        before = by_number.get(row.before) if row.before is not None else None
        spent += max(0, len(row.curve) - (len(before.curve) if before else 0))
        found.append((row, spent))
    return found


def param_names(rows: Sequence[TrialRow]) -> list[str]:
    """Return every param that a trial has, in the order in which they were sampled."""
    return list(dict.fromkeys(name for row in rows for name in row.params))


def value_text(value: Any) -> str:
    """Write the value of a param: a float short, None as YAML's null."""
    if value is None:
        return "null"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def values_text(objectives: Sequence[str], values: Sequence[float]) -> str:
    """Write the values of objectives, the score first: ``mIoU, common space 0.4312, ...``."""
    score, *costs = zip(objectives, values, strict=True)
    texts = [f"{objective_title(score[0])} {score[1]:.4f}"]
    return ", ".join([*texts, *(f"{COSTS[name]} {cost_text(cost)}" for name, cost in costs)])


def score_text(score: float | None) -> str:
    """Write a score with four digits, and a dash where there is none."""
    return "-" if score is None or math.isnan(score) else f"{score:.4f}"


def categorical_params(study: optuna.Study) -> set[str]:
    """Return the names of the params that were chosen from a list."""
    return {
        name
        for trial in study.get_trials(deepcopy=False)
        for name, distribution in trial.distributions.items()
        if isinstance(distribution, CategoricalDistribution)
    }
