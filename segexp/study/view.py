"""A study as its page shows it, read from Optuna once."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from segexp.core.errors import WorkError
from segexp.core.files import inside
from segexp.core.lease import owner_from_dict
from segexp.evaluation.confusions import CONFUSIONS_FILE, load_confusions
from segexp.evaluation.metrics import OBJECTIVE, OWN
from segexp.evaluation.result import TrialResult, result_from_dict
from segexp.report.trials import RUN, Requirement, StudyView, TrialRow, best_trial
from segexp.study.attributes import (
    CONSTANT,
    COSTS,
    DEFINITION,
    FAILURE,
    OWNER,
    PRECISION,
    RESULT,
    RUN_ID,
    is_interrupted,
)
from segexp.study.best import best_trials, costs_of, missed_by
from segexp.study.constraints import stored_constraints
from segexp.study.promotion import number_before, promoted
from segexp.study.recorded_place import recorded_place
from segexp.study.standing import rank, score_of
from segexp.study.storage.several import with_scores_alone
from segexp.study.trial_files import OVERLAYS_DIRECTORY
from segexp.tracking.ui import run_address

LOCAL_MLFLOW = "http://127.0.0.1:5000"
"""Where `segexp ui` shows the runs of a project that records in a file."""


def view_study(
    study: optuna.Study, project: Path | None = None, *, is_live: bool = False
) -> StudyView:
    """Read a study; attributes that are missing are left empty.

    Args:
        project: Where the files of the best trial may be; None to leave them out.
        is_live: Whether the study is running.
    """
    definition = study.user_attrs.get(DEFINITION, {})
    trials = study.get_trials(deepcopy=False)
    resumed = promoted(trials)
    rows = [_row(trial, trial.number in resumed) for trial in trials]
    best = best_trial(rows)
    directory = files_of(project, best.result) if project and best and best.result else None
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
        is_live=is_live,
        runs_at=_runs_at(study),
        pictures=pictures_in(directory / OVERLAYS_DIRECTORY) if directory else (),
        confusions=_confusions_in(directory / CONFUSIONS_FILE) if directory else {},
    )


def files_of(project: Path, result: TrialResult) -> Path | None:
    """Return the directory of a trial that keeps its model, where it is here."""
    if result.bundle is None:
        return None
    directory = inside(project, result.bundle).parent
    return directory if directory.is_dir() else None


def pictures_in(directory: Path) -> list[tuple[str, bytes]]:
    """Return the pictures that a trial keeps, by image id in order."""
    found = sorted(path for path in directory.rglob("*.png") if not path.name.startswith("."))
    return [
        (path.relative_to(directory).with_suffix("").as_posix(), path.read_bytes())
        for path in found
    ]


def _confusions_in(path: Path) -> Mapping[str, NDArray[np.int64]]:
    try:
        return _summed(path, path.stat().st_mtime_ns)
    except (OSError, WorkError):  # the page does without
        return {}


@lru_cache(maxsize=4)
def _summed(path: Path, changed: int) -> Mapping[str, NDArray[np.int64]]:
    """Add up the matrices of all images: read once, however often a page is written."""
    return {split: each.by[OWN].sum(axis=0) for split, each in load_confusions(path).items()}


def _runs_at(study: optuna.Study) -> str:
    """Return the address of a run, as in `StudyView`; empty where that is not known."""
    place = recorded_place(study.user_attrs)
    if place is None or place.id is None:
        return ""
    is_server = (place.uri or "").startswith(("http://", "https://"))
    server = (place.uri or "").rstrip("/") if is_server else LOCAL_MLFLOW
    return f"{server}/{run_address(place.id, RUN)}"


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
        before=number_before(trial),
        started=trial.datetime_start,
        ended=trial.datetime_complete,
        worker=_worker_of(trial),
        precision=str(trial.user_attrs.get(PRECISION, "")),
    )


def _worker_of(trial: FrozenTrial) -> str:
    owner = owner_from_dict(trial.user_attrs.get(OWNER))
    return f"{owner.host} {owner.pid}" if owner else ""


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
