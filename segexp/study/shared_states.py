"""States that another host may resume: copies among the artifacts of the trials' MLflow runs.

Only where a tracking server has the records: hosts have it in common. The study's attribute holds
the digests of a state as long as there is a copy; what differs is never loaded.
"""

import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from segexp import tracking
from segexp.core.errors import InputError, WorkError
from segexp.core.files import inside
from segexp.study.attributes import RUN_ID, STATES, host_of
from segexp.study.trial_files import digest_of, read_checked, write_fetched

FOLDER = "checkpoints"


def is_shared(uri: str | None) -> bool:
    """Whether other hosts can read what is recorded."""
    return tracking.is_server(uri)


def share_state(
    study: optuna.Study, trial: optuna.Trial, run: tracking.Run, directory: Path
) -> None:
    """Send the state of a trial that may be resumed, if it left one and there is a server.

    Args:
        directory: The trial's own.
    """
    files = [*(directory / FOLDER).glob("*.safetensors")]
    if not files or not is_shared(run.uri):
        return
    tracking.log_directory(run, directory / FOLDER, FOLDER)
    digests = {path.name: digest_of(path.read_bytes()) for path in files}
    study.set_user_attr(f"{STATES}{trial.number}", digests)


def fetch_state(
    project: Path,
    uri: str | None,
    study: optuna.Study,
    trial: FrozenTrial,
    checkpoints: Path,
) -> str | None:
    """Fetch the state of a trial that ran elsewhere into a directory that is not there yet.

    Returns:
        Why not, for people; None if it was fetched.
    """
    digests: dict[str, str] = study.user_attrs.get(f"{STATES}{trial.number}") or {}
    if not digests:
        return f"no checkpoint of trial {trial.number} is here"
    try:
        for name, digest in digests.items():
            content = read_checked(
                project,
                uri,
                str(trial.user_attrs.get(RUN_ID)),
                f"{FOLDER}/{name}",
                digest=digest,
                left_by=f"trial {trial.number}",
                host=host_of(trial),
            )
            write_fetched(inside(checkpoints, name), content)
    except (InputError, WorkError) as error:
        shutil.rmtree(checkpoints, ignore_errors=True)
        return str(error)
    return None


def forget_states(
    project: Path,
    uri: str | None,
    study: optuna.Study,
    trials: Sequence[FrozenTrial],
    awaited: Collection[int],
) -> None:
    """Delete the copies that nobody can resume any more; what is not there yet, the next time."""
    if not is_shared(uri):
        return
    for key, digests in study.user_attrs.items():
        if not key.startswith(STATES) or not digests:
            continue
        number = int(key.removeprefix(STATES))
        if number >= len(trials):  # of another host, begun since the trials were read
            continue
        trial = trials[number]
        if not trial.state.is_finished() or trial.number in awaited:
            continue
        with suppress(InputError, WorkError):
            tracking.delete_folder(project, uri, str(trial.user_attrs.get(RUN_ID)), FOLDER)
            study.set_user_attr(key, None)
