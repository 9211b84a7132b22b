"""MLflow's runs: started, found again, tagged and ended.

Through `MlflowClient`, never through the fluent API, whose active run would become FINISHED when a
process is interrupted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlflow import MlflowClient
from mlflow.entities import Param, RunTag
from mlflow.exceptions import MlflowException

from segexp.tracking.store import Experiment

Status = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True)
class Run:
    """An MLflow run: a study, one of its trials, or a single training."""

    client: MlflowClient
    id: str


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


def set_tags(run: Run, tags: Mapping[str, str]) -> None:
    """Set tags in one call."""
    run.client.log_batch(run.id, tags=[RunTag(k, str(v)[:5000]) for k, v in tags.items()])


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
