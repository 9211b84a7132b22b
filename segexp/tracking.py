"""What MLflow records. The only module that imports MLflow.

Optuna's storage decides and MLflow records: nothing that segexp computes is read back from here.
Runs are made and ended through `MlflowClient`, never through the fluent API, whose active run
would become FINISHED when a process is interrupted.
"""

import logging
import math
import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from segexp.config import WORK_DIRECTORY, Config, flatten, resolve_key
from segexp.errors import InputError, WorkError, first_line
from segexp.files import locked
from segexp.storage import use_write_ahead_log

# Before MLflow is imported: it reads these once. An unreachable server would otherwise block a
# call for minutes.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

# MLflow tells of every table it creates.
logging.getLogger("mlflow").setLevel(logging.WARNING)

Status = Literal["FINISHED", "FAILED", "KILLED"]

LOCAL_URI = "sqlite:///mlflow.db"


@dataclass(frozen=True)
class Experiment:
    """An MLflow experiment: one study."""

    client: MlflowClient
    id: str
    name: str


@dataclass(frozen=True)
class Run:
    """An MLflow run: a study, one of its trials, or a single training."""

    client: MlflowClient
    id: str


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


def start_run(
    experiment: Experiment,
    name: str,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    parent: Run | None = None,
) -> Run:
    """Start a run with its tags and params, below its parent."""
    all_tags = {**tags, "mlflow.source.name": "segexp", "mlflow.source.type": "LOCAL"}
    if parent:
        all_tags["mlflow.parentRunId"] = parent.id
    client = experiment.client
    created = client.create_run(experiment.id, tags=all_tags, run_name=name)
    run = Run(client, created.info.run_id)
    client.log_batch(run.id, params=[Param(k, str(v)) for k, v in params.items()])
    return run


def attach_run(experiment: Experiment, run_id: str | None) -> Run | None:
    """Return an existing run, set to RUNNING again; None when it is gone or was deleted."""
    if run_id is None:
        return None
    try:
        found = experiment.client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    if found.info.lifecycle_stage == "deleted":
        return None
    experiment.client.update_run(run_id, status="RUNNING")
    return Run(experiment.client, run_id)


def running_trials(parent: Run, study: str) -> list[tuple[int, Run]]:
    """Return the runs of a study's trials that have not ended, with the trials' numbers.

    They are below ``parent``, where an arm has those of several studies.
    """
    client = parent.client
    found = client.search_runs(
        [client.get_run(parent.id).info.experiment_id],
        f"attributes.status = 'RUNNING' and tags.mlflow.parentRunId = '{parent.id}' "
        f"and tags.segexp.study = '{study}'",
    )
    return [(int(run.data.tags["segexp.trial"]), Run(client, run.info.run_id)) for run in found]


def log_metrics(run: Run, metrics: Mapping[str, float], step: int = 0) -> None:
    """Record finite metrics in one call; NaN (an absent class) is not a number to plot."""
    now = int(time.time() * 1000)
    run.client.log_batch(
        run.id,
        metrics=[
            Metric(metric_name(key), float(value), now, step)
            for key, value in metrics.items()
            if math.isfinite(value)
        ],
    )


def set_tags(run: Run, tags: Mapping[str, str]) -> None:
    """Set tags in one call."""
    run.client.log_batch(run.id, tags=[RunTag(k, str(v)[:5000]) for k, v in tags.items()])


def log_table(run: Run, columns: Mapping[str, Sequence[Any]], name: str) -> None:
    """Record an MLflow table, which its UI shows and compares between runs."""
    run.client.log_table(run.id, {k: list(v) for k, v in columns.items()}, name)


def replace_table(run: Run, columns: Mapping[str, Sequence[Any]], name: str) -> None:
    """Record an MLflow table in place of one of the same name: MLflow's own call appends to it."""
    if name not in [artifact.path for artifact in run.client.list_artifacts(run.id)]:
        log_table(run, columns, name)
        return
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    run.client.log_dict(run.id, {"columns": list(columns), "data": rows}, name)


def log_file(run: Run, path: Path) -> None:
    """Record a file as an artifact of the same name."""
    run.client.log_artifact(run.id, str(path))


def log_directory(run: Run, directory: Path, artifact_path: str | None = None) -> None:
    """Record every file of a directory as artifacts."""
    run.client.log_artifacts(run.id, str(directory), artifact_path)


def log_text(run: Run, text: str, name: str) -> None:
    """Record a text file as an artifact."""
    run.client.log_text(run.id, text, name)


def log_yaml(run: Run, content: Mapping[str, Any], name: str) -> None:
    """Record plain values as a YAML artifact."""
    run.client.log_text(run.id, yaml.safe_dump(dict(content), sort_keys=False), name)


def log_bytes(run: Run, content: bytes, name: str) -> None:
    """Record a binary file as an artifact; ``name`` may have folders."""
    folder, _, file_name = name.rpartition("/")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / file_name
        path.write_bytes(content)
        run.client.log_artifact(run.id, str(path), folder or None)


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


def end_run(run: Run, status: Status) -> None:
    """End a run."""
    run.client.set_terminated(run.id, status)


def close_run(run: Run, status: Status, state: str, failure: str | None = None) -> None:
    """End a trial's run with the state that the trial has in Optuna, and why it failed."""
    tags = {"segexp.state": state}
    if failure is not None:
        tags["segexp.failure"] = failure
    set_tags(run, tags)
    end_run(run, status)


def config_params(config: Config) -> dict[str, Any]:
    """Name a configuration's values for MLflow as Optuna names them: by the last part of the key.

    Where two keys share a last part, the longer key keeps all of its parts.
    """
    values = flatten(config.to_dict())
    short = {key: key.rpartition(".")[2] for key in values}
    return {
        short[key] if resolve_key(short[key]) == key else key: value
        for key, value in values.items()
    }


def metric_name(name: str) -> str:
    """Make a name one that MLflow takes for a metric.

    Characters that it refuses become ``_``; letters of any script are kept. To MLflow a name is a
    path: parts that are empty, ``.`` or ``..`` become ``_``, too. At most 250 characters are kept.
    """
    safe = re.sub(r"[^\w\-. :/]", "_", name)
    parts = ["_" if part in ("", ".", "..") else part for part in safe.split("/")]
    return "/".join(parts)[:250]
