"""A study opened in Optuna and in MLflow: made if it is missing, checked if it is there."""

import secrets
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from segexp import tracking
from segexp.core import failpoint
from segexp.core.config import WORK_DIRECTORY
from segexp.core.config_keys import flatten
from segexp.core.errors import InputError
from segexp.data.cache import Dataset
from segexp.data.warnings import data_warnings
from segexp.evaluation.evaluate import constant_scores
from segexp.evaluation.metrics import COMMON, metric_of
from segexp.study.attributes import (
    CARRIED_FROM,
    CONSTANT,
    DEFINITION,
    LISTED,
    PARTS_LABEL,
    RUN_ID,
    RUN_KEY,
    WARNINGS,
)
from segexp.study.changes import change_faults, definition_changes, is_known
from segexp.study.config import StudyConfig
from segexp.study.data_record import log_data
from segexp.study.definition import PRECISION as PRECISION_KEY
from segexp.study.definition import with_known_precision
from segexp.study.plan import ListPlan, SearchPlan, StudyPlan
from segexp.study.pruners import make_pruner
from segexp.study.reconcile import close_records
from segexp.study.recorded_place import open_recorded, remember_place
from segexp.study.storage.access import replace_attribute, storage_of
from segexp.study.storage.several import directions_of
from segexp.study.storage.study_lock import files_lock_of, study_lock
from segexp.study.study_runs import FOR_STUDY_RUN, find_run, new_run_instead, note_run

_MAY_CHANGE = ("sampler", "pruner", "trials")


@dataclass(frozen=True)
class OpenStudy:
    """A study under way: its plan, data and records.

    Attributes:
        study: Optuna's record.
        parent: The run below which the trials' runs are.
    """

    plan: SearchPlan | ListPlan
    dataset: Dataset
    study: optuna.Study
    experiment: tracking.Experiment
    parent: tracking.Run

    @property
    def lock(self) -> Path:
        """The lock of the project's processes under which files of trials are deleted."""
        return files_lock_of(self.plan.base.project, self.plan.base.study.name)

    def deciding(self) -> AbstractContextManager[None]:
        """Hold the lock under which trials are taken and closed, of one process at a time."""
        base = self.plan.base
        return study_lock(storage_of(self.study), base.project, base.study.name)

    def directory(self, trial: int) -> Path:
        """Return where the checkpoints and the bundle of a trial are."""
        studies = self.plan.base.project / WORK_DIRECTORY / "studies"
        # Another storage may have a study of the same name; the run tells the two apart.
        name = f"{self.study.study_name}-{self.parent.id[:8]}"
        return studies / name / f"trial-{trial:04d}"


@dataclass(frozen=True)
class Place:
    """Where a study is recorded that is part of another: below a run that others end."""

    experiment: tracking.Experiment
    run: tracking.Run


def join_study(
    plan: SearchPlan | ListPlan,
    dataset: Dataset,
    storage: BaseStorage,
    experiment: tracking.Experiment,
    parent: tracking.Run,
) -> OpenStudy:
    """Open a study that another process has opened: nothing is made, checked or recorded."""
    study = optuna.load_study(
        study_name=plan.base.study.name, storage=storage, pruner=_make_pruner(plan.base)
    )
    return OpenStudy(plan, dataset, study, experiment, parent)


def open_study(
    plan: SearchPlan | ListPlan,
    dataset: Dataset,
    storage: BaseStorage,
    now: Dict[str, Any],
    place: Place | None = None,
    *,
    carried: Sequence[FrozenTrial] = (),
    say: Callable[[str], None] = lambda line: None,
) -> OpenStudy:
    """Open a study, and make it with its first trials queued if it is not there yet.

    Args:
        now: What the study means: `segexp.study.definition.definition` of plan and data.
        carried: Finished trials that a new study begins with; see `segexp.study.revision`.
        say: Shows one line, about where the study is recorded.

    Raises:
        InputError: When a study of this name means something else, or the tracking URI is invalid.
        WorkError: When the storage or the tracking server does not answer.
    """
    base, name = plan.base, plan.base.study.name
    with study_lock(storage, base.project, name):
        is_new = not is_known(storage, name, now, dataset.root, revisable=not base.is_part)
        # Before the study: an invalid tracking URI must not leave half a study behind.
        if place is None:
            experiment = open_recorded(base.project, base.config.tracking, storage, name, say)
        else:
            experiment = place.experiment
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=directions_of(len(base.study.costs)),
            load_if_exists=True,
            pruner=_make_pruner(base),
        )
        failpoint.passed("study_create")
        if len(study.directions) != 1 + len(base.study.costs):  # made, and not begun
            raise InputError(
                f"study {name!r} was made for {len(study.directions)} objectives, now they are "
                f"{', '.join(base.study.objectives)}; take another --study-name"
            )
        if is_new:
            if isinstance(plan, SearchPlan):
                _put_first(study, plan.baseline, carried)
            study.set_user_attr(CONSTANT, _constant(base, dataset))
            study.set_user_attr(LISTED, isinstance(plan, ListPlan))
        warnings = data_warnings(dataset, [*base.mappings.values()])
        if study.user_attrs.get(WARNINGS) != warnings:  # this segexp may find more
            study.set_user_attr(WARNINGS, warnings)
        if is_new:
            # Last: a study that has it is whole. Of hosts that begin at once, one decides.
            begun = replace_attribute(study, DEFINITION, None, dict(now))
            changes = [
                change
                for change in definition_changes(begun, now)
                if not (base.is_mixed and change.key == PRECISION_KEY)
            ]
            if faults := change_faults(name, changes, dataset.root):
                raise InputError(faults)
        elif line := _adopt_precision(study):
            say(line)
        if place is None:
            noted = study.user_attrs.get(RUN_ID)
            parent = _open_parent_run(base, dataset, study, experiment)
            _record_search(parent, base.study)
            if line := new_run_instead(noted, parent, f"study {name!r}"):
                say(line)
        else:
            parent = place.run
            study.set_user_attr(RUN_ID, parent.id)
        remember_place(study, experiment)
        close_records(study, parent)
    return OpenStudy(plan, dataset, study, experiment, parent)


def _adopt_precision(study: optuna.Study) -> str | None:
    """Note what `auto` precision comes to in a study that was begun before this was noted."""
    stored = study.user_attrs[DEFINITION]
    known = with_known_precision(stored)
    if known is None:
        return None
    found = replace_attribute(study, DEFINITION, stored, known)
    return (
        f"study {study.study_name!r} did not say what {PRECISION_KEY} auto came to: it is taken to "
        f"be {found[PRECISION_KEY]}, as here, from now on"
    )


def _put_first(
    study: optuna.Study, baseline: Dict[str, Any], carried: Sequence[FrozenTrial]
) -> None:
    """Give a new study the trials that it begins with, the baseline as its number 0."""
    known = {trial.user_attrs.get(CARRIED_FROM) for trial in study.get_trials(deepcopy=False)}
    if dict(baseline) not in [trial.params for trial in carried]:
        study.enqueue_trial(dict(baseline), skip_if_exists=True)
    for trial in carried:
        if trial.user_attrs[CARRIED_FROM] not in known:  # a process may have died in this loop
            study.add_trial(trial)


def _constant(plan: StudyPlan, dataset: Dataset) -> dict[str, Any]:
    objective = plan.study.score
    metric, ruler = metric_of(objective)
    space = plan.common if ruler == COMMON else next(iter(plan.mappings.values()))
    return {**constant_scores(dataset, space, metric), "objective": objective}


def _make_pruner(plan: StudyPlan) -> BasePruner:
    # The parts of a study are pruned by the same rules, whatever they are called.
    label = PARTS_LABEL if plan.is_part else plan.study.name
    return make_pruner(plan.study.pruner, plan.config.training.epochs, label)


def _open_parent_run(
    plan: StudyPlan, dataset: Dataset, study: optuna.Study, experiment: tracking.Experiment
) -> tracking.Run:
    noted, key = study.user_attrs.get(RUN_ID), study.user_attrs.get(RUN_KEY)
    parent = find_run(experiment, noted, key)
    if parent is None:
        key = replace_attribute(study, RUN_KEY, key, secrets.token_hex(8))
        tags = {
            RUN_KEY: key,
            "segexp.kind": "study",
            "segexp.study": plan.study.name,
            "segexp.dataset": dataset.name,
            "segexp.dataset_hash": dataset.hash,
            "segexp.common_space": plan.common.name,
        }
        params = flatten(
            plan.study.model_dump(
                mode="json", exclude={"space", "baseline", "exclude", "constraints", *_MAY_CHANGE}
            )
        )
        parent = tracking.start_run(
            experiment, study.study_name, tags, params, patience=FOR_STUDY_RUN
        )
        failpoint.passed("run_opened")
    if noted != parent.id:
        tracking.log_yaml(parent, plan.config.to_dict(), "config.yaml")
        for mapping in plan.mappings.values():
            tracking.log_yaml(parent, mapping.to_dict(), f"mappings/{mapping.name}.yaml")
        tracking.log_yaml(parent, plan.common.to_dict(), "common_space.yaml")
        log_data(parent, dataset)
        # Last: a run that is noted is whole.
        parent = note_run(study, noted, parent)
    return parent


def _record_search(parent: tracking.Run, study: StudyConfig) -> None:
    """Record as tags what may differ when a study is resumed; params of MLflow cannot change."""
    tracking.set_tags(
        parent,
        {
            "segexp.sampler": in_words(study.sampler.model_dump()),
            "segexp.pruner": in_words(study.pruner.model_dump()),
            "segexp.trials": str(study.trials),
        },
    )
    tracking.log_yaml(parent, study.model_dump(mode="json"), "study.yaml")


def in_words(content: dict[str, Any]) -> str:
    """Write a sampler or a pruner in a line, such as ``tpe seed=0 n_startup_trials=20``."""
    name, options = content.pop("name"), content.pop("options")
    return " ".join([name, *(f"{key}={value}" for key, value in {**content, **options}.items())])
