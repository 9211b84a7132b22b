"""The best trial of a study, read only from Optuna's storage: no torch, no MLflow."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from segexp.core.errors import InputError, WorkError
from segexp.evaluation.metrics import OBJECTIVE, OWN
from segexp.evaluation.result import SplitScores, TrialResult, result_from_dict
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
from segexp.study.constraints import describe_miss, stored_constraints
from segexp.study.older_rules import scored_otherwise
from segexp.study.promotion import promoted
from segexp.study.standing import front_of, rank
from segexp.study.storage.open import part_studies

T = TypeVar("T")

_MAPPINGS = "mappings."
"""What the names of mappings begin with in a study's definition."""

_SPLITS = {"tuning": "val", "heldout": "heldout"}
"""How results name the splits whose scores are shown."""


@dataclass(frozen=True)
class FrontTrial:
    """A trial that no other one beats: its objectives, the score first, and its params."""

    number: int
    values: tuple[float, ...]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class BestTrial:
    """The best trial of a study, and what to compare it with.

    Attributes:
        states: How many trials are in each of Optuna's states, or INTERRUPTED, or PROMOTED: pruned,
            then resumed by another trial.
        baseline: The scores of the queued baseline; None when it is not complete.
        constant: The class, and the scores on ``val`` and ``heldout``, of the predictor that gives
            the most frequent class everywhere; and its ``objective``, if it is not mIoU.
        warnings: What is probably wrong in the data; see `data_warnings`.
        scored_otherwise: The numbers of the trials that are ranked by an older rule; see
            `segexp.evaluation.result`.
        costs: The objectives that are minimised; the other one is ``objective``.
        front: The trials that no other one beats, the best score first; see
            `segexp.study.standing`. For a single objective that is one at most.
        missed: What this trial misses of the study's constraints, a line for each.
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
    costs: tuple[str, ...] = ()
    front: tuple[FrontTrial, ...] = ()
    missed: tuple[str, ...] = ()
    mapping: str = ""

    @property
    def is_best(self) -> bool:
        """Whether no other trial ranks before it."""
        return not self.front or self.number == self.front[0].number

    @property
    def constant_objective(self) -> str:
        """The objective that the constant predictor was scored by."""
        return str(self.constant.get("objective", OBJECTIVE))

    def bundle_here(self, project: Path) -> Path | None:
        """Return a bundle of the trial that is there: its own, or MLflow's copy in the project."""
        if self.result.bundle is None:
            return None
        copies = project.glob(f"mlruns/*/{self.run_id}/artifacts/bundle")
        return next((p for p in (project / self.result.bundle, *copies) if p.is_dir()), None)

    def bundle(self, project: Path) -> Path:
        """Return the directory of the saved model.

        Raises:
            WorkError: When it is missing.
        """
        if self.result.bundle is None:
            raise WorkError(
                f"trial {self.number} keeps no model: another trial beat it; the models of trials "
                f"{', '.join(str(each.number) for each in self.front)} are kept"
            )
        bundle = project / self.result.bundle
        if not bundle.is_dir():
            raise WorkError(
                f"the bundle of trial {self.number} is not in {bundle}; the trial ran on "
                f"{self.host}; MLflow has a copy in the artifacts of run {self.run_id}"
            )
        return bundle

    def to_dict(self, project: Path) -> dict[str, Any]:
        """Return the object that ``segexp best --json`` prints."""
        return {
            "study": self.study,
            "objective": self.objective,
            "costs": list(self.costs),
            "front": [
                {
                    "trial": each.number,
                    **dict(zip((self.objective, *self.costs), each.values, strict=True)),
                    "params": dict(each.params),
                }
                for each in self.front
            ],
            "missed": list(self.missed),
            "trial": self.number,
            "params": dict(self.params),
            "mapping": self.mapping,
            "scores": _by_split(self.result, SplitScores.numbers),
            "cost": dict(self.result.cost) if self.result.cost else None,
            "sizes": {split: self.result.sizes.get(name) for split, name in _SPLITS.items()},
            "best_epoch": self.result.best_epoch,
            "iou": _by_split(self.result, _iou),
            "baseline": _by_split(self.baseline, SplitScores.numbers) if self.baseline else None,
            "constant": dict(self.constant),
            "warnings": list(self.warnings),
            "trials": dict(self.states),
            "scored_otherwise": list(self.scored_otherwise),
            "run_id": self.run_id,
            "host": self.host,
            "bundle": str(self.bundle_here(project) or project / self.result.bundle)
            if self.result.bundle
            else None,
        }


def find_best(study: optuna.Study, number: int | None = None) -> BestTrial:
    """Find the best complete trial of a study.

    Of several objectives, the one with the best score: what a person would take if nothing had a
    cost. The front beside it says what less cost would lose.

    Args:
        number: Another complete trial, to be described in its place.

    Raises:
        InputError: When it is an A/B study, a newer segexp wrote the result, or the numbered trial
            is not complete.
        WorkError: When no trial of the study is complete.
    """
    trials = study.get_trials(deepcopy=False)
    resumed = promoted(trials)
    states = Counter(state_of(trial, resumed) for trial in trials)
    complete = [trial for trial in trials if _has_result(trial)]
    best = best_of(complete)
    if parts := part_studies(study):
        raise InputError(
            f"{study.study_name!r} is an A/B study, which has no best trial: repeat its "
            f"`segexp ab` command for the answer, or name one of {', '.join(parts)}"
        )
    if best is None:
        raise WorkError(f"study {study.study_name!r} {_why_no_best(trials, states)}")
    front = best_trials(complete)
    if number is not None:
        best = next((t for t in complete if t.number == number), None)
        if best is None:
            known = ", ".join(str(t.number) for t in complete)
            raise InputError(
                f"--trial {number}: no complete trial of {study.study_name}; name one of {known}"
            )
    # The baseline was first in the queue; if it was interrupted, a later trial took its params.
    wanted = trials[0].system_attrs.get("fixed_params", trials[0].params)
    first = next((t for t in complete if t.params == wanted), None)
    if study.user_attrs.get(LISTED):
        first = None  # a study of listed trials has no baseline
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
        scored_otherwise=scored_otherwise(complete, objective_of(study)),
        costs=costs_of(study),
        front=tuple(FrontTrial(t.number, tuple(t.values or ()), t.params) for t in front),
        missed=tuple(missed_by(study, best)),
        mapping=mapping_of(study, best),
    )


def mapping_of(study: optuna.Study, trial: FrozenTrial) -> str:
    """Return the mapping of a trial, whether it is searched or the study's only one."""
    named = (n for n in study.user_attrs.get(DEFINITION, {}) if n.startswith(_MAPPINGS))
    return str(trial.params.get("mapping") or next(named, "").removeprefix(_MAPPINGS))


def costs_of(study: optuna.Study) -> tuple[str, ...]:
    """Return what a study minimises."""
    text = str(study.user_attrs.get(DEFINITION, {}).get("costs", ""))
    return tuple(text.split(", ")) if text else ()


def missed_by(study: optuna.Study, trial: FrozenTrial) -> list[str]:
    """Say what a complete trial misses of a study's constraints, a line for each."""
    result = result_from_dict(trial.user_attrs[RESULT])
    required = stored_constraints(study.user_attrs.get(DEFINITION, {}))
    values = {constraint: constraint.value_in(result) for constraint in required}
    return [describe_miss(c, value) for c, value in values.items() if c.excess(value) > 0]


def unmet_note(best: BestTrial) -> str | None:
    """Say that no trial meets a study's constraints, and which came nearest; None if one does."""
    if not best.missed or not best.is_best:
        return None
    missed = "; ".join(best.missed)
    return f"no trial meets the constraints; trial {best.number} came nearest: {missed}"


def objective_of(study: optuna.Study) -> str:
    """Return what a study maximises."""
    return str(study.user_attrs.get(DEFINITION, {}).get("objective", OBJECTIVE))


def _why_no_best(trials: Sequence[FrozenTrial], states: Mapping[str, int]) -> str:
    counted = ", ".join(f"{n} {name.lower()}" for name, n in states.items()) or "no trials"
    if "COMPLETE" in states:
        return f"was not made by segexp ({counted}): its trials have no segexp scores"
    none_yet = f"has no complete trial yet ({counted})"
    if "RUNNING" in states:
        return f"{none_yet}; it is running"
    ended = [t for t in trials if t.state.is_finished() and not is_interrupted(t)]
    if not ended:
        return f"{none_yet}; the command that began it resumes it"
    if all(trial.state == TrialState.FAIL for trial in ended):
        known = [str(t.user_attrs[FAILURE]) for t in ended if FAILURE in t.user_attrs]
        reasons = "; ".join(dict.fromkeys(known)) or counted
        return f"has only failed trials ({reasons}); fix that, and take another --study-name"
    return f"{none_yet}; resume it with the command that began it and more --trials"


def best_trial(study: optuna.Study) -> FrozenTrial | None:
    """Return the best trial of a study; see `best_of`."""
    return best_of(complete_trials(study))


def best_of(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """Return the trial with a result that ranks highest, the first of equals; see `rank`.

    Trials are in the order of their numbers.
    """
    return max(filter(_has_result, trials), key=rank, default=None)


def best_trials(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that keep their models: the best one first, then all others on the front.

    See `segexp.study.standing.front_of`; of a single objective that is one trial at most.
    """
    return front_of(filter(_has_result, trials))


def complete_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that ended with a result, by number."""
    return [trial for trial in study.get_trials(deepcopy=False) if _has_result(trial)]


def _has_result(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE and RESULT in trial.user_attrs


def state_of(trial: FrozenTrial, resumed: Collection[int]) -> str:
    """Return Optuna's state of a trial, or INTERRUPTED, or PROMOTED where it was resumed."""
    if is_interrupted(trial):
        return "INTERRUPTED"
    return "PROMOTED" if trial.number in resumed else trial.state.name


def _by_split(result: TrialResult, of: Callable[[SplitScores], T]) -> dict[str, T | None]:
    return {"tuning": of(result.val), "heldout": of(result.heldout) if result.heldout else None}


def _iou(scores: SplitScores) -> dict[str, float | None]:
    table = scores.tables[OWN]
    return dict(zip(table["class"], table["iou"], strict=True))


def scored_otherwise_note(best: BestTrial) -> str | None:
    """Return a note if an older segexp scored trials of the study by another rule, else None."""
    numbers = ", ".join(map(str, best.scored_otherwise))
    if not numbers:
        return None
    return (
        f"ranked as an older segexp scored them: trials {numbers}. In their objective a class that "
        "is predicted but never true counted as 0, or probabilities were added by an older rule "
        "(CHANGELOG, collapse by sum); means are shown without such classes, sums as they were"
    )
