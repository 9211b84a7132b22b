"""MLflow's own pages: their addresses, and a server for them on this machine."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from mlflow.exceptions import MlflowException
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from segexp.core.credentials import without_credentials
from segexp.core.database_url import DEFAULT_TRACKING, sqlite_file
from segexp.core.errors import InputError, WorkError
from segexp.tracking.client import client_of

HOST = "127.0.0.1"

_TYPE = "workflowType=machine_learning"

VIEW = "segexp"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
"""The tag of an experiment in which MLflow looks for the view."""

# In seconds.
_TO_START = 120.0  # importing MLflow takes 10 to 25 on a busy machine
_TO_END = 5.0
_LOOK_EVERY = 0.2


def leaderboard_address(server: str, experiment: str, metric: str) -> str:
    """Return where MLflow shows the runs of an experiment in one list, the highest metric first.

    Args:
        server: The address of a server, such as ``http://127.0.0.1:5000``.
        experiment: The experiment's id.
        metric: Such as ``best/miou_common``.
    """
    key = quote(f"metrics.`{metric}`", safe="")
    return (
        f"{server.rstrip('/')}/#/experiments/{experiment}/runs"
        f"?{_TYPE}&orderByKey={key}&orderByAsc=false"
    )


def share_view(project: Path, uri: str | None, experiment: str, metric: str) -> bool:
    """Keep a view of an experiment's runs that has their scores as columns, the best first.

    In a browser that is new to an experiment MLflow shows no metric, but it opens a view that a tag
    of the experiment holds; see its ``useSharedExperimentViewState.ts``.

    Args:
        uri: Of a database.
        metric: Such as ``best/miou_common``.

    Returns:
        Whether the database could be written.

    Raises:
        InputError: When there is no such database, or it is of another version.
    """
    client = client_of(_checked(project, uri or DEFAULT_TRACKING))
    score = f"metrics.`{metric}`"
    state = {
        "selectedColumns": [score, f"metrics.`{metric.replace('best/', 'heldout/')}`"],
        "orderByKey": score,
        "orderByAsc": False,
    }
    try:
        client.set_experiment_tag(experiment, VIEW_TAG, json.dumps(state))
    except (MlflowException, SQLAlchemyError):
        return False
    return True


def view_address(server: str, experiment: str) -> str:
    """Return where MLflow shows the runs of an experiment in the view of `share_view`."""
    return f"{server.rstrip('/')}/#/experiments/{experiment}/runs?{_TYPE}&viewStateShareKey={VIEW}"


def run_address(experiment: str, run_id: str) -> str:
    """Return where MLflow's UI shows a run, from any other page of that UI.

    Without the type MLflow 3 shows a browser that is new to it a run of a language model.
    """
    return f"#/experiments/{experiment}/runs/{run_id}?{_TYPE}"


@contextmanager
def served(project: Path, uri: str | None, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `mlflow ui` for a tracking database until the block ends.

    Yields:
        The server's process, which answers on the port of this machine alone.

    Raises:
        InputError: When the port is taken, there is no such database, or it is of another version.
        WorkError: When the server does not start.
    """
    uri = _checked(project, uri or DEFAULT_TRACKING)
    _refuse_taken(port)
    command = [sys.executable, "-m", "mlflow", "ui", "--host", HOST, "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [*command, "--workers", "1"],
            cwd=project,
            # It may have a password, and others on this machine can read a command line.
            env={
                **os.environ,
                "MLFLOW_BACKEND_STORE_URI": uri,
                # Nine processes for jobs of language models.
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that Ctrl-C reaches this process alone, which ends it
        )
        try:
            if not _answers(server, port):
                log.seek(0)
                said = without_credentials(log.read().decode(errors="replace")).splitlines()
                last = next((line.strip() for line in reversed(said) if line.strip()), "nothing")
                raise WorkError(f"mlflow ui does not start; it said last: {last}")
            yield server
        finally:
            _end(server)


def _checked(project: Path, uri: str) -> str:
    """Return the URI of a database that is there and of this MLflow's version."""
    file = sqlite_file(uri, project)
    if file is not None:
        if not file.is_file():
            raise InputError(
                f"there is no MLflow database {file} yet: `segexp tune`, `ab` and `train` make it"
            )
        uri = make_url(uri).set(database=str(file)).render_as_string(hide_password=False)
    client_of(uri)
    return uri


def _refuse_taken(port: int) -> None:
    with socket.socket() as taken, socket.socket() as free:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            taken.bind((HOST, port))
        except OSError as error:
            free.bind((HOST, 0))
            raise InputError(
                f"--port {port}: cannot be used ({error.strerror}): another server may run there; "
                f"free is --port {free.getsockname()[1]}"
            ) from None


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a server answers; False if it ends or takes too long."""
    deadline = time.monotonic() + _TO_START
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(URLError, OSError):
            urlopen(f"http://{HOST}:{port}/health", timeout=2).close()
            return True
        time.sleep(_LOOK_EVERY)
    return False


def _end(server: subprocess.Popen[bytes]) -> None:
    """End a server and the processes that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(_TO_END)
