"""Runs of studies that are removed."""

from collections.abc import Collection, Iterator
from pathlib import Path

from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from segexp.core.credentials import without_credentials
from segexp.core.database_url import DEFAULT_TRACKING, sqlite_file
from segexp.core.errors import InputError, WorkError
from segexp.tracking.client import what_is_wrong
from segexp.tracking.store import Experiment, open_experiment
from segexp.tracking.ui import VIEW_TAG

_PAGE = 1000


def runs_of(
    project: Path,
    uri: str | None,
    experiment: str,
    experiment_id: str,
    studies: list[str],
    marks: Collection[str],
) -> tuple[Experiment | None, list[str]]:
    """Find the runs of studies that are not deleted yet, those of their trials among them.

    Args:
        studies: Names that are valid as names of studies.
        marks: Ids of runs, tokens and keys that are theirs. Another storage may have studies of
            these names, too: a run is one of these if it has a mark, or is below one that has.

    Returns:
        The experiment and the ids of the runs; None and nothing if there is no such experiment.

    Raises:
        WorkError: When a tracking server does not answer.
    """
    file = sqlite_file(uri or DEFAULT_TRACKING, project)
    if file is not None and not file.is_file():
        return None, []
    try:
        opened = open_experiment(project, uri, experiment, experiment_id)
    except InputError:  # it was deleted
        return None, []
    found = [
        run.info.run_id
        for study in studies
        for run in _active_runs(opened, f"tags.`segexp.study` = '{study}'")
        if not {run.info.run_id, *run.data.tags.values()}.isdisjoint(marks)
    ]
    return opened, found


def whose_others(experiment: Experiment, run_ids: Collection[str]) -> set[str]:
    """Return the studies of an experiment's runs beside some; empty for a run of no study.

    Runs that are deleted do not count.
    """
    others = (run for run in _active_runs(experiment, "") if run.info.run_id not in run_ids)
    return {run.data.tags.get("segexp.study", "") for run in others}


def _active_runs(experiment: Experiment, condition: str) -> Iterator[Run]:
    token: str | None = None
    while True:
        page = experiment.client.search_runs(
            [experiment.id], condition, ViewType.ACTIVE_ONLY, _PAGE, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def delete_experiment(experiment: Experiment) -> None:
    """Mark an experiment as deleted, under a name that leaves its own to another one.

    Raises:
        WorkError: When it cannot be.
    """
    client, name = experiment.client, f"{experiment.name}-removed-{experiment.id}"
    try:
        client.rename_experiment(experiment.id, name)
        client.delete_experiment(experiment.id)
    except MlflowException as error:
        raise WorkError(f"experiment {experiment.name}: {what_is_wrong(error)}") from None


def delete_texts(experiment: Experiment) -> None:
    """Take what segexp wrote for a study off an experiment that has other runs: note and view.

    Raises:
        WorkError: When a tag cannot be deleted.
    """
    client = experiment.client
    try:
        tags = client.get_experiment(experiment.id).tags
        for key in (MLFLOW_RUN_NOTE, VIEW_TAG):
            if key in tags:
                client.delete_experiment_tag(experiment.id, key)
    except MlflowException as error:
        raise WorkError(f"experiment {experiment.name}: {what_is_wrong(error)}") from None


def delete_runs(experiment: Experiment, run_ids: list[str]) -> None:
    """Mark runs as deleted, the study's own last; `mlflow gc` then frees their artifacts.

    Raises:
        WorkError: When one cannot be; those before it are deleted.
    """
    for run_id in run_ids:
        try:
            experiment.client.delete_run(run_id)
        except MlflowException as error:
            shown = without_credentials(experiment.uri)
            raise WorkError(f"{shown}: run {run_id}: {what_is_wrong(error)}") from None
