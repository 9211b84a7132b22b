"""Files among a run's artifacts, read back."""

import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from segexp.credentials import without_credentials
from segexp.errors import InputError, WorkError, first_line
from segexp.tracking.client import client_of, is_server
from segexp.tracking.operations import RefusedError
from segexp.tracking.replay import id_of
from segexp.tracking.sender import pending_records
from segexp.tracking.spool import spool_of
from segexp.tracking.store import LOCAL_URI, open_experiment


def read_artifact(project: Path, uri: str | None, run_id: str, name: str) -> bytes:
    """Read a file among a run's artifacts.

    Args:
        project: The project directory; a relative SQLite path starts there.
        uri: As for `open_experiment`.
        run_id: The run, or the token of one that a server has created since.
        name: The artifact; may have folders.

    Raises:
        InputError: When the tracking store has no such run, or the run no such artifact.
        WorkError: When the store does not answer, or what it names is gone from the disk.
    """
    uri = uri or LOCAL_URI
    try:
        client, run_id, experiment = _find_run(project, uri, run_id)
        if uri.startswith("sqlite:///"):  # the project may have moved
            client = open_experiment(project, uri, experiment).client
        if name not in [file.path for file in client.list_artifacts(run_id, _folder(name))]:
            tags = client.get_run(run_id).data.tags
            kind, state = tags.get("segexp.kind", "run"), tags.get("segexp.state", "open")
            raise InputError(f"run {run_id} (a {kind}, {state}) has no artifact {name!r}")
        with tempfile.TemporaryDirectory() as directory:
            return Path(client.download_artifacts(run_id, name, directory)).read_bytes()
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise WorkError(
            f"{name} of run {run_id}: cannot be read: {without_credentials(first_line(error))}"
        ) from None


def _find_run(project: Path, uri: str, run_id: str) -> tuple[MlflowClient, str, str]:
    """Return a client, the run's id and the name of its experiment; nothing is created."""
    if uri.startswith("sqlite:///"):
        path, question_mark, options = uri.removeprefix("sqlite:///").partition("?")
        database = project / path
        if not database.is_file():
            raise InputError(f"no run {run_id!r}: there is no MLflow database {database} yet")
        uri = f"sqlite:///{database}{question_mark}{options}"
    client = client_of(uri)
    try:
        if is_server(uri):
            run_id = id_of(spool_of(project, uri), client, run_id)
        found = client.get_run(run_id)
    except RefusedError as error:
        waiting = pending_records(project, uri)
        way = f"; {waiting} records wait, `segexp sync` sends them" if waiting else ""
        raise InputError(f"no run {run_id!r} in {without_credentials(uri)}: {error}{way}") from None
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        shown = without_credentials(uri)
        raise InputError(f"no run {run_id!r} in {shown}; `mlflow ui` lists the runs") from None
    return client, run_id, client.get_experiment(found.info.experiment_id).name


def _folder(name: str) -> str | None:
    return name.rpartition("/")[0] or None
