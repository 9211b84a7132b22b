"""What can be recorded, and how it is applied to a store; applying it twice changes nothing.

An operation is plain JSON with all of its times in it, and at most one file. It may be applied
again after its answer was lost: metrics of the same time, step and value are one point to MLflow
(the primary key of its table), params and tags are set to the same value, inputs that are there
stay, artifacts replace those of the same name, and a run is found by the tag that names the
operation that made it.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import requests
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from segexp.core.credentials import without_credentials
from segexp.core.errors import first_line

Kind = Literal["create", "params", "metrics", "tags", "inputs", "artifact", "status", "experiment"]

# What the content of an operation holds, by kind.
CONTENT: dict[Kind, set[str]] = {
    "create": {"experiment", "name", "tags", "parent", "start_time"},
    "params": {"params"},
    "metrics": {"metrics"},  # [key, value, timestamp in ms, step] of each
    "tags": {"tags"},
    "inputs": {"datasets"},  # see `segexp.tracking.inputs`
    "artifact": {"folder", "is_table"},
    "status": {"status", "end_time"},  # in ms; None for a run that is resumed
    "experiment": {"experiment", "tags"},  # of no run
}

RECORD = "segexp.record"  # the tag of a run that was created through a spool

# MLflow's error codes for which only the operation is to blame. Not BAD_REQUEST: MLflow uses it for
# trouble with its own database, such as an exhausted pool (mlflow/store/db/utils.py).
_REFUSALS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS")
# The same for artifacts, which are plain HTTP. Not 401, 403, 407, 408, 409, 425 and 429: these
# depend on who asks, or when.
_REFUSED_FILES = (400, 404, 405, 410, 411, 413, 414, 415, 422)


class RefusedError(Exception):
    """An operation that can never be applied: it is damaged, or its run does not exist."""


@dataclass(frozen=True)
class Operation:
    """One thing to record.

    Attributes:
        run: The run's id, or the token of one that waits to be created; empty where it is about no
            run.
        content: Plain values, of the keys that `CONTENT` names.
        file: The name of its file, if it has one.
    """

    kind: Kind
    run: str
    content: dict[str, Any]
    file: str | None = None


def now_ms() -> int:
    """Return the time as MLflow counts it, in milliseconds."""
    return time.time_ns() // 1_000_000


def apply(
    client: MlflowClient,
    operation: Operation,
    id_of: Callable[[str], str],
    file: Path | None = None,
    *,
    is_repeated: bool = False,
) -> str:
    """Apply an operation to a store.

    Args:
        id_of: Turns a run's id or token into its id.
        is_repeated: Whether it may have been applied before; only for a creation.

    Returns:
        The id of the run, if it is about one.

    Raises:
        Exception: What MLflow raises; see `refusal`.
    """
    content = operation.content
    if operation.kind == "create":
        return _create(client, content, id_of, is_repeated)
    if operation.kind == "experiment":
        for key, value in content["tags"].items():
            client.set_experiment_tag(content["experiment"], key, value)
        return operation.run
    run_id = id_of(operation.run)
    if operation.kind == "params":
        client.log_batch(run_id, params=[Param(k, v) for k, v in content["params"].items()])
    elif operation.kind == "metrics":
        metrics = [Metric(*values) for values in content["metrics"]]
        client.log_batch(run_id, metrics=metrics)
    elif operation.kind == "tags":
        client.log_batch(run_id, tags=[RunTag(k, v) for k, v in content["tags"].items()])
    elif operation.kind == "inputs":
        client.log_inputs(run_id, [_input(**each) for each in content["datasets"]])
    elif operation.kind == "status":
        _set_status(client, run_id, content["status"], content["end_time"])
    else:
        if file is None or not file.is_file():
            raise RefusedError(f"the file {operation.file} is gone")
        client.log_artifact(run_id, str(file), content["folder"])
        if content["is_table"]:
            _list_table(client, run_id, "/".join(filter(None, (content["folder"], file.name))))
    return run_id


def find_run(client: MlflowClient, token: str, experiments: Sequence[str]) -> str | None:
    """Return the id of the run that was created for a token; None if there is none.

    A server that answers neither of two requests makes two runs: one is deleted.
    """
    found = client.search_runs(
        list(experiments), f"tags.`{RECORD}` = '{token}'", run_view_type=ViewType.ALL
    )
    runs = sorted(found, key=lambda run: (run.info.lifecycle_stage != "active", run.info.run_id))
    for other in runs[1:]:
        if other.info.lifecycle_stage == "active":
            client.delete_run(other.info.run_id)
    return runs[0].info.run_id if runs else None


def refusal(error: Exception) -> str | None:
    """Say why an operation is refused for good; None if it may be taken later."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        refused = error.response.status_code in _REFUSED_FILES
    elif isinstance(error, MlflowException):
        refused = error.error_code in _REFUSALS
    else:
        refused = isinstance(error, RefusedError)
    return without_credentials(first_line(error)) if refused else None


def _create(
    client: MlflowClient, content: dict[str, Any], id_of: Callable[[str], str], is_repeated: bool
) -> str:
    tags = dict(content["tags"])
    if content["parent"]:
        try:
            tags["mlflow.parentRunId"] = id_of(content["parent"])
        except RefusedError:
            # Another host has yet to create it, or never will; see `segexp.tracking.adopt`.
            tags["mlflow.parentRunId"] = content["parent"]
    experiment = content["experiment"]
    if is_repeated and (known := find_run(client, tags[RECORD], [experiment])):
        return known
    created = client.create_run(
        experiment, start_time=content["start_time"], tags=tags, run_name=content["name"]
    )
    return str(created.info.run_id)


def _input(
    name: str, digest: str, source_type: str, source: str, profile: str, use: str
) -> DatasetInput:
    dataset = Dataset(name, digest, source_type, source, profile=profile)
    return DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, use)])


def _set_status(client: MlflowClient, run_id: str, status: str, end_time: int | None) -> None:
    if end_time is None:
        client.update_run(run_id, status=status)
    else:
        client.set_terminated(run_id, status, end_time)


def _list_table(client: MlflowClient, run_id: str, name: str) -> None:
    """Add a file to the tables that MLflow's UI offers, where `MlflowClient.log_table` does."""
    tag = client.get_run(run_id).data.tags.get("mlflow.loggedArtifacts", "[]")
    tables = json.loads(tag)
    entry = {"path": name, "type": "table"}
    if entry not in tables:
        client.set_tag(run_id, "mlflow.loggedArtifacts", json.dumps([*tables, entry]))
