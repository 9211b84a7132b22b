"""Optuna's storage: where studies and trials live, and what a trial carries besides its params."""

import random
import sqlite3
import time
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from segexp.database_url import DEFAULT_STORAGE, sqlite_file, without_password
from segexp.errors import InputError, did_you_mean, first_line
from segexp.file_system import refuse_network_file_system
from segexp.files import locked
from segexp.journal_file import open_journal
from segexp.retrying_storage import RetryingStorage, database_error, reason_of

# What segexp keeps in user attributes of studies and trials.
DEFINITION = "segexp.definition"  # study: what its scores depend on
RUN_ID = "segexp.run_id"  # study: the MLflow parent run; trial: its own run
ARM_RUNS = "segexp.arm_runs"  # A/B study: the MLflow run of each arm
LISTED = "segexp.listed"  # study: whether it trains a list, and searches nothing
CONSTANT = "segexp.constant"  # study: the scores of always predicting the most frequent class
SUPERVISORS = "segexp.supervisor."  # study, with a token: a run of it; None once it has ended
TRACKING_URI = "segexp.tracking_uri"  # study: where its MLflow runs are
OWNER = "segexp.owner"  # trial: the process that runs it
BEAT = "segexp.beat"  # trial: when that process was last heard of
CRASHES = "segexp.crashes"  # trial: how many processes died in the trials that it tries again
CRASHED = "segexp.crashed"  # trial: whether its own process died
RETRY_OF = "segexp.retry_of"  # trial: the number of the trial that it tries again
FAILURE = "segexp.failure"  # trial: why it failed
INTERRUPTED = "segexp.interrupted"  # trial: failed by a signal or a crash, or is not wanted any
# more; does not count. RETRY when it is to be tried again.
RETRY = "retry"
RESULT = "segexp.result"  # trial: its scores, see segexp.best


def open_storage(url: str | None, project: Path) -> BaseStorage:
    """Open Optuna's storage, and create it where it is not there yet.

    Args:
        url: Any URL that Optuna takes, ``journal:PATH`` for a journal file, or None for
            ``studies/optuna.db`` in the project.
        project: The project directory; a relative SQLite or journal path starts there.

    Raises:
        InputError: When the URL names no database that can be opened, or a SQLite file on a
            network file system. Passwords are not shown.
    """
    hush_optuna()
    url = url or DEFAULT_STORAGE
    if url.startswith("journal:"):
        return open_journal(project / url.removeprefix("journal:").removeprefix("//"))
    try:
        file = sqlite_file(url, project)
    except InputError as error:
        raise InputError(f"storage: {error}") from None
    storage = _open_server(url) if file is None else _open_sqlite(url, file)
    # With Optuna's cache in front, as where Optuna opens a URL itself.
    return optuna.storages.get_storage(storage)


def hush_optuna() -> None:
    """Leave out Optuna's own account of each trial, and its warnings of what is experimental.

    A user can do nothing about either.
    """
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def load_study(storage: BaseStorage, name: str | None) -> optuna.Study:
    """Load a study by its name, or of those that search the one that began a trial last.

    Raises:
        InputError: When there is no such study, with a did-you-mean.
    """
    known = optuna.get_all_study_names(storage)
    if not known:
        raise InputError("no study has been run in this project yet; start one with `segexp tune`")
    if name is not None and name not in known:
        raise InputError(
            f"no study {name!r}{did_you_mean(name, known)}; there are {', '.join(sorted(known))}"
        )
    if name is not None:
        return optuna.load_study(study_name=name, storage=storage)
    studies = [optuna.load_study(study_name=other, storage=storage) for other in known]
    searching = [study for study in studies if not study.user_attrs.get(LISTED)]
    return max(searching or studies, key=_last_begin)


def _last_begin(study: optuna.Study) -> datetime:
    trials = study.get_trials(deepcopy=False)
    return max((t.datetime_start for t in trials if t.datetime_start), default=datetime.min)


def _open_sqlite(url: str, path: Path) -> RetryingStorage:
    refuse_network_file_system(path, "storage")
    parsed = make_url(url).set(database=str(path))
    timeout = {} if "timeout" in parsed.query else {"timeout": 60}
    try:
        # Optuna creates its tables without a lock: of several processes that start at once, all
        # but one would die.
        with locked(path.with_name(f".{path.name}.lock")):
            use_write_ahead_log(path)
            return RetryingStorage(_as_text(parsed), str(path), {"connect_args": timeout})
    except (OSError, sqlite3.Error, *_UNOPENED) as error:
        raise InputError(f"storage: {path}: cannot be opened: {_why(error)}") from None


def _open_server(url: str) -> RetryingStorage:
    name = without_password(url)
    try:
        parsed = _with_installed_driver(make_url(url))
        return _make_tables(_as_text(parsed), name, _engine_options(parsed))
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        raise InputError(
            f"storage: {name!r} cannot be opened ({_why(error)}); "
            "expected an Optuna URL such as sqlite:///studies/optuna.db, postgresql://... (with "
            "its driver, such as `pip install psycopg2-binary`) or journal:studies/optuna.log"
        ) from None
    except _UNOPENED as error:
        raise InputError(f"storage: {name!r} cannot be opened: {_why(error)}") from None


# RuntimeError: the tables are of another version of Optuna, and Optuna says what to do.
_UNOPENED = (SQLAlchemyError, StorageInternalError, RuntimeError)


def _why(error: BaseException) -> str:
    cause = database_error(error)
    return without_password(reason_of(cause) if cause else first_line(error))


def _make_tables(url: str, name: str, options: dict[str, Any]) -> RetryingStorage:
    """Open a server's database, also while other processes make its tables as well.

    Optuna creates its tables without a lock, and the processes may be on several machines. Those
    that come second fail because a table is there, and find all of them when they try again.
    """
    for _ in range(9):
        try:
            return RetryingStorage(url, name, options)
        except (SQLAlchemyError, StorageInternalError) as error:
            cause = database_error(error)
            said = str(cause.orig) if cause else ""
            is_made_by_another = "exists" in said or "duplicate" in said
            if not (is_made_by_another or (cause and cause.connection_invalidated)):
                raise
        time.sleep(random.uniform(0.1, 0.5))
    return RetryingStorage(url, name, options)


def _with_installed_driver(url: URL) -> URL:
    """Name the driver of a ``postgresql://`` URL; SQLAlchemy 2.0 and 2.1 differ in the default."""
    if url.drivername != "postgresql":
        return url
    for driver in ("psycopg2", "psycopg"):
        named = url.set(drivername=f"postgresql+{driver}")
        try:
            named.get_dialect().import_dbapi()
        except ImportError:
            continue
        return named
    return url


def _engine_options(url: URL) -> dict[str, Any]:
    # A connection that broke while a trial was training is noticed before it is used.
    options: dict[str, Any] = {"pool_pre_ping": True}
    if url.get_backend_name() == "postgresql":
        # A trial's number is counted under a lock; a snapshot from before the lock miscounts.
        options["isolation_level"] = "READ COMMITTED"
    if url.drivername in ("postgresql+psycopg2", "postgresql+psycopg"):
        # Seconds; a server that is cut off rather than down would else hold a call for hours.
        # https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
        wanted = {
            "connect_timeout": 10,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        }
        options["connect_args"] = {k: v for k, v in wanted.items() if k not in url.query}
    return options


def _as_text(url: URL) -> str:
    # Optuna fills in `{SCHEMA_VERSION}` by str.format; other braces are part of a name.
    return url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")


def use_write_ahead_log(path: Path) -> None:
    """Switch a SQLite file to WAL for good: readers and one writer no longer wait for each other.

    https://www.sqlite.org/wal.html
    """
    connection = sqlite3.connect(path, timeout=60)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
