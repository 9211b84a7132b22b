"""MLflow's stores and experiments, opened or created."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Experiment as MlflowExperiment
from mlflow.exceptions import MlflowException
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from segexp.core.credentials import without_credentials
from segexp.core.database_url import DEFAULT_TRACKING, sqlite_file
from segexp.core.disk import refuse_network_file_system
from segexp.core.errors import InputError, WorkError, first_line
from segexp.core.files import locked, may_write
from segexp.core.moved_project import follow_move
from segexp.core.sqlite_file import fill_empty, has_tables, use_write_ahead_log
from segexp.tracking.client import client_of, what_is_wrong, with_driver
from segexp.tracking.schema import make_tables
from segexp.tracking.sender import start_sending


@dataclass(frozen=True)
class Experiment:
    """An MLflow experiment: one study.

    Attributes:
        uri: The tracking URI; the path of a SQLite file is absolute.
    """

    project: Path
    uri: str
    id: str
    name: str

    @property
    def client(self) -> MlflowClient:
        """This process's client of the tracking store."""
        return client_of(self.uri)


def open_experiment(
    project: Path, uri: str | None, name: str, experiment_id: str | None = None
) -> Experiment:
    """Open an experiment of a tracking store, and create both if they are missing.

    Records that an earlier process left for a tracking server are sent from now on.

    Args:
        project: The project directory; a relative SQLite path starts there.
        uri: An MLflow tracking URI; None is ``mlflow.db`` and ``mlruns/`` in the project, where a
            bare ``mlflow ui`` looks.
        experiment_id: If known; an experiment of this id is opened whatever its name.

    Raises:
        InputError: When MLflow does not take the URI, its database cannot be opened, or the
            experiment was deleted.
        WorkError: When a tracking server does not answer.
    """
    uri, project = uri or DEFAULT_TRACKING, project.absolute()
    shown = without_credentials(uri)
    try:
        database = sqlite_file(uri, project) if uri.startswith("sqlite:") else None
        if database is not None:
            return _open_sqlite(project, make_url(uri), database, name, experiment_id)
        found = _get_or_create(client_of(uri), name, None, experiment_id)
        experiment = Experiment(project, uri, *found)
    except MlflowException as error:
        message = f"tracking.uri: {shown}: {what_is_wrong(error)}"
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise InputError(message) from None
        raise WorkError(
            f"{message}; start that server, or record in the project with --set "
            "tracking.uri=sqlite:///mlflow.db: only a begun study can do without its server"
        ) from None
    except (SQLAlchemyError, sqlite3.Error, ImportError) as error:
        raise InputError(
            f"tracking.uri: {shown}: cannot be opened: {without_credentials(first_line(error))}"
        ) from None
    start_sending(project, uri)
    return experiment


def join_experiment(project: Path, uri: str, experiment: str, name: str) -> Experiment:
    """Use an experiment of a server that others have opened, without asking the server."""
    start_sending(project.absolute(), uri)
    return Experiment(project.absolute(), uri, experiment, name)


def _open_sqlite(
    project: Path, url: URL, database: Path, name: str, experiment_id: str | None
) -> Experiment:
    refuse_network_file_system(database, "tracking.uri")
    artifacts = project / "mlruns" / name
    uri = url.set(database=str(database)).render_as_string()
    # To migrate a new database takes seconds, and several processes at once break it. The lock is
    # beside it: other projects may record there, too.
    with _locked(database):
        is_new = _is_new(database)
        if is_new:
            _make_database(database)
        client = client_of(uri)  # refuses a database of another version
        if not is_new and database.resolve().is_relative_to(project.resolve()):
            follow_move(project, name, database)
        found = _get_or_create(client, name, artifacts.as_uri(), experiment_id)
    return Experiment(project, uri, *found)


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    if not database.parent.is_dir():
        raise InputError(f"tracking.uri: {database}: there is no folder {database.parent}")
    lock = database.with_name(f".{database.name}.lock")
    if not may_write(lock):
        raise InputError(f"tracking.uri: {database}: {database.parent} cannot be written")
    with locked(lock):
        yield


def _is_new(database: Path) -> bool:
    try:
        return not has_tables(database)
    except (OSError, sqlite3.Error):
        return False  # `client_of` says what is wrong with it


def _make_database(database: Path) -> None:
    """Make MLflow's tables in a database without any; the caller holds the lock.

    They are made in another file first: MLflow cannot open a database whose migration was cut short
    by a kill.
    """
    for leftover in database.parent.glob(f".{database.name}.*.building*"):
        leftover.unlink(missing_ok=True)
    building = database.with_name(f".{database.name}.{secrets.token_hex(6)}.building")
    try:
        make_tables(with_driver(URL.create("sqlite", database=str(building)).render_as_string()))
        use_write_ahead_log(database)
        fill_empty(database, building)
    finally:
        building.unlink(missing_ok=True)


def _get_or_create(
    client: MlflowClient, name: str, artifacts: str | None, experiment_id: str | None
) -> tuple[str, str]:
    """Return the id and the name of the experiment with an id, or else with a name."""
    found = _experiment_of_id(client, experiment_id) if experiment_id is not None else None
    try:
        if found is None:
            found = client.get_experiment_by_name(name)
        if found is None:
            return str(client.create_experiment(name, artifacts)), name
    except MlflowException as error:
        # Another process may have been faster.
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
    if found.lifecycle_stage == "deleted":
        raise InputError(
            f"the MLflow experiment {found.name!r} was deleted; restore it with "
            f"`mlflow experiments restore -x {found.experiment_id}` or name another "
            "with --set tracking.experiment=NAME"
        )
    return str(found.experiment_id), str(found.name)


def _experiment_of_id(client: MlflowClient, experiment_id: str) -> MlflowExperiment | None:
    try:
        return client.get_experiment(experiment_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return None  # the id is from a database that was deleted
