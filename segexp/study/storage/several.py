"""Several objectives, where Optuna takes one: reports, pruners, samplers that meet pruned trials.

Optuna refuses to report an epoch in a study of several objectives, and to prune by it; its storages
hold both. A pruner, a sampler or a chart that only reads a study is given one whose storage reads
the same trials, changed on the way. Like `retrying`, this module uses names of Optuna that are not
public.
"""

import copy
from collections.abc import Callable, Container, Sequence
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

Alter = Callable[[FrozenTrial], FrozenTrial]


def directions_of(costs: int) -> list[StudyDirection]:
    """Return the directions of a score and of some costs."""
    return [StudyDirection.MAXIMIZE, *[StudyDirection.MINIMIZE] * costs]


def report_score(trial: Trial, score: float, epoch: int) -> None:
    """Report the score of an epoch, however many objectives the study has.

    Raises:
        UpdateFinishedTrialError: When another process has ended the trial.
    """
    if len(trial.study.directions) == 1:
        trial.report(score, epoch)
    else:
        trial.storage.set_trial_intermediate_value(trial._trial_id, epoch, score)


def with_scores_alone(study: optuna.Study, alter: Alter = lambda trial: trial) -> optuna.Study:
    """Return a study to be read whose trials have the first objective alone.

    Args:
        alter: Changes a trial further; it may return the trial itself, which is not to be changed.
    """

    def of_first(trial: FrozenTrial) -> FrozenTrial:
        altered = alter(trial)
        return _with(altered, values=altered.values[:1]) if altered.values else altered

    return _read_as(study, of_first, [StudyDirection.MAXIMIZE])


def as_samplers_read(study: optuna.Study) -> optuna.Study:
    """Return a study to be read by a sampler.

    `TPESampler` orders pruned trials by what they reported, in the direction of the only objective.
    Of several objectives it is given none of that: pruned trials rank after complete ones. Nor is a
    study divided into the brackets of `HyperbandPruner`.
    """
    if len(study.directions) == 1:
        return study

    def without_reports(trial: FrozenTrial) -> FrozenTrial:
        is_pruned = trial.state == TrialState.PRUNED
        return _with(trial, intermediate_values={}) if is_pruned else trial

    return _read_as(study, without_reports, study.directions)


def as_failed(trial: FrozenTrial) -> FrozenTrial:
    """Return a copy of a trial that pruners leave out."""
    return _with(trial, state=TrialState.FAIL)


def _with(trial: FrozenTrial, **values: Any) -> FrozenTrial:
    altered = copy.copy(trial)
    for name, value in values.items():
        setattr(altered, name, value)
    return altered


def _read_as(
    study: optuna.Study, alter: Alter, directions: Sequence[StudyDirection]
) -> optuna.Study:
    storage: Any = _AlteredStorage(study._storage, alter, directions)
    return optuna.Study(study.study_name, storage, study.sampler, study.pruner)


class _AlteredStorage:
    """A storage that changes trials as they are read, and passes all else on."""

    def __init__(self, storage: Any, alter: Alter, directions: Sequence[StudyDirection]) -> None:
        self._storage = storage
        self._alter = alter
        self._directions = list(directions)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return those of the objectives that are read."""
        return self._directions

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials that have one of the states after they were changed."""
        trials = map(self._alter, self._storage.get_all_trials(study_id, deepcopy=deepcopy))
        return [trial for trial in trials if states is None or trial.state in states]
