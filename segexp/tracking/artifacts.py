"""Reads back the files among a run's artifacts, and deletes them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from segexp.core.credentials import without_credentials
from segexp.core.damaged_database import refuse_damaged_file
from segexp.core.database_url import DEFAULT_TRACKING, sqlite_file
from segexp.core.errors import InputError, WorkError, first_line
from segexp.core.moved_project import artifacts_now
from segexp.core.sqlite_file import reading_uri
from segexp.tracking.client import client_of, is_server, what_is_wrong
from segexp.tracking.operations import RefusedError
from segexp.tracking.replay import id_of
from segexp.tracking.sender import pending_records
from segexp.tracking.spool import spool_of


def read_artifact(project: Path, uri: str | None, run_id: str, name: str) -> bytes:
    """Read a file among a run's artifacts.

    Args:
        project: The project directory, to which a SQLite path may be relative.
        run_id: The run, or the token of one that a server has created since.
        name: The artifact; may have folders.

    Raises:
        InputError: When the tracking store has no such run, or the run no such artifact.
        WorkError: When the store does not answer, or the file is gone from the disk.
    """
    uri = uri or DEFAULT_TRACKING
    with _failing(f"{name} of run {run_id}: cannot be read"):
        client, run = _find_run(project, uri, run_id)
        place = _place_here(project, uri, run)
        if place is not None:
            if (place / name).is_file():
                return (place / name).read_bytes()
        elif name in [file.path for file in client.list_artifacts(run.info.run_id, _folder(name))]:
            with tempfile.TemporaryDirectory() as directory:
                path = client.download_artifacts(run.info.run_id, name, directory)
                return Path(path).read_bytes()
    tags = run.data.tags
    kind, state = tags.get("segexp.kind", "run"), tags.get("segexp.state", "open")
    raise InputError(f"run {run.info.run_id} (a {kind}, {state}) has no artifact {name!r}")


def read_folder(project: Path, uri: str | None, run_id: str, folder: str) -> dict[str, bytes]:
    """Read all files in a folder among a run's artifacts, by their names below it.

    The arguments are those of `read_artifact`.

    Returns:
        Nothing when the run has no such folder.

    Raises:
        InputError: When the tracking store has no such run.
        WorkError: When the store does not answer, or a file is gone from the disk.
    """
    uri = uri or DEFAULT_TRACKING
    with _failing(f"{folder} of run {run_id}: cannot be read"):
        client, run = _find_run(project, uri, run_id)
        place = _place_here(project, uri, run)
        if place is not None:
            return _files_below(place / folder)
        if not client.list_artifacts(run.info.run_id, folder):
            return {}
        with tempfile.TemporaryDirectory() as directory:
            return _files_below(Path(client.download_artifacts(run.info.run_id, folder, directory)))


def delete_folder(project: Path, uri: str | None, run_id: str, folder: str) -> None:
    """Delete a folder among a run's artifacts.

    Raises:
        InputError: When the tracking store has no such run, or the run no such folder (yet).
        WorkError: When the store does not answer, or deletes nothing.
    """
    uri = uri or DEFAULT_TRACKING
    with _failing(f"{folder} of run {run_id}: cannot be deleted"):
        client, run = _find_run(project, uri, run_id)
        if not client.list_artifacts(run.info.run_id, folder):
            raise InputError(f"run {run.info.run_id} has no artifacts in {folder!r}")
        store = get_artifact_repository(run.info.artifact_uri, client.tracking_uri)
        store.delete_artifacts(folder)  # type: ignore[no-untyped-call]


@contextmanager
def _failing(what: str) -> Iterator[None]:
    """Raise whatever a tracking store or the disk raises as a `WorkError` that begins with this."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise WorkError(f"{what}: {without_credentials(first_line(error))}") from None


def _place_here(project: Path, uri: str, run: Run) -> Path | None:
    """Return the folder of a run's artifacts, where MLflow keeps them in the project."""
    return artifacts_now(project, run.info.artifact_uri) if uri.startswith("sqlite:") else None


def _files_below(directory: Path) -> dict[str, bytes]:
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def tags_of_run(project: Path, uri: str | None, run_id: str) -> dict[str, str]:
    """Return the tags of a run.

    Raises:
        InputError: When the tracking store has no such run.
        WorkError: When the store does not answer.
    """
    with _failing(f"run {run_id}: cannot be read"):
        return dict(_find_run(project, uri or DEFAULT_TRACKING, run_id)[1].data.tags)


def experiment_of_run(project: Path, uri: str | None, run_id: str | None) -> str | None:
    """Return the id of the experiment that a run is in, deleted or not.

    None if there is no such run or store, or a server does not answer.
    """
    if run_id is None:
        return None
    try:
        return str(_find_run(project, uri or DEFAULT_TRACKING, run_id)[1].info.experiment_id)
    except (InputError, MlflowException, SQLAlchemyError, OSError):
        return None


def ask_store(project: Path, uri: str | None) -> None:
    """Ask a tracking store for an experiment; creates nothing, and needs no permission to write.

    Raises:
        InputError: When its database is not there yet, damaged or another MLflow's.
        WorkError: When it does not answer.
    """
    uri = uri or DEFAULT_TRACKING
    try:
        _reading_client(project, uri).search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise WorkError(f"{without_credentials(uri)}: {what_is_wrong(error)}") from None


def _reading_client(project: Path, uri: str, what: str = "") -> MlflowClient:
    file = sqlite_file(uri, project) if uri.startswith("sqlite:") else None
    if file is not None:
        if not file.is_file():
            raise InputError(f"{what}there is no MLflow database {file} yet")
        refuse_damaged_file("tracking.uri", file)
        database, _, options = reading_uri(file).partition("?")
        query = {**dict(parse_qsl(options)), "uri": "true"}
        uri = URL.create("sqlite", database=database, query=query).render_as_string()
    return client_of(uri)


def _find_run(project: Path, uri: str, run_id: str) -> tuple[MlflowClient, Run]:
    """Return a client and the run; creates nothing, and needs no permission to write."""
    shown = without_credentials(uri)
    client = _reading_client(project, uri, f"no run {run_id!r}: ")
    try:
        if is_server(uri):
            run_id = id_of(spool_of(project, uri), client, run_id)
        return client, client.get_run(run_id)
    except RefusedError as error:
        waiting = pending_records(project, uri)
        way = f"; {waiting} records wait, `segexp sync` sends them" if waiting else ""
        raise InputError(f"no run {run_id!r} in {shown}: {error}{way}") from None
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise InputError(f"no run {run_id!r} in {shown}; `mlflow ui` lists the runs") from None


def _folder(name: str) -> str | None:
    return name.rpartition("/")[0] or None
