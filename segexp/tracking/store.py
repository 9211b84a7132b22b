"""Where MLflow keeps what it records: stores and experiments, opened or made."""

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from segexp.config import WORK_DIRECTORY
from segexp.errors import InputError, WorkError, first_line
from segexp.files import locked
from segexp.storage import use_write_ahead_log

LOCAL_URI = "sqlite:///mlflow.db"


@dataclass(frozen=True)
class Experiment:
    """An MLflow experiment: one study."""

    client: MlflowClient
    id: str
    name: str


def open_experiment(project: Path, uri: str | None, name: str) -> Experiment:
    """Open an experiment of a tracking store, and create both where they are missing.

    Args:
        project: The project directory; a relative SQLite path starts there.
        uri: An MLflow tracking URI; None is ``mlflow.db`` and ``mlruns/`` in the project, where a
            bare ``mlflow ui`` looks.
        name: The experiment's name.

    Raises:
        InputError: When the URI is none that MLflow takes or its database cannot be opened, or
            the experiment was deleted.
        WorkError: When a tracking server does not answer.
    """
    uri = uri or LOCAL_URI
    try:
        if uri.startswith("sqlite:///"):
            return _open_sqlite(project, uri.removeprefix("sqlite:///"), name)
        return _get_or_create(MlflowClient(tracking_uri=uri), name, None)
    except MlflowException as error:
        message = f"tracking.uri: {uri}: {first_line(error)}"
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise InputError(message) from None
        raise WorkError(message) from None
    except (SQLAlchemyError, ImportError) as error:
        raise InputError(f"tracking.uri: {uri}: cannot be opened: {first_line(error)}") from None


def _open_sqlite(project: Path, path: str, name: str) -> Experiment:
    path, question_mark, options = path.partition("?")
    database = project / path
    artifacts = project / "mlruns" / name
    # A new database is migrated for seconds; several processes that do it at once break it.
    with locked(project / WORK_DIRECTORY / "mlflow.lock"):
        is_new = not database.is_file()
        if not is_new and path == LOCAL_URI.removeprefix("sqlite:///"):
            _follow_move(database, name, artifacts)
        client = MlflowClient(tracking_uri=f"sqlite:///{database}{question_mark}{options}")
        experiment = _get_or_create(client, name, artifacts.as_uri())
        if is_new:
            use_write_ahead_log(database)
    return experiment


def _follow_move(database: Path, name: str, artifacts: Path) -> None:
    """Point a project's runs at its own ``mlruns/`` after the project was moved or copied.

    MLflow stores absolute paths and has no call to change them; without this, artifacts of a
    moved project would be looked for, and new ones written, where it was before.
    """
    here = artifacts.parent.as_uri()
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        if not {("experiments",), ("runs",)} <= set(tables):
            return
        query = "SELECT artifact_location FROM experiments WHERE name = ?"
        (location,) = connection.execute(query, (name,)).fetchone() or ("",)
        there = location.rpartition("/")[0]
        if not there.endswith("/mlruns") or there == here:
            return
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                f"WHERE substr({column}, 1, ?) = ?",
                (here, len(there) + 1, len(there) + 1, f"{there}/"),
            )


def _get_or_create(client: MlflowClient, name: str, artifacts: str | None) -> Experiment:
    found = client.get_experiment_by_name(name)
    if found is None:
        return Experiment(client, client.create_experiment(name, artifacts), name)
    if found.lifecycle_stage == "deleted":
        raise InputError(
            f"the MLflow experiment {name!r} was deleted; restore it with "
            f"`mlflow experiments restore -x {found.experiment_id}` or name another "
            "with --set tracking.experiment=NAME"
        )
    return Experiment(client, found.experiment_id, name)


def read_artifact(project: Path, uri: str | None, run_id: str, name: str) -> bytes:
    """Read a file among a run's artifacts.

    Args:
        project: The project directory; a relative SQLite path starts there.
        uri: As for `open_experiment`.
        run_id: The run.
        name: The artifact; may have folders.

    Raises:
        InputError: When the tracking store has no such run, or the run no such artifact.
        WorkError: When the store does not answer, or what it names is gone from the disk.
    """
    uri = uri or LOCAL_URI
    try:
        client, experiment = _find_run(project, uri, run_id)
        if uri.startswith("sqlite:///"):  # the project may have moved
            client = open_experiment(project, uri, experiment).client
        if name not in [file.path for file in client.list_artifacts(run_id, _folder(name))]:
            tags = client.get_run(run_id).data.tags
            kind, state = tags.get("segexp.kind", "run"), tags.get("segexp.state", "open")
            raise InputError(f"run {run_id} (a {kind}, {state}) has no artifact {name!r}")
        with tempfile.TemporaryDirectory() as directory:
            return Path(client.download_artifacts(run_id, name, directory)).read_bytes()
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise WorkError(f"{name} of run {run_id}: cannot be read: {first_line(error)}") from None


def _find_run(project: Path, uri: str, run_id: str) -> tuple[MlflowClient, str]:
    """Return a client and the name of the run's experiment; nothing is created."""
    if uri.startswith("sqlite:///"):
        path, question_mark, options = uri.removeprefix("sqlite:///").partition("?")
        database = project / path
        if not database.is_file():
            raise InputError(f"no run {run_id!r}: there is no MLflow database {database} yet")
        uri = f"sqlite:///{database}{question_mark}{options}"
    client = MlflowClient(tracking_uri=uri)
    try:
        found = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise InputError(f"no run {run_id!r} in {uri}; `mlflow ui` lists the runs") from None
    return client, client.get_experiment(found.info.experiment_id).name


def _folder(name: str) -> str | None:
    return name.rpartition("/")[0] or None
