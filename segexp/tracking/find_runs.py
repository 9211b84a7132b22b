"""MLflow's runs, found again: a store is asked, and a server has little time to answer."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from mlflow.exceptions import MlflowException

from segexp.core.errors import WorkError
from segexp.core.run_token import is_token
from segexp.tracking.client import address_of, answer_within, is_server, what_is_wrong
from segexp.tracking.operations import Operation, RefusedError
from segexp.tracking.runs import Run, record
from segexp.tracking.sender import drain
from segexp.tracking.spool import spool_of
from segexp.tracking.store import Experiment

T = TypeVar("T")

# How long a call waits for a server, in seconds.
_FOR_SPOOL, _FOR_ANSWER = 0.25, 0.5
_FOR_ADOPTION = 5.0  # once a study, and only if hosts made more than one run for it


def existing_run(experiment: Experiment, run_id: str | None) -> Run | None:
    """Return an existing run, whatever its status; None when it is gone or was deleted.

    A server that does not answer in time is assumed to have it.
    """
    if run_id is None:
        return None
    run = Run(experiment.project, experiment.uri, experiment.id, run_id)
    return run if _is_there(run) else None


def attach_run(experiment: Experiment, run_id: str | None) -> Run | None:
    """Return an existing run, set to RUNNING again; see `existing_run`."""
    run = existing_run(experiment, run_id)
    if run is not None:
        record(run, Operation("status", run.id, {"status": "RUNNING", "end_time": None}))
    return run


def find_tagged(experiment: Experiment, tag: str, value: str) -> Run | None:
    """Return the run of an experiment that has a tag of this value.

    None if there is none, or a server does not answer in time.
    """

    def ask() -> str | None:
        found = experiment.client.search_runs([experiment.id], f"tags.`{tag}` = '{value}'")
        return found[0].info.run_id if found else None

    try:
        run_id = _asked(experiment.uri, ask)
    except MlflowException:
        if not is_server(experiment.uri):
            raise
        return None
    return Run(experiment.project, experiment.uri, experiment.id, run_id) if run_id else None


def running_trials(parent: Run, study: str) -> list[tuple[int, Run]]:
    """Return the runs of a study's trials that have not ended, with the trials' numbers.

    They are below ``parent``, which may have those of several studies. A server is asked only
    once it has all records: before that it may not know that a run has ended. Otherwise, and if it
    does not answer, the list is empty.
    """
    if drain(parent.project, parent.uri, _FOR_SPOOL):
        return []
    try:
        return _asked(parent.uri, partial(_search_running, parent, study)) or []
    except (MlflowException, RefusedError):
        if not is_server(parent.uri):
            raise
        return []


def find_running(experiment: Experiment, run_id: str) -> Run | None:
    """Return a run that has not ended; None when it has, or is gone.

    Raises:
        WorkError: When a server does not answer, or does not have all records yet.
    """
    run = Run(experiment.project, experiment.uri, experiment.id, run_id)
    try:
        if drain(run.project, run.uri, _FOR_SPOOL):
            raise WorkError(f"{address_of(run.uri)} does not have all records yet")
        answer = _asked(run.uri, partial(_is_running, run))
    except (MlflowException, RefusedError) as error:
        if getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise WorkError(f"{address_of(run.uri)}: {what_is_wrong(error)}") from None
    if answer is None:
        raise WorkError(f"{address_of(run.uri)} does not answer")
    return run if answer else None


def adopt(parent: Run, others: Sequence[str]) -> bool:
    """Move the runs below other runs to a run, and discard the others.

    Args:
        others: The ids or tokens of the others.

    Returns:
        Whether all is done; False if a server does not answer, or does not have all records.
    """
    if not others:
        return True
    try:
        if drain(parent.project, parent.uri, _FOR_ADOPTION):
            return False
        return _asked(parent.uri, partial(_adopt, parent, others), _FOR_ADOPTION) is True
    except (MlflowException, RefusedError):
        return False


def look_up_id(project: Path, uri: str | None, token: str) -> str | None:
    """Return MLflow's id of the run that a token stands for; None while it is unknown."""
    if uri is None or not is_server(uri):
        return None
    run = Run(project, uri, "", token)
    try:
        return answer_within(_FOR_ADOPTION, run.find_id)
    except (MlflowException, RefusedError, OSError):
        return None


def _asked(uri: str, ask: Callable[[], T], seconds: float = _FOR_ANSWER) -> T | None:
    """Return what a call to a store returns; None when a server does not answer in time."""
    return answer_within(seconds, ask) if is_server(uri) else ask()


def _is_there(run: Run) -> bool:
    try:
        return _asked(run.uri, partial(_is_active, run)) is not False
    except RefusedError:
        return False
    except MlflowException:
        if not is_server(run.uri):
            raise
        return True


def _is_active(run: Run) -> bool:
    if is_token(run.id) and spool_of(run.project, run.uri).is_to_be_created(run.id):
        return True
    try:
        return bool(run.client.get_run(run.find_id()).info.lifecycle_stage != "deleted")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False


def _is_running(run: Run) -> bool:
    return bool(run.client.get_run(run.find_id()).info.status == "RUNNING")


def _adopt(parent: Run, others: Sequence[str]) -> bool:
    client, to = parent.client, parent.find_id()
    is_done = True
    for other in others:
        names = [other]
        try:
            names.append(replace(parent, id=other).find_id())
        except RefusedError:  # it waits on the host that made it, or is lost with that host
            is_done = False
        for name in dict.fromkeys(names):
            query = f"tags.mlflow.parentRunId = '{name}'"
            while below := client.search_runs([parent.experiment], query):
                for run in below:
                    client.set_tag(run.info.run_id, "mlflow.parentRunId", to)
        if len(names) > 1 and names[-1] != to:
            client.set_tag(names[-1], "segexp.kind", "discarded")
            client.set_terminated(names[-1], "KILLED")
    return is_done


def _search_running(parent: Run, study: str) -> list[tuple[int, Run]]:
    found = parent.client.search_runs(
        [parent.experiment],
        f"attributes.status = 'RUNNING' and tags.mlflow.parentRunId = '{parent.find_id()}' "
        f"and tags.segexp.study = '{study}'",
    )
    return [
        (
            int(run.data.tags["segexp.trial"]),
            Run(
                parent.project,
                parent.uri,
                parent.experiment,
                run.info.run_id,
                run.info.run_name,
            ),
        )
        for run in found
    ]
