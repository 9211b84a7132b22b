"""Optuna's storage: where studies and trials live, and what a trial carries besides its params."""

import re
import sqlite3
import warnings
from datetime import datetime
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from segexp.errors import InputError, did_you_mean, first_line
from segexp.files import locked

# What segexp keeps in user attributes of studies and trials.
DEFINITION = "segexp.definition"  # study: what its scores depend on
RUN_ID = "segexp.run_id"  # study: the MLflow parent run; trial: its own run
ARM_RUNS = "segexp.arm_runs"  # A/B study: the MLflow run of each arm
LISTED = "segexp.listed"  # study: whether it trains a list, and searches nothing
CONSTANT = "segexp.constant"  # study: the scores of always predicting the most frequent class
OWNER = "segexp.owner"  # trial: the process that runs it
FAILURE = "segexp.failure"  # trial: why it failed
INTERRUPTED = "segexp.interrupted"  # trial: ended by a signal or a crash; does not count
RESULT = "segexp.result"  # trial: its scores, see segexp.best


def open_storage(url: str | None, project: Path) -> BaseStorage:
    """Open Optuna's storage, and create it where it is not there yet.

    Args:
        url: Any URL that Optuna takes, ``journal:PATH`` for a journal file, or None for
            ``studies/optuna.db`` in the project.
        project: The project directory; a relative SQLite or journal path starts there.

    Raises:
        InputError: When the URL names no database that can be opened.
    """
    hush_optuna()
    if url is None:
        url = f"sqlite:///{project / 'studies' / 'optuna.db'}"
    if url.startswith("journal:"):
        return _open_journal(project / url.removeprefix("journal:").removeprefix("//"))
    if url.startswith("sqlite:///"):
        return _open_sqlite(project / url.removeprefix("sqlite:///"))
    try:
        return optuna.storages.get_storage(url)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise InputError(
            f"storage: {_without_password(url)!r} cannot be opened ({first_line(error)}); "
            "expected an Optuna URL such as sqlite:///studies/optuna.db, postgresql://... (with "
            "its driver, such as `pip install psycopg2-binary`) or journal:studies/optuna.log"
        ) from None
    except (SQLAlchemyError, RuntimeError) as error:
        raise InputError(
            f"storage: {_without_password(url)!r} cannot be opened: {first_line(error)}"
        ) from None


def _without_password(url: str) -> str:
    return re.sub(r"(//[^:/@]*):[^@]*@", r"\1:***@", url)


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


def _open_journal(path: Path) -> JournalStorage:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path)))
    except OSError as error:
        raise InputError(f"storage: {path}: cannot be opened: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"storage: {path}: is not a journal of Optuna") from None


def _open_sqlite(path: Path) -> RDBStorage:
    try:
        # Optuna creates its tables without a lock: of several processes that start at once, all
        # but one would die.
        with locked(path.with_name(f".{path.name}.lock")):
            use_write_ahead_log(path)
            return RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 60}})
    except (OSError, SQLAlchemyError, sqlite3.Error, RuntimeError) as error:
        raise InputError(f"storage: {path}: cannot be opened: {first_line(error)}") from None


def use_write_ahead_log(path: Path) -> None:
    """Switch a SQLite file to WAL for good: readers and one writer no longer wait for each other.

    https://www.sqlite.org/wal.html
    """
    connection = sqlite3.connect(path, timeout=60)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
