"""The trials of a study as its page shows them, read from Optuna once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from segexp.result import TrialResult, result_from_dict
from segexp.storage import FAILURE, INTERRUPTED, RESULT, RUN_ID

STATES = ("complete", "pruned", "failed", "interrupted", "running", "waiting")


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes:
        number: Its number in the study.
        state: One of STATES; ``interrupted`` is a trial that a signal or a crash ended.
        value: The objective of a complete trial when it is finite, else None.
        curve: The objective after each epoch, pairs of epoch (from 1) and value.
        seconds: Wall time; None while it runs.
        params: Its params.
        result: What a complete trial left; None when it left nothing.
        failure: Why it failed; empty when it did not.
        run_id: Its run in MLflow; empty when it has none.
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


def read_trials(study: optuna.Study) -> list[TrialRow]:
    """Read all trials of a study, by number."""
    return [_row(trial) for trial in study.get_trials(deepcopy=False)]


def best_trial(rows: Sequence[TrialRow]) -> TrialRow | None:
    """Return the complete trial with the highest objective (the first of equals), if any."""
    scored = [row for row in rows if row.value is not None]
    return max(scored, key=lambda row: row.value or 0.0) if scored else None


def baseline_trial(study: optuna.Study, rows: Sequence[TrialRow]) -> TrialRow | None:
    """Return the trial of the baseline: the params that were enqueued before all others.

    When it was interrupted and tried again, the trial that came through counts.
    """
    if not rows:
        return None
    enqueued = study.get_trials(deepcopy=False)[0].system_attrs.get("fixed_params")
    if not enqueued:
        return None
    tries = [row for row in rows if row.params == enqueued]
    complete = [row for row in tries if row.state == "complete"]
    return next(iter(complete or tries), None)


def param_names(rows: Sequence[TrialRow]) -> list[str]:
    """Return every param that a trial has, in the order in which they were sampled."""
    return list(dict.fromkeys(name for row in rows for name in row.params))


def value_text(value: Any) -> str:
    """Write the value of a param: a float short, None as YAML's null."""
    if value is None:
        return "null"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _row(trial: FrozenTrial) -> TrialRow:
    stored = trial.user_attrs.get(RESULT)
    result = result_from_dict(stored) if stored else None
    states = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "pruned",
        TrialState.FAIL: "interrupted" if trial.user_attrs.get(INTERRUPTED) else "failed",
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
    )
