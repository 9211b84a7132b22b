"""MLflow's runs: started, tagged and ended.

Always by `MlflowClient`: the fluent API would mark the active run FINISHED when a process is
interrupted.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import (
    MLFLOW_GIT_COMMIT,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
)

from segexp.core.credentials import all_without_credentials, without_credentials
from segexp.core.errors import AwayError, first_line
from segexp.core.run_token import is_token, new_token
from segexp.tracking.client import client_of, is_server
from segexp.tracking.commit import commit_of
from segexp.tracking.operations import RECORD, Operation, RefusedError, apply, now_ms
from segexp.tracking.replay import id_of
from segexp.tracking.sender import submit
from segexp.tracking.spool import spool_of
from segexp.tracking.store import Experiment

Status = Literal["FINISHED", "FAILED", "KILLED"]

# MLflow's error codes where the database does not answer, or takes nothing.
_DATABASE_TROUBLE = ("TEMPORARILY_UNAVAILABLE", "BAD_REQUEST")

_FOR_CREATION = 0.5  # seconds that a server has
_LONGEST_NAME = 250  # characters; the column of MLflow's table


@dataclass(frozen=True)
class Run:
    """An MLflow run: a study, one of its trials, or a single training.

    Attributes:
        uri: The tracking URI; the path of a SQLite file is absolute.
        experiment: The id of its experiment.
        id: Its id, or a token when a server did not create it in time; see `start_run`.
        name: What it is called in MLflow, where that is known here.
    """

    project: Path
    uri: str
    experiment: str
    id: str
    name: str = field(default="", compare=False)

    @property
    def client(self) -> MlflowClient:
        """This process's client of the tracking store."""
        return client_of(self.uri)

    def find_id(self) -> str:
        """Return its id in MLflow; a server may be asked for that of a token.

        Raises:
            RefusedError: When there is no such run, and never will be.
        """
        return id_of(spool_of(self.project, self.uri), self.client, self.id)


def start_run(
    experiment: Experiment,
    name: str,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    parent: Run | None = None,
    patience: float = _FOR_CREATION,
) -> Run:
    """Start a run with its tags and params, below its parent. A param that is None is left out.

    If a server does not create it within ``patience`` seconds, its id is a token. This package
    takes it in place of the id, in any process and after the run was created, and the run has it as
    its tag ``segexp.record``. A server that is away is not waited for.

    Raises:
        OSError: When the disk is full.
    """
    all_tags = {
        **all_without_credentials(tags),
        "mlflow.source.name": "segexp",
        "mlflow.source.type": "LOCAL",
    }
    if commit := commit_of(experiment.project):
        all_tags[MLFLOW_GIT_COMMIT] = commit
    content = {
        "experiment": experiment.id,
        "name": name[:_LONGEST_NAME],
        "tags": all_tags,
        "parent": parent.id if parent else None,
        "start_time": now_ms(),
    }
    as_text = {
        key: without_credentials(str(value)) for key, value in params.items() if value is not None
    }
    if is_server(experiment.uri):
        run_id = _spool_creation(experiment, content, as_text, patience)
    else:
        client, uri = experiment.client, experiment.uri
        run_id = _apply(client, uri, Operation("create", "", content))
        _apply(client, uri, Operation("params", run_id, {"params": as_text}))
    return Run(experiment.project, experiment.uri, experiment.id, run_id, name)


def record(run: Run, operation: Operation, source: Path | bytes | None = None) -> None:
    """Record something: in a database at once, on a server through the spool.

    Args:
        source: The operation's file, or the file's content.

    Raises:
        OSError: When the disk is full.
        mlflow.exceptions.MlflowException: When a database refuses it.
        AwayError: When a database does not answer.
    """
    if is_server(run.uri):
        submit(run.project, run.uri, operation, source)
    elif source is None or operation.file is None:
        _apply(run.client, run.uri, operation)
    elif isinstance(source, Path) and source.name == operation.file:
        _apply(run.client, run.uri, operation, source)
    else:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / operation.file
            file.write_bytes(source if isinstance(source, bytes) else source.read_bytes())
            _apply(run.client, run.uri, operation, file)


def set_tags(run: Run, tags: Mapping[str, str]) -> None:
    """Set tags in one call."""
    cut = {key: without_credentials(str(value))[:5000] for key, value in tags.items()}
    record(run, Operation("tags", run.id, {"tags": cut}))


def end_run(run: Run, status: Status) -> None:
    """End a run."""
    record(run, Operation("status", run.id, {"status": status, "end_time": now_ms()}))


def discard_run(run: Run) -> None:
    """End a run that another run replaces; no search for studies finds it."""
    set_tags(run, {"segexp.kind": "discarded"})
    end_run(run, "KILLED")


def known_id(run: Run) -> str:
    """Return MLflow's id of a run, or its token while the id is unknown here. Asks no server."""
    if not is_token(run.id):
        return run.id
    try:
        return spool_of(run.project, run.uri).run_id(run.id) or run.id
    except RefusedError:
        return run.id


def write_note(run: Run, text: str, *, of_experiment: bool) -> None:
    """Write the Markdown that MLflow's UI shows above a run.

    Args:
        of_experiment: Whether its experiment has the same.
    """
    set_tags(run, {MLFLOW_RUN_NOTE: text})
    if of_experiment:
        content = {
            "experiment": run.experiment,
            "tags": {MLFLOW_RUN_NOTE: without_credentials(text)},
        }
        record(run, Operation("experiment", "", content))


def rename_run(run: Run, name: str) -> None:
    """Give a run another name."""
    set_tags(run, {MLFLOW_RUN_NAME: name[:_LONGEST_NAME]})


def close_run(
    run: Run, status: Status, state: str, failure: str | None = None, name: str = ""
) -> None:
    """End a trial's run with the state that the trial has in Optuna, and why it failed.

    Args:
        name: What it is called from now on; empty where that stays.
    """
    tags = {"segexp.state": state}
    if name:
        tags[MLFLOW_RUN_NAME] = name[:_LONGEST_NAME]
    if failure is not None:
        tags["segexp.failure"] = failure
    set_tags(run, tags)
    end_run(run, status)


def _apply(client: MlflowClient, uri: str, operation: Operation, file: Path | None = None) -> str:
    try:
        return apply(client, operation, str, file)
    except MlflowException as error:
        if error.error_code not in _DATABASE_TROUBLE:
            raise
        raise AwayError(f"tracking.uri: {without_credentials(uri)}: {first_line(error)}") from error


def _spool_creation(
    experiment: Experiment, content: dict[str, Any], params: Mapping[str, str], patience: float
) -> str:
    deadline = time.monotonic() + patience
    spool, token = spool_of(experiment.project, experiment.uri), new_token()
    is_behind = spool.is_behind()
    content = content | {"tags": content["tags"] | {RECORD: token}}
    for operation in (
        Operation("create", token, content),
        Operation("params", token, {"params": dict(params)}),
    ):
        submit(experiment.project, experiment.uri, operation)
    while not is_behind and time.monotonic() < deadline:
        time.sleep(0.01)
        try:
            run_id = spool.run_id(token)
        except RefusedError:  # a warning was logged, and the study goes on without it
            return token
        if run_id is not None:
            return run_id
    return token
