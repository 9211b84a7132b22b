"""Where a study is recorded in MLflow: it remembers the place, and stays there.

Optuna's storage has the tracking URI, without credentials, and the experiment's id, which a new
name does not change. Records that would be split over two places are refused or reported.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage

from segexp import tracking
from segexp.core.config import TrackingConfig
from segexp.core.credentials import is_same_place, url_without_credentials, without_credentials
from segexp.core.database_url import DEFAULT_TRACKING, sqlite_file
from segexp.core.errors import InputError, WorkError
from segexp.study.attributes import RUN_ID, TRACKING

VARIABLE = "MLFLOW_TRACKING_URI"


@dataclass(frozen=True)
class RecordedPlace:
    """Where a study is recorded.

    Attributes:
        uri: The tracking URI without credentials; a SQLite file of the project by its relative
            path, None for the project's own ``mlflow.db``.
        experiment: The experiment's name when the study was last opened.
        id: The experiment's id; None for a study of an earlier version.
        run: The study's run; None when it was never noted.
    """

    uri: str | None
    experiment: str
    id: str | None
    run: str | None

    def __str__(self) -> str:
        return self.uri or "mlflow.db of the project"


def recorded_place(attributes: Mapping[str, Any]) -> RecordedPlace | None:
    """Read where a study is recorded from its attributes; None if it is not yet."""
    if TRACKING not in attributes:
        return None
    uri, experiment, *more = attributes[TRACKING]
    return RecordedPlace(uri, experiment, more[0] if more else None, attributes.get(RUN_ID))


def recorded_uri(
    project: Path, attributes: Mapping[str, Any], configured: str | None
) -> str | None:
    """Return the tracking URI by which a study's records are found.

    The configured one if it names the same place, since it has the credentials; or if the study is
    recorded in a file of its project, and this is another one.
    """
    place = recorded_place(attributes)
    if place is None:
        return configured
    if configured is None:
        return place.uri
    own = sqlite_file(place.uri or DEFAULT_TRACKING, project)
    is_elsewhere = own is not None and own.is_relative_to(project) and not own.is_file()
    return configured if is_elsewhere or _is_same(project, configured, place.uri) else place.uri


def remember_place(study: optuna.Study, experiment: tracking.Experiment) -> None:
    """Note in a study where it is recorded."""
    place = [_relative(experiment.project, experiment.uri), experiment.name, experiment.id]
    if study.user_attrs.get(TRACKING) != place:
        study.set_user_attr(TRACKING, place)


def open_recorded(
    project: Path,
    wanted: TrackingConfig,
    storage: BaseStorage,
    study: str,
    say: Callable[[str], None],
) -> tracking.Experiment:
    """Open the experiment that a study is recorded in, or is to be.

    A study stays where it was begun unless another place is asked for. That is refused as long as
    the study's run is where it was: its trials would be split. While its tracking server is away, a
    study is opened from what it remembers.

    Args:
        storage: Optuna's storage, which need not know the study.

    Raises:
        InputError: When another place is asked for, or `segexp.tracking.open_experiment` raises it.
        WorkError: When a tracking server does not answer.
    """
    try:
        known = recorded_place(optuna.load_study(study_name=study, storage=storage).user_attrs)
    except KeyError:
        known = None
    if known is None:
        name = wanted.experiment or study
        experiment = tracking.open_experiment(project, wanted.uri, name)
    else:
        experiment = _open_known(project, wanted, known, study, say)
    if line := ignored_variable(experiment):
        say(line)
    return experiment


def ignored_variable(experiment: tracking.Experiment) -> str | None:
    """Say so if MLFLOW_TRACKING_URI names another place than the one that is recorded in."""
    named = os.environ.get(VARIABLE)
    if not named or _is_same(experiment.project, named, experiment.uri):
        return None
    place = _relative(experiment.project, experiment.uri) or "mlflow.db of the project"
    return (
        f"{VARIABLE} ({url_without_credentials(named)}) is not used: recorded in {place}; name "
        "another place with --set tracking.uri=URI, or in config.yaml"
    )


def _open_known(
    project: Path,
    wanted: TrackingConfig,
    known: RecordedPlace,
    study: str,
    say: Callable[[str], None],
) -> tracking.Experiment:
    uri, id_ = known.uri, known.id
    if wanted.uri is None and uri is not None:
        say(f"study {study!r} is recorded in {known}, as before")
    elif wanted.uri is not None:
        uri = wanted.uri  # with its credentials
        # The same run there: a server that moved, or goes by another name.
        if not _is_same(project, uri, known.uri) and not _has_run(project, uri, known):
            if _has_run(project, known.uri, known):
                raise InputError(
                    f"tracking.uri: {without_credentials(uri)}: study {study!r} is recorded in "
                    f"{known}; resume it there with --set "
                    f"tracking.uri={known.uri or DEFAULT_TRACKING}"
                    ", or begin another study with --study-name"
                )
            say(
                f"the run of study {study!r} is not found in {known} any more: from now on it is "
                f"recorded in {without_credentials(uri)}"
            )
            id_ = None
    id_ = id_ or tracking.experiment_of_run(project, uri, known.run)
    name = wanted.experiment or known.experiment
    try:
        experiment = tracking.open_experiment(project, uri, name, id_)
    except WorkError:
        if uri is None or id_ is None or not tracking.is_server(uri):
            raise
        # Others record there already; what is recorded here waits until the server is back.
        return tracking.join_experiment(project, uri, id_, known.experiment)
    if name not in (experiment.name, known.experiment):
        raise InputError(
            f"tracking.experiment: {name!r}: study {study!r} is recorded in the experiment "
            f"{experiment.name!r}; leave it out to resume there, rename that one in MLflow, or "
            "begin another study with --study-name"
        )
    if experiment.name != known.experiment:
        say(f"the MLflow experiment {known.experiment!r} is called {experiment.name!r} now")
    if known.id is not None and known.id != experiment.id and id_ is not None:
        say(
            f"the MLflow experiment {known.experiment!r} is not in {known} any more: the study's "
            "records begin anew"
        )
    return experiment


def _has_run(project: Path, uri: str | None, known: RecordedPlace) -> bool:
    return tracking.experiment_of_run(project, uri, known.run) is not None


def _is_same(project: Path, uri: str | None, other: str | None) -> bool:
    return is_same_place(_relative(project, uri), _relative(project, other))


def _relative(project: Path, uri: str | None) -> str | None:
    """Return a tracking URI without credentials and, where it may be, without the project's path.

    So a study is found again when its project was moved.
    """
    uri = uri or DEFAULT_TRACKING
    file = sqlite_file(uri, project)
    if file is None:
        return without_credentials(tracking.address_of(uri) if tracking.is_server(uri) else uri)
    project, file = project.resolve(), file.resolve()
    if not file.is_relative_to(project):
        return f"sqlite:///{file}"
    inside = f"sqlite:///{file.relative_to(project)}"
    return None if inside == DEFAULT_TRACKING else inside
