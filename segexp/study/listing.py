"""The studies of a storage, a row for each: what is told of them without opening one."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage

from segexp.core.disk import megabytes
from segexp.study.abandoned import is_running
from segexp.study.best import best_of, state_of
from segexp.study.family import Family, artifact_folders, families, own_folders
from segexp.study.promotion import promoted
from segexp.study.standing import score_of


@dataclass(frozen=True)
class Row:
    """A study.

    Attributes:
        kind: ``study`` or ``A/B``.
        states: How many trials are in each of Optuna's states, or INTERRUPTED, or PROMOTED; those
            of an A/B study are of all its arms.
        best: The number of the best complete trial, and ``score`` its first objective; None
            without one, and of an A/B study.
        last: When a trial last began or ended, in local time; None before the first.
        megabytes: What its files take in this project, MLflow's artifacts too.
        is_running: Whether a process runs it now.
    """

    name: str
    kind: str
    states: Mapping[str, int]
    best: int | None
    score: float | None
    last: datetime | None
    megabytes: float
    is_running: bool

    def to_dict(self) -> dict[str, Any]:
        """Return what ``segexp studies --json`` prints of it."""
        return {
            **vars(self),
            "states": dict(self.states),
            "last": self.last.isoformat(timespec="seconds") if self.last else None,
        }


def list_studies(project: Path, storage: BaseStorage) -> list[Row]:
    """Return a row for each study that people began, the last one first."""
    rows = [_row(project, family) for family in families(storage)]
    return sorted(rows, key=lambda row: row.last or datetime.min, reverse=True)


def _row(project: Path, family: Family) -> Row:
    trials = [study.get_trials(deepcopy=False) for study in family.studies]
    states: Counter[str] = Counter()
    times = []
    for each in trials:
        resumed = promoted(each)
        states.update(state_of(trial, resumed) for trial in each)
        times += [t for trial in each for t in (trial.datetime_start, trial.datetime_complete) if t]
    best = None if family.is_ab else best_of(trials[-1])
    folders = [*own_folders(project, family), *artifact_folders(project, family)]
    return Row(
        name=family.study.study_name,
        kind="A/B" if family.is_ab else "study",
        states=dict(states.most_common()),
        best=best.number if best else None,
        score=score_of(best) if best else None,
        last=max(times, default=None),
        megabytes=round(megabytes(*folders), 1),
        is_running=any(map(is_running, family.studies)),
    )
