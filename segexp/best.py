"""The best trial of a study, read from Optuna's storage alone: no torch, no MLflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from segexp.errors import WorkError
from segexp.result import SplitScores, TrialResult, result_from_dict
from segexp.storage import CONSTANT, RESULT, RUN_ID


@dataclass(frozen=True)
class BestTrial:
    """The best trial of a study, and what it is to be compared with.

    Attributes:
        study: The study's name.
        number: The trial's number.
        params: Its params.
        result: Its scores.
        run_id: Its MLflow run.
        states: How many trials ended in which state.
        baseline: The scores of the study's first trial, the enqueued baseline; None when that
            did not end, or kept no held-out scores.
        constant: The class, and the mIoU on ``val`` and ``heldout``, of the predictor that says
            the most frequent class everywhere.
    """

    study: str
    number: int
    params: Mapping[str, Any]
    result: TrialResult
    run_id: str | None
    states: Mapping[str, int]
    baseline: TrialResult | None
    constant: Mapping[str, Any]

    def bundle(self, project: Path) -> Path:
        """Return the directory of the saved model.

        Raises:
            WorkError: When it is gone.
        """
        bundle = project / (self.result.bundle or "")
        if self.result.bundle is None or not bundle.is_dir():
            raise WorkError(
                f"the bundle of trial {self.number} is not in {bundle}; MLflow has a copy "
                f"among the artifacts of run {self.run_id}"
            )
        return bundle

    def to_dict(self, project: Path) -> dict[str, Any]:
        """Return the object that ``segexp best --json`` prints."""
        heldout, baseline = self.result.heldout, self.baseline
        return {
            "study": self.study,
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
            "trials": dict(self.states),
            "run_id": self.run_id,
            "bundle": str(project / self.result.bundle) if self.result.bundle else None,
        }


def find_best(study: optuna.Study) -> BestTrial:
    """Find the best complete trial of a study.

    Raises:
        WorkError: When no trial of the study is complete.
    """
    trials = study.get_trials(deepcopy=False)
    states = {state.name: sum(t.state == state for t in trials) for state in TrialState}
    complete = [t for t in trials if t.state == TrialState.COMPLETE and RESULT in t.user_attrs]
    if not complete:
        counted = ", ".join(f"{n} {name.lower()}" for name, n in states.items() if n)
        raise WorkError(
            f"study {study.study_name!r} has no complete trial yet ({counted or 'no trials'}); "
            "go on with `segexp tune`"
        )
    best = max(complete, key=_value)
    first = next((t for t in complete if t.number == 0), None)
    return BestTrial(
        study=study.study_name,
        number=best.number,
        params=best.params,
        result=result_from_dict(best.user_attrs[RESULT]),
        run_id=best.user_attrs.get(RUN_ID),
        states={name: n for name, n in states.items() if n},
        baseline=result_from_dict(first.user_attrs[RESULT]) if first else None,
        constant=study.user_attrs.get(CONSTANT, {}),
    )


def _value(trial: FrozenTrial) -> float:
    return trial.value if trial.value is not None else float("-inf")


def _iou(scores: SplitScores) -> dict[str, float | None]:
    return dict(zip(scores.table["class"], scores.table["iou"], strict=True))
