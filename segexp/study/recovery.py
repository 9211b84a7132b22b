"""Studies whose process died: closed in Optuna and in MLflow."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from segexp import tracking
from segexp.core.config import WORK_DIRECTORY, Config
from segexp.core.credentials import with_credentials
from segexp.core.errors import InputError, WorkError
from segexp.core.files import may_write, name_fault
from segexp.study.abandoned import forget_supervisors
from segexp.study.attributes import PART_RUNS
from segexp.study.gave_up import forget_giving_up
from segexp.study.reconcile import close_abandoned, close_records
from segexp.study.recorded_place import recorded_place
from segexp.study.storage.open import open_storage, storage_file
from segexp.study.storage.study_lock import study_lock


def recover_if_allowed(
    project: Path, config: Config, names: Sequence[str], say: Callable[[str], None]
) -> None:
    """Call `recover`, or say that somebody else must: reading needs no permission to write.

    Args:
        config: Its storage is read; it has the credentials for the tracking server.
        names: As for `recover`.
    """
    needed = (storage_file(config.storage, project), project / WORK_DIRECTORY / "locks")
    closed = [path for path in needed if path is not None and not may_write(path)]
    if closed:
        say(
            f"left by a process that ended: {', '.join(names)}; {closed[0]} cannot be written "
            "here, so what it left open stays so until `segexp best` or `segexp tune` of somebody "
            "who may write it"
        )
        return
    recover(project, open_storage(config.storage, project), names, config.tracking.uri, say)


def recover(
    project: Path,
    storage: BaseStorage,
    names: Sequence[str],
    uri: str | None,
    say: Callable[[str], None],
) -> None:
    """Close what is still open in studies that nobody runs any more, so that they can be resumed.

    Args:
        names: From `segexp.study.abandoned.left_behind`.
        uri: The configured tracking URI, which has the credentials for the server that it names.
    """
    for name in names:
        if name_fault("study name", name):
            continue  # from a stranger's database: not to be used in a path
        study = optuna.load_study(study_name=name, storage=storage)
        with study_lock(storage, project, name):
            has_given_up = partial(forget_giving_up, project)
            abandoned, trials = close_abandoned(study, has_given_up=has_given_up)
            for number in abandoned:
                say(f"trial {number} of {name} was left by a process that ended; it waits again")
            if any(trial.state == TrialState.RUNNING for trial in trials):
                continue  # of another host that may still live
            try:
                _end_runs(project, study, uri)
            except (InputError, WorkError) as error:  # the next start looks again
                say(f"the MLflow runs of {name} stay open: {error}")
            else:
                forget_supervisors(study)


def _end_runs(project: Path, study: optuna.Study, configured: str | None) -> None:
    place = recorded_place(study.user_attrs)
    if place is None or place.run is None:
        return
    uri = with_credentials(place.uri, configured)
    experiment = tracking.open_experiment(project, uri, place.experiment, place.id)
    own = place.run
    close_records(study, tracking.Run(project, experiment.uri, experiment.id, own))
    for run_id in (*study.user_attrs.get(PART_RUNS, {}).values(), own):
        run = tracking.find_running(experiment, run_id)
        if run is not None:
            tracking.end_run(run, "KILLED")
