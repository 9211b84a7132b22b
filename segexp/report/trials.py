"""A study and its trials as the page shows them, read from Optuna once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from segexp.evaluation.result import TrialResult, result_from_dict
from segexp.study.best import rank
from segexp.study.promotion import promoted
from segexp.study.storage.open import CONSTANT, DEFINITION, FAILURE, RESULT, RUN_ID, is_interrupted

STATES = ("complete", "pruned", "failed", "promoted", "interrupted", "running", "waiting")


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes:
        number: Its number in the study.
        state: One of STATES; ``promoted`` is one that was pruned and that another trial goes on
            with, ``interrupted`` one that a signal or a crash ended.
        value: The objective of a complete trial when it is finite, else None.
        curve: The objective after each epoch, pairs of epoch (from 1) and value.
        seconds: Wall time; None while it runs.
        params: Its params.
        result: What a complete trial left; None when it left nothing.
        failure: Why it failed; empty when it did not.
        run_id: Its run in MLflow; empty when it has none.
        rank: What complete trials are ranked by; see `segexp.study.best.rank`.
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
    rank: tuple[float, bool]

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
class StudyView:
    """What the page says of a study.

    Attributes:
        study: The study itself, for Optuna's own charts and importances.
        objective: The name of what is maximised.
        definition: What its scores depend on; may be empty.
        constant: ``class``, ``val`` and ``heldout`` of the constant predictor; may be empty.
        rows: Its trials, by number.
        best: The complete trial with the highest objective.
        baseline: The trial whose params were enqueued before all others.
    """

    study: optuna.Study
    objective: str
    definition: Mapping[str, Any]
    constant: Mapping[str, Any]
    rows: Sequence[TrialRow]
    best: TrialRow | None
    baseline: TrialRow | None


def view_study(study: optuna.Study) -> StudyView:
    """Read a study; attributes that are missing are left empty."""
    definition = study.user_attrs.get(DEFINITION, {})
    trials = study.get_trials(deepcopy=False)
    gone_on = promoted(trials)
    rows = [_row(trial, trial.number in gone_on) for trial in trials]
    return StudyView(
        study=study,
        objective=str(definition.get("objective", "val/miou_common")),
        definition=definition,
        constant=study.user_attrs.get(CONSTANT, {}),
        rows=rows,
        best=best_trial(rows),
        baseline=_baseline_trial(study, rows),
    )


def best_trial(rows: Sequence[TrialRow]) -> TrialRow | None:
    """Return the best of the complete trials with a finite objective, like `segexp.study.best`."""
    scored = [row for row in rows if row.value is not None]
    return max(scored, key=lambda row: row.rank, default=None)


def param_names(rows: Sequence[TrialRow]) -> list[str]:
    """Return every param that a trial has, in the order in which they were sampled."""
    return list(dict.fromkeys(name for row in rows for name in row.params))


def value_text(value: Any) -> str:
    """Write the value of a param: a float short, None as YAML's null."""
    if value is None:
        return "null"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


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


def _row(trial: FrozenTrial, is_promoted: bool) -> TrialRow:
    stored = trial.user_attrs.get(RESULT)
    result = result_from_dict(stored) if stored else None
    states = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "promoted" if is_promoted else "pruned",
        TrialState.FAIL: "interrupted" if is_interrupted(trial) else "failed",
        TrialState.RUNNING: "running",
        TrialState.WAITING: "waiting",
    }
    value = trial.value if trial.state == TrialState.COMPLETE else None
    duration = trial.duration.total_seconds() if trial.duration else None
    return TrialRow(
        number=trial.number,
        state=states[trial.state],
        value=value if value is not None and math.isfinite(value) else None,
        curve=sorted(trial.intermediate_values.items()),
        seconds=result.seconds if result else duration,
        params=trial.params,
        result=result,
        failure=str(trial.user_attrs.get(FAILURE, "")),
        run_id=str(trial.user_attrs.get(RUN_ID, "")),
        rank=rank(trial),
    )


def _baseline_trial(study: optuna.Study, rows: Sequence[TrialRow]) -> TrialRow | None:
    """Find the trial of the baseline; where it was interrupted, the one that came through."""
    if not rows:
        return None
    enqueued = study.get_trials(deepcopy=False)[0].system_attrs.get("fixed_params")
    if not enqueued:
        return None
    tries = [row for row in rows if row.params == enqueued]
    complete = [row for row in tries if row.state == "complete"]
    return next(iter(complete or tries), None)
