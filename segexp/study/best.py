"""The best trial of a study, read from Optuna's storage alone: no torch, no MLflow."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from segexp.core.errors import InputError, WorkError
from segexp.evaluation.metrics import COMMON, OBJECTIVE, OWN, metric_of
from segexp.evaluation.result import SplitScores, TrialResult, is_scored_otherwise, result_from_dict
from segexp.study.attributes import (
    CONSTANT,
    DEFINITION,
    FAILURE,
    LISTED,
    RESULT,
    RUN_ID,
    WARNINGS,
    host_of,
    is_interrupted,
)
from segexp.study.promotion import promoted
from segexp.study.storage.open import part_studies


@dataclass(frozen=True)
class BestTrial:
    """The best trial of a study, and what it is to be compared with.

    Attributes:
        study: The study's name.
        number: The trial's number.
        params: Its params.
        result: Its scores.
        run_id: Its MLflow run.
        host: The host that it ran on.
        states: How many trials are in which state of Optuna's, or INTERRUPTED, or PROMOTED: pruned,
            and another trial goes on with them.
        baseline: The scores of the enqueued baseline; None when it is not complete.
        objective: What the study maximises.
        constant: The class, and the scores on ``val`` and ``heldout``, of the predictor that says
            the most frequent class everywhere; by which ``objective``, where it was not mIoU.
        warnings: What was probably not meant in the data; `data_warnings`.
        scored_otherwise: The numbers of the trials that the study ranks by an older rule than that
            of today; see `segexp.evaluation.result`.
    """

    study: str
    number: int
    params: Mapping[str, Any]
    result: TrialResult
    run_id: str | None
    host: str
    states: Mapping[str, int]
    baseline: TrialResult | None
    objective: str
    constant: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    scored_otherwise: tuple[int, ...] = ()

    @property
    def constant_objective(self) -> str:
        """By what the constant predictor was scored."""
        return str(self.constant.get("objective", OBJECTIVE))

    def bundle(self, project: Path) -> Path:
        """Return the directory of the saved model.

        Raises:
            WorkError: When it is gone.
        """
        bundle = project / (self.result.bundle or "")
        if self.result.bundle is None or not bundle.is_dir():
            raise WorkError(
                f"the bundle of trial {self.number} is not in {bundle}; it ran on {self.host}; "
                f"MLflow has a copy among the artifacts of run {self.run_id}"
            )
        return bundle

    def to_dict(self, project: Path) -> dict[str, Any]:
        """Return the object that ``segexp best --json`` prints."""
        heldout, baseline = self.result.heldout, self.baseline
        return {
            "study": self.study,
            "objective": self.objective,
            "trial": self.number,
            "params": dict(self.params),
            "scores": {
                "tuning": self.result.val.numbers(),
                "heldout": heldout.numbers() if heldout else None,
            },
            "best_epoch": self.result.best_epoch,
            "iou": {
                "tuning": _iou(self.result.val),
                "heldout": _iou(heldout) if heldout else None,
            },
            "baseline": {
                "tuning": baseline.val.numbers(),
                "heldout": baseline.heldout.numbers() if baseline.heldout else None,
            }
            if baseline
            else None,
            "constant": dict(self.constant),
            "warnings": list(self.warnings),
            "trials": dict(self.states),
            "scored_otherwise": list(self.scored_otherwise),
            "run_id": self.run_id,
            "host": self.host,
            "bundle": str(project / self.result.bundle) if self.result.bundle else None,
        }


def find_best(study: optuna.Study) -> BestTrial:
    """Find the best complete trial of a study.

    Raises:
        InputError: When it is an A/B study, or a newer segexp wrote the result.
        WorkError: When no trial of the study is complete.
    """
    trials = study.get_trials(deepcopy=False)
    gone_on = promoted(trials)
    states = Counter(_state(trial, gone_on) for trial in trials)
    best = best_trial(study)
    if parts := part_studies(study):
        raise InputError(
            f"{study.study_name!r} is an A/B study, which has no best trial: run the same "
            f"`segexp ab` again for its answer, or take one of {', '.join(parts)}"
        )
    if best is None:
        raise WorkError(f"study {study.study_name!r} {_why_none(trials, states)}")
    # The baseline was the first in line; when it was interrupted, a later trial took its params.
    wanted = trials[0].system_attrs.get("fixed_params", trials[0].params)
    first = next((t for t in complete_trials(study) if t.params == wanted), None)
    if study.user_attrs.get(LISTED):
        first = None  # what is listed has no baseline
    return BestTrial(
        study=study.study_name,
        number=best.number,
        params=best.params,
        result=result_from_dict(best.user_attrs[RESULT]),
        run_id=best.user_attrs.get(RUN_ID),
        host=host_of(best),
        states=states,
        baseline=result_from_dict(first.user_attrs[RESULT]) if first else None,
        objective=objective_of(study),
        constant=study.user_attrs.get(CONSTANT, {}),
        warnings=tuple(study.user_attrs.get(WARNINGS, ())),
        scored_otherwise=_scored_otherwise(study),
    )


def objective_of(study: optuna.Study) -> str:
    """Return what a study maximises."""
    return str(study.user_attrs.get(DEFINITION, {}).get("objective", OBJECTIVE))


def _why_none(trials: Sequence[FrozenTrial], states: Mapping[str, int]) -> str:
    """Say why a study has no best trial, and what to do."""
    counted = ", ".join(f"{n} {name.lower()}" for name, n in states.items()) or "no trials"
    if "COMPLETE" in states:
        return f"was not made by segexp ({counted}): its trials have no scores of segexp's"
    none_yet = f"has no complete trial yet ({counted})"
    if "RUNNING" in states:
        return f"{none_yet}; it runs"
    ended = [t for t in trials if t.state.is_finished() and not is_interrupted(t)]
    if not ended:
        return f"{none_yet}; go on with `segexp tune`"
    if all(trial.state == TrialState.FAIL for trial in ended):
        known = [str(t.user_attrs[FAILURE]) for t in ended if FAILURE in t.user_attrs]
        reasons = "; ".join(dict.fromkeys(known)) or counted
        return f"has only failed trials ({reasons}); mend that, and take another --study-name"
    return f"{none_yet}; go on with `segexp tune` and more --trials than these"


def best_trial(study: optuna.Study) -> FrozenTrial | None:
    """Return the best trial of a study; see `best_of`."""
    return best_of(complete_trials(study))


def best_of(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """Return the best of the trials that ended with a result: the first of those that rank highest.

    See `rank`. Trials are in the order of their numbers.
    """
    return max(filter(_has_result, trials), key=rank, default=None)


def rank(trial: FrozenTrial) -> tuple[float, bool]:
    """Return what complete trials are ranked by: the objective, and whether there is a bundle.

    Of two workers' equal trials, only the one that ended first keeps a bundle. An objective that is
    not finite, as a study that segexp did not make can have, ranks lowest.
    """
    value = trial.value if trial.value is not None else -math.inf
    result = trial.user_attrs.get(RESULT, {})
    return value if math.isfinite(value) else -math.inf, result.get("bundle") is not None


def complete_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that ended with a result, by number."""
    return [trial for trial in study.get_trials(deepcopy=False) if _has_result(trial)]


def _has_result(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE and RESULT in trial.user_attrs


def _state(trial: FrozenTrial, gone_on: Collection[int]) -> str:
    if is_interrupted(trial):
        return "INTERRUPTED"
    return "PROMOTED" if trial.number in gone_on else trial.state.name


def _iou(scores: SplitScores) -> dict[str, float | None]:
    table = scores.tables[OWN]
    return dict(zip(table["class"], table["iou"], strict=True))


def _scored_otherwise(study: optuna.Study) -> tuple[int, ...]:
    """Return the complete trials whose objective the rules of today would give otherwise.

    The objective is another than that of the result as read, or is of the rule ``sum`` of before
    where that decided otherwise than ``argmax``.
    """
    metric, ruler = metric_of(objective_of(study))

    def differs(trial: FrozenTrial) -> bool:
        stored = trial.user_attrs[RESULT]
        now = result_from_dict(stored).val.of(metric, ruler)
        as_it_was = stored["val"]
        by_sum = ruler == COMMON
        summed = by_sum and as_it_was["miou_common"] != as_it_was["miou_common_argmax"]
        is_other = trial.value is not None and not math.isclose(trial.value, now, abs_tol=1e-9)
        return is_other or summed

    older = [t for t in complete_trials(study) if is_scored_otherwise(t.user_attrs[RESULT])]
    return tuple(trial.number for trial in older if differs(trial))


def scored_otherwise_note(best: BestTrial) -> str | None:
    """Say so where a study has trials that an older segexp scored by another rule."""
    numbers = ", ".join(map(str, best.scored_otherwise))
    if not numbers:
        return None
    return (
        f"ranked as an older segexp scored them: trials {numbers}. In their objective a class that "
        "is predicted and never true counted as 0, or probabilities were added up by the rule of "
        "then (CHANGELOG, collapse by sum); means are shown without such classes, sums as they were"
    )
