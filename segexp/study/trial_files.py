"""The files of a trial, by digest: here, or fetched from MLflow.

The hosts of a study have separate directories, and MLflow has a copy of the files that others need.
Their digests are in Optuna's storage, so that a changed file is noticed. What was fetched stays in
the trial's directory here, within bounds: see `segexp.study.fetched_files`.
"""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from optuna.trial import FrozenTrial

from segexp import tracking
from segexp.core.errors import InputError, WorkError
from segexp.core.files import inside, write_atomic
from segexp.evaluation.confusions import CONFUSIONS_FILE, PREDICTIONS_FILE
from segexp.study.attributes import FILES, RESULT, RUN_ID, host_of
from segexp.study.fetched_files import forget_old, note_fetched

OVERLAYS_DIRECTORY = "overlays"
"""Where a trial that keeps its model has the pictures that its study's page shows."""

WAIT_SECONDS = 60.0
"""How long to wait for files that the host of a trial may be about to send."""

_LOOK_EVERY = 1.0


def file_digests(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of what a complete trial leaves, by its name among the artifacts."""
    files = [directory / CONFUSIONS_FILE, directory / PREDICTIONS_FILE]
    files += sorted(path for path in (directory / "bundle").rglob("*") if path.is_file())
    return {
        path.relative_to(directory).as_posix(): digest_of(path.read_bytes())
        for path in files
        if path.is_file()
    }


def fetch_files(
    project: Path, uri: str | None, trial: FrozenTrial, prefix: str, say: Callable[[str], None]
) -> None:
    """Fetch a trial's missing files from MLflow's artifacts into its directory here.

    Args:
        trial: A trial that kept its model.
        prefix: How the names of the files begin: a file, or ``bundle/``.

    Raises:
        WorkError: When MLflow does not have it, or another file under its name; names the host.
    """
    directory = directory_of(project, trial)
    known: dict[str, str] = trial.user_attrs.get(FILES, {})
    names = [name for name in known if name.startswith(prefix)]
    if not names and not prefix.endswith("/"):  # of a segexp that noted no digests
        names = [prefix]
    missing = [name for name in names if not inside(directory, name).is_file()]
    note_fetched(directory, is_new=bool(missing) and not directory.exists())
    if not missing:
        return
    run_id = str(trial.user_attrs.get(RUN_ID))
    say(
        f"trial {trial.number} ran on {host_of(trial)}: reading {', '.join(missing)} from the "
        f"artifacts of MLflow run {run_id}"
    )
    for name in missing:
        content = read_checked(
            project,
            uri,
            run_id,
            name,
            digest=known.get(name),
            left_by=f"trial {trial.number}",
            host=host_of(trial),
        )
        write_fetched(inside(directory, name), content)
    forget_old(project)


def read_checked(
    project: Path,
    uri: str | None,
    run_id: str,
    name: str,
    *,
    digest: str | None,
    left_by: str,
    host: str,
) -> bytes:
    """Read an artifact, and compare it with what was left.

    Args:
        digest: The SHA-256 of what was left; None where that was not noted.
        left_by: What left it, for people.
        host: Where that ran, for people.

    Raises:
        WorkError: When MLflow does not have it, or another file under its name; names the host.
    """
    content = _read(project, uri, run_id, name, left_by, host)
    if digest is not None and digest_of(content) != digest:
        raise WorkError(
            f"{name} among the artifacts of run {run_id} is not what {left_by} left: its SHA-256 "
            f"is {digest_of(content)}, not {digest}"
        )
    return content


def write_fetched(path: Path, content: bytes) -> None:
    """Write a file that was fetched.

    Raises:
        WorkError: When it cannot be written, as on a full disk.
    """
    try:
        write_atomic(path, content)
    except OSError as error:
        raise WorkError(f"{path}: cannot be written: {error.strerror}") from error


def directory_of(project: Path, trial: FrozenTrial) -> Path:
    """Return the directory of a trial that kept its model, on whatever host it is."""
    # As Optuna's storage has it; the directory's name would follow a new run in MLflow.
    bundle: str = trial.user_attrs[RESULT]["bundle"]
    return inside(project, bundle).parent


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def _read(project: Path, uri: str | None, run_id: str, name: str, left_by: str, host: str) -> bytes:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return tracking.read_artifact(project, uri, run_id, name)
        except (InputError, WorkError) as error:
            # A server has it once the host has sent it; a database has it at once.
            if not tracking.is_server(uri) or time.monotonic() > deadline:
                raise WorkError(
                    f"{name} of {left_by} is not here, and not in MLflow: {error}; it ran on "
                    f"{host}: `segexp sync` there sends what waits"
                ) from None
        time.sleep(_LOOK_EVERY)
