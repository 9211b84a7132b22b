"""The bundle of a study's best trial, or of an MLflow run: here, or fetched from MLflow."""

import re
from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from segexp import tracking
from segexp.core.config import WORK_DIRECTORY, Config
from segexp.core.errors import InputError, WorkError, did_you_mean
from segexp.core.files import write_atomic
from segexp.evaluation.confusions import CONFUSIONS_FILE
from segexp.study.attributes import FILES, RUN_ID
from segexp.study.best import BestTrial, find_best
from segexp.study.recorded_place import recorded_uri
from segexp.study.storage.open import begun_studies, load_study, newest_revision, read_storage
from segexp.study.trial_files import directory_of, fetch_files
from segexp.study.view import view_study
from segexp.training.bundle_files import JSON_FILE, WEIGHTS_FILE

MOST_OF_FRONT = 4
"""Trials of a front whose models are compared with the baseline: more are too many to look at."""

_RUN = re.compile(r"[0-9a-f]{32}")


def find_recorded(
    project: Path, config: Config, name: str, say: Callable[[str], None]
) -> Path | str:
    """Return the bundle's directory of a study or a run, or why there is none of that name.

    Args:
        config: Its ``storage`` and ``tracking`` say where studies and runs are.

    Raises:
        InputError: When MLflow has no such run, the run no bundle, or the study is an A/B study.
        WorkError: When the study has no complete trial, or `fetch_files` raises it.
    """
    if _RUN.fullmatch(name):
        return _bundle_of_run(project, config, name, say)
    try:
        storage = read_storage(config.storage, project)
    except InputError as error:
        return str(error)
    known = optuna.get_all_study_names(storage)
    if name not in known:
        there = ", ".join(begun_studies(storage)) or "none"
        return f"no study {name!r}{did_you_mean(name, known)}, there are {there}"
    study = load_study(storage, name)
    found = find_best(study)
    if newer := newest_revision(storage, name):
        say(f"{newer} is a newer revision of {name}")
    return bundle_of_best(project, study, found, config.tracking.uri, say)


def bundle_of_best(
    project: Path,
    study: optuna.Study,
    found: BestTrial,
    uri: str | None,
    say: Callable[[str], None],
) -> Path:
    """Return the bundle's directory of a trial; it is fetched if the trial ran on another host.

    Args:
        uri: The tracking URI of the configuration.

    Raises:
        WorkError: When the trial keeps no model, or `fetch_files` raises it.
    """
    if found.result.bundle is not None:
        trial = study.get_trials(deepcopy=False)[found.number]
        _fetch(project, recorded_uri(project, study.user_attrs, uri), trial, say)
    return found.bundle(project)


def _fetch(project: Path, uri: str | None, trial: FrozenTrial, say: Callable[[str], None]) -> None:
    """Fetch the bundle of a trial, and its confusion matrices, which lie beside it.

    Raises:
        WorkError: When `fetch_files` raises it for the bundle: a model predicts without the rest.
    """
    fetch_files(project, uri, trial, "bundle/", say)
    if CONFUSIONS_FILE in trial.user_attrs.get(FILES, {}):
        try:
            fetch_files(project, uri, trial, CONFUSIONS_FILE, say)
        except WorkError as error:
            say(str(error))


def bundles_of_study(
    project: Path, config: Config, study: optuna.Study, say: Callable[[str], None]
) -> list[tuple[str, Path]]:
    """Return the bundles of a study's baseline, of its best trial, and of others on its front.

    Returns:
        What each is called, and its directory; the baseline, if it is complete, is the first.

    Raises:
        InputError: When it is an A/B study, or there is only one such trial.
        WorkError: When no trial is complete, one of them keeps no model, or it cannot be fetched.
    """
    found, baseline = find_best(study), view_study(study).baseline
    numbers = [each.number for each in found.front[:MOST_OF_FRONT]] or [found.number]
    if baseline is not None and baseline.state == "complete":
        numbers = list(dict.fromkeys([baseline.number, *numbers]))
    name, uri = study.study_name, config.tracking.uri
    if len(numbers) < 2:
        raise InputError(
            f"{name}: has one model, of trial {numbers[0]}, since no trial beat the baseline; name "
            f"another: segexp compare {name} MODEL"
        )
    return [
        (f"{name}, trial {n}", bundle_of_best(project, study, find_best(study, n), uri, say))
        for n in numbers
    ]


def trial_of_run(project: Path, config: Config, uri: str | None, run_id: str) -> FrozenTrial | None:
    """Return the trial of an MLflow run, if it left files whose digests are known.

    Raises:
        InputError: When the tracking store has no such run.
        WorkError: When the store does not answer.
    """
    tags = tracking.tags_of_run(project, uri, run_id)
    return _trial_of(_study_of(project, config, tags.get("segexp.study")), run_id)


def _bundle_of_run(project: Path, config: Config, run_id: str, say: Callable[[str], None]) -> Path:
    uri = config.tracking.uri
    tags = tracking.tags_of_run(project, uri, run_id)
    study = _study_of(project, config, tags.get("segexp.study"))
    if study is not None and tags.get("segexp.kind") == "study":
        return bundle_of_best(project, study, find_best(study), uri, say)
    trial = _trial_of(study, run_id)
    if trial is not None:  # its digests are known
        _fetch(project, uri, trial, say)
        return directory_of(project, trial) / "bundle"
    directory = project / WORK_DIRECTORY / "fetched" / run_id / "bundle"
    for name in (WEIGHTS_FILE, JSON_FILE):
        if not (directory / name).is_file():
            try:
                content = tracking.read_artifact(project, uri, run_id, f"bundle/{name}")
            except InputError as error:
                of_study = f" {study.study_name}" if study else ""
                raise InputError(
                    f"{error}: a model is kept of a study's baseline, and of a trial that is its "
                    f"best or was when it ended; name the study{of_study} for that of its best"
                ) from None
            try:
                write_atomic(directory / name, content)
            except OSError as error:
                raise WorkError(f"{directory}: cannot be written: {error.strerror}") from error
    return directory


def _study_of(project: Path, config: Config, name: str | None) -> optuna.Study | None:
    try:
        storage = read_storage(config.storage, project)
        return optuna.load_study(study_name=name, storage=storage) if name else None
    except (InputError, KeyError):  # no storage here, or another one
        return None


def _trial_of(study: optuna.Study | None, run_id: str) -> FrozenTrial | None:
    """Return the trial of a run that left a bundle whose digests are known."""
    trials = [] if study is None else study.get_trials(deepcopy=False)
    return next(
        (
            trial
            for trial in trials
            if trial.user_attrs.get(RUN_ID) == run_id
            and f"bundle/{JSON_FILE}" in trial.user_attrs.get(FILES, {})
        ),
        None,
    )
