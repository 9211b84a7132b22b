"""A study as its page shows it, read from Optuna once."""

import math
from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from segexp.evaluation.metrics import OBJECTIVE
from segexp.evaluation.result import result_from_dict
from segexp.report.trials import Requirement, StudyView, TrialRow, best_trial
from segexp.study.attributes import (
    CONSTANT,
    COSTS,
    DEFINITION,
    FAILURE,
    RESULT,
    RUN_ID,
    is_interrupted,
)
from segexp.study.best import best_trials, costs_of, missed_by
from segexp.study.constraints import stored_constraints
from segexp.study.promotion import promoted
from segexp.study.standing import rank, score_of
from segexp.study.storage.several import with_scores_alone


def view_study(study: optuna.Study) -> StudyView:
    """Read a study; attributes that are missing are left empty."""
    definition = study.user_attrs.get(DEFINITION, {})
    trials = study.get_trials(deepcopy=False)
    resumed = promoted(trials)
    rows = [_row(trial, trial.number in resumed) for trial in trials]
    best = best_trial(rows)
    return StudyView(
        study=study if len(study.directions) == 1 else with_scores_alone(study),
        objective=str(definition.get("objective", OBJECTIVE)),
        definition=definition,
        constant=study.user_attrs.get(CONSTANT, {}),
        rows=rows,
        best=best,
        baseline=_baseline_trial(study, rows),
        costs=costs_of(study),
        front=[trial.number for trial in best_trials(trials)],
        requirements=_requirements(study, rows),
        missed=missed_by(study, trials[best.number]) if best else (),
    )


def _requirements(study: optuna.Study, rows: Sequence[TrialRow]) -> list[Requirement]:
    found = []
    for constraint in stored_constraints(study.user_attrs.get(DEFINITION, {})):
        values = {row.number: constraint.value_in(row.result) for row in rows if row.result}
        met_by = frozenset(n for n, value in values.items() if constraint.excess(value) <= 0)
        name = f"{constraint.on}{', lower end' if constraint.by_lower_end else ''}"
        found.append(Requirement(name, constraint.text, values, met_by))
    return found


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
    value = score_of(trial) if trial.state == TrialState.COMPLETE else None
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
        costs=tuple(trial.user_attrs.get(COSTS, ())),
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
