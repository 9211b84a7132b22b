"""A study is removed: its runs in MLflow, its files in the project, then Optuna's record."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from segexp import tracking
from segexp.core.disk import megabytes
from segexp.core.errors import InputError, WorkError, did_you_mean
from segexp.core.files import name_fault
from segexp.core.lease import is_gone, owner_from_dict
from segexp.core.wording import counted
from segexp.study.abandoned import is_running
from segexp.study.attributes import BEAT, CARRIED_FROM, DEFINITION, OWNER, RUN_KEY, host_of
from segexp.study.family import (
    Family,
    artifact_folders,
    families,
    own_folders,
    own_locks,
    run_ids,
)
from segexp.study.recorded_place import recorded_place, recorded_uri
from segexp.study.storage.study_lock import study_lock


@dataclass(frozen=True)
class Removal:
    """What goes when a study is removed.

    Attributes:
        runs: The ids of its runs in MLflow's experiment, the study's own last.
        others: The studies of the other runs of the experiment, which stay.
        folders: Of the project, deleted whole.
        locks: Files that are there to be locked.
        artifacts: Megabytes that MLflow keeps of its runs in the project.
    """

    project: Path
    family: Family
    experiment: tracking.Experiment | None
    others: frozenset[str]
    runs: tuple[str, ...]
    folders: tuple[Path, ...]
    locks: tuple[Path, ...]
    artifacts: float

    @property
    def has_name_of_experiment(self) -> bool:
        """Whether the experiment has the study's name, and its note is the study's."""
        return self.experiment is not None and (
            self.experiment.name == self.family.study.study_name
        )

    @property
    def experiment_goes(self) -> bool:
        """Whether the experiment is the study's own, and has no other run."""
        return self.has_name_of_experiment and not self.others

    def lines(self) -> list[str]:
        """Say what goes, a line for each place."""
        family = self.family
        trials = sum(len(study.get_trials(deepcopy=False)) for study in family.studies)
        below = f", with {len(family.below)} studies below it" if family.below else ""
        lines = [f"Optuna: study {family.study.study_name}{below} ({counted(trials, 'trial')})"]
        if self.experiment is not None and (self.runs or self.experiment_goes):
            name = self.experiment.name
            rest = ", and the experiment, which has no other" if self.experiment_goes else ""
            lines.append(f"MLflow: {counted(len(self.runs), 'run')} of experiment {name}{rest}")
        lines += [
            f"files:  {folder.relative_to(self.project)}/ ({megabytes(folder):,.1f} MB)"
            for folder in self.folders
        ]
        if self.locks:
            lines.append(f"files:  {counted(len(self.locks), 'lock')} below .segexp/locks/")
        return lines


def plan_removal(project: Path, storage: BaseStorage, name: str, uri: str | None) -> Removal:
    """Find what there is of a study, and refuse one that is needed.

    Args:
        uri: The tracking URI of the configuration.

    Raises:
        InputError: When there is no such study, it is part of an A/B study, it runs now, a later
            revision stands on its trials, or segexp did not make it.
        WorkError: When its tracking server does not answer.
    """
    known = families(storage)
    family = next((each for each in known if each.study.study_name == name), None)
    if family is None:
        whole = [each for each in known if name in {s.study_name for s in each.below}]
        if whole:
            raise InputError(
                f"{name!r} is part of the A/B study {whole[0].study.study_name!r}; remove that"
            )
        names = [each.study.study_name for each in known]
        there = ", ".join(names) or "none"
        raise InputError(f"no study {name!r}{did_you_mean(name, names)}; there are {there}")
    if name_fault("study name", name) or DEFINITION not in family.study.user_attrs:
        raise InputError(f"{name!r} was not made by segexp; remove it with `optuna delete-study`")
    _refuse_needed(family, known)
    experiment, runs = _find_runs(project, family, uri)
    artifacts = megabytes(*artifact_folders(project, family))
    others = tracking.whose_others(experiment, runs) if experiment else set()
    return Removal(
        project,
        family,
        experiment,
        frozenset(others),
        tuple(runs),
        tuple(own_folders(project, family)),
        tuple(own_locks(project, family)),
        artifacts,
    )


def remove(removal: Removal, storage: BaseStorage, say: Callable[[str], None]) -> None:
    """Remove a study; what is interrupted is done by the same call again.

    Optuna's record, by which all else is found, goes last.

    Raises:
        InputError: When the study began to run meanwhile.
        WorkError: When a run or a folder cannot be deleted.
    """
    name = removal.family.study.study_name
    with study_lock(storage, removal.project, name):
        for study in removal.family.studies:
            _refuse_running(study)
        if removal.experiment is not None:
            _remove_records(removal, removal.experiment, say)
        for folder in removal.folders:
            try:
                shutil.rmtree(folder)
            except OSError as error:
                raise WorkError(f"{folder}: cannot be deleted: {error.strerror}") from error
        for study in removal.family.studies:
            optuna.delete_study(study_name=study.study_name, storage=storage)
        for lock in own_locks(removal.project, removal.family):  # who waits for one takes a new one
            lock.unlink(missing_ok=True)
    say(f"removed {name}")


def _remove_records(
    removal: Removal, experiment: tracking.Experiment, say: Callable[[str], None]
) -> None:
    tracking.delete_runs(experiment, list(removal.runs))
    try:
        if removal.experiment_goes:
            tracking.delete_experiment(experiment)
        elif removal.has_name_of_experiment and experiment.name not in removal.others:
            tracking.delete_texts(experiment)
    except WorkError as error:  # who may delete runs of a server need not be let do that
        say(f"{error}; it stays in MLflow")


def _refuse_needed(family: Family, known: list[Family]) -> None:
    name = family.study.study_name
    for study in family.studies:
        _refuse_running(study)
    for other in known:
        if other is family:
            continue
        origins = (
            str(trial.user_attrs.get(CARRIED_FROM, ""))
            for trial in other.study.get_trials(deepcopy=False)
        )
        if any(origin.startswith(f"{name}/") for origin in origins):
            later = other.study.study_name
            raise InputError(f"{later} goes on from trials of {name}: remove {later} first")


def _refuse_running(study: optuna.Study) -> None:
    trials = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    hosts = {host_of(trial) for trial in trials if _is_alive(trial.user_attrs)}
    if hosts or is_running(study):
        where = f" on {', '.join(sorted(hosts))}" if hosts else ""
        raise InputError(f"{study.study_name} runs now{where}; stop it with Ctrl-C there")


def _is_alive(attributes: dict[str, object]) -> bool:
    owner = owner_from_dict(attributes.get(OWNER))
    beat = attributes.get(BEAT)
    return owner is not None and not is_gone(owner, beat if isinstance(beat, float) else None)


def _find_runs(
    project: Path, family: Family, uri: str | None
) -> tuple[tracking.Experiment | None, list[str]]:
    place = recorded_place(family.study.user_attrs)
    if place is None:
        return None, []
    uri = recorded_uri(project, family.study.user_attrs, uri)
    id_ = place.id or tracking.experiment_of_run(project, uri, place.run)
    if id_ is None:
        return None, []
    names = [study.study_name for study in family.studies]
    keys = [study.user_attrs.get(RUN_KEY) for study in family.studies]
    marks = {*run_ids(family), *filter(None, keys)}
    experiment, runs = tracking.runs_of(project, uri, place.experiment, id_, names, marks)
    return experiment, sorted(runs, key=lambda run_id: run_id == place.run)
