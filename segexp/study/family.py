"""What there is of a study: other studies below it, and its folders in the project."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.storages import BaseStorage

from segexp.core.config import WORK_DIRECTORY
from segexp.core.errors import InputError
from segexp.core.files import inside, name_fault
from segexp.study.attributes import DEFINITION, LISTED, PART_RUNS, PARTS, RUN_ID
from segexp.study.results_folder import results_folder, results_lock
from segexp.study.storage.open import part_studies
from segexp.study.storage.study_lock import begin_of, files_lock_of, lock_of

_RUN_ID = re.compile(r"[0-9a-f]{24,32}(-pending)?")
"""MLflow's ids, and tokens in their place: a storage is not trusted with names of folders."""


@dataclass(frozen=True)
class Family:
    """A study that people began, with those below it.

    Attributes:
        below: Of an A/B study: the searches of its arms, and what trains what they found.
    """

    study: optuna.Study
    below: tuple[optuna.Study, ...] = ()

    @property
    def studies(self) -> list[optuna.Study]:
        """All of it, the study itself last."""
        return [*self.below, self.study]

    @property
    def is_ab(self) -> bool:
        """Whether it is an A/B study."""
        attributes = self.study.user_attrs
        return PARTS in attributes.get(DEFINITION, {}) or PART_RUNS in attributes


def named_parts(storage: BaseStorage, study: optuna.Study) -> list[tuple[str, optuna.Study]]:
    """Return the studies below a study of several parts, each with the name of its part."""
    parts = study.user_attrs.get(PART_RUNS, {})
    found = []
    for other in _below(study, _all_studies(storage).values()):
        # The name of a part may begin with another's.
        own = [p for p in parts if f"{other.study_name}-".startswith(f"{study.study_name}-{p}-")]
        found.append((max(own, key=len), other))
    return found


def families(storage: BaseStorage) -> list[Family]:
    """Return the studies of a storage, by name; those of an A/B study are below it."""
    studies = _all_studies(storage)
    below = {name: _below(study, studies.values()) for name, study in studies.items()}
    children = {child.study_name for each in below.values() for child in each}
    return [Family(studies[name], tuple(below[name])) for name in sorted(studies.keys() - children)]


def _all_studies(storage: BaseStorage) -> dict[str, optuna.Study]:
    names = optuna.get_all_study_names(storage)
    return {name: optuna.load_study(study_name=name, storage=storage) for name in names}


def _below(study: optuna.Study, studies: Iterable[optuna.Study]) -> list[optuna.Study]:
    parts = part_studies(study)
    beginnings = tuple(f"{part}-" for part in parts)
    return [
        other
        for other in studies
        if other.study_name in parts
        or (beginnings and other.study_name.startswith(beginnings) and other.user_attrs.get(LISTED))
    ]


def own_folders(project: Path, family: Family) -> list[Path]:
    """Return the folders in a project that have nothing but what a study left, if they are there.

    Checkpoints, models, answers, what was fetched, and its results folder; not what MLflow keeps.
    """
    if any(name_fault("study name", study.study_name) for study in family.studies):
        return []  # of a stranger's database
    work = project / WORK_DIRECTORY
    places = [results_folder(project, family.study)]
    for study in family.studies:
        for run_id in _valid([study.user_attrs.get(RUN_ID)]):
            name = f"{study.study_name}-{run_id[:8]}"
            places += [work / "studies" / name, work / "ab" / name]
    places += [work / "fetched" / run_id for run_id in run_ids(family)]
    return _there(project, places)


def own_locks(project: Path, family: Family) -> list[Path]:
    """Return the files that are there to be locked while its studies run or are written."""
    names = [study.study_name for study in family.studies]
    if any(name_fault("study name", name) for name in names):
        return []
    places = [lock(project, name) for name in names for lock in (lock_of, files_lock_of)]
    # Another study of the file that it was named after makes its own again.
    begun = lock_of(project, begin_of("*"))
    for place in begun.parent.glob(begun.name):
        first = place.name.removesuffix(begun.name.removeprefix("*"))
        if names[0] == first or names[0].startswith(f"{first}-"):
            places.append(place)
    places.append(results_lock(project, family.study))
    return [place for place in places if place.is_file()]


def artifact_folders(project: Path, family: Family) -> list[Path]:
    """Return the folders of its runs' artifacts, where MLflow keeps them in the project."""
    ids = set(run_ids(family))
    return _there(project, [path for path in project.glob("mlruns/*/*") if path.name in ids])


def run_ids(family: Family) -> list[str]:
    """Return the runs of its studies, their parts and trials: MLflow's ids, or tokens."""
    found: list[object] = []
    for study in family.studies:
        marks = [study.user_attrs, *(t.user_attrs for t in study.get_trials(deepcopy=False))]
        found += [each[RUN_ID] for each in marks if RUN_ID in each]
        found += study.user_attrs.get(PART_RUNS, {}).values()
    return _valid(found)


def _valid(run_ids: Iterable[object]) -> list[str]:
    return [run_id for run_id in run_ids if isinstance(run_id, str) and _RUN_ID.fullmatch(run_id)]


def _there(project: Path, places: Sequence[Path]) -> list[Path]:
    found = []
    for place in places:
        try:
            if inside(project, place.relative_to(project)).is_dir():
                found.append(place)
        except InputError:  # a link that leads out
            continue
    return found
