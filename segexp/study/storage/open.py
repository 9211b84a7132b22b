"""Optuna's storage: where studies and trials live."""

import sqlite3
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from segexp.core.damaged_database import refuse_damaged_file
from segexp.core.database_url import DEFAULT_STORAGE, optuna_url, sqlite_file
from segexp.core.disk import refuse_network_file_system
from segexp.core.errors import InputError, did_you_mean
from segexp.core.files import locked
from segexp.core.sqlite_file import LOCK_PATIENCE_S, open_for_reading, use_write_ahead_log
from segexp.study.attributes import LISTED, PART_RUNS
from segexp.study.storage.database_errors import reason_of
from segexp.study.storage.journal import open_journal
from segexp.study.storage.proxy import is_proxy, open_proxy
from segexp.study.storage.retrying import RetryingStorage
from segexp.study.storage.server import open_server
from segexp.study.storage.waiting import PATIENCE, READING_PATIENCE

_ELSEWHERE = "a study in another storage is found with --storage URL"
_NO_STUDY = f"no study has been run in this project yet; start one with `segexp tune`; {_ELSEWHERE}"


def open_storage(
    url: str | None, project: Path, patience: float = PATIENCE, *, is_known: bool = False
) -> BaseStorage:
    """Open Optuna's storage, and create it where it is not there yet.

    Args:
        url: Any URL that Optuna takes, ``journal:PATH`` for a journal file, ``grpc://HOST:PORT``
            for a proxy, or None for ``studies/optuna.db`` in the project.
        project: The project directory; a relative SQLite or journal path starts there.
        patience: For how many seconds a call waits for a database that does not answer.
        is_known: Whether it was opened before by this command: then a server is waited for already
            here, and else refused.

    Raises:
        InputError: When the URL names no database that can be opened, or a SQLite file on a
            network file system. Passwords are not shown.
    """
    hush_optuna()
    if (journal := _journal_file(url, project)) is not None:
        return open_journal(journal)
    if url is not None and is_proxy(url):
        return open_proxy(url, patience, is_known=is_known)
    url, file = url or DEFAULT_STORAGE, _sqlite_file(url, project)
    if file is None:
        storage = open_server(url, patience, is_known=is_known)
    else:
        storage = _open_sqlite(url, file, patience)
    # With Optuna's cache in front, as where Optuna opens a URL itself.
    return optuna.storages.get_storage(storage)


def read_storage(url: str | None, project: Path) -> BaseStorage:
    """Open Optuna's storage to read what is there: nothing is made, and no permission needed.

    Raises:
        InputError: When there is no such storage, or it cannot be opened.
    """
    hush_optuna()
    file = storage_file(url, project)
    if file is None:
        return open_storage(url, project, READING_PATIENCE)
    if _journal_file(url, project) is None:
        refuse_damaged_file("storage", file)
    if not file.is_file():
        where = "" if url is None else f" (storage: {file}: no such file)"
        raise InputError(f"{_NO_STUDY}{where}")
    if _journal_file(url, project):
        return open_journal(file)
    return optuna.storages.get_storage(_read_sqlite(file))


def storage_file(url: str | None, project: Path) -> Path | None:
    """Return the file of a storage, SQLite's or a journal; None for that of a server.

    Raises:
        InputError: When the URL names a database in memory.
    """
    return _journal_file(url, project) or _sqlite_file(url, project)


def has_storage(url: str | None, project: Path) -> bool:
    """Whether there is a storage to look into: its file is there, or it is that of a server."""
    file = storage_file(url, project)
    return file is None or file.is_file()


def hush_optuna() -> None:
    """Leave out Optuna's own account of each trial, and its warnings of what is experimental.

    A user can do nothing about either.
    """
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def load_study(storage: BaseStorage, name: str | None) -> optuna.Study:
    """Load a study by its name, or of those that search the one that began a trial last.

    Without a name, studies that are part of an A/B study are left aside; where there are none but
    these, it is the A/B study of the last one.

    Raises:
        InputError: When there is no such study, with a did-you-mean.
    """
    known = optuna.get_all_study_names(storage)
    if not known:
        raise InputError(_NO_STUDY)
    if name is not None and name not in known:
        raise InputError(
            f"no study {name!r}{did_you_mean(name, known)}; there are "
            f"{', '.join(begun_studies(storage))}; {_ELSEWHERE}"
        )
    if name is not None:
        return optuna.load_study(study_name=name, storage=storage)
    studies = [optuna.load_study(study_name=other, storage=storage) for other in known]
    searching = [study for study in studies if not study.user_attrs.get(LISTED)]
    parts = {part: study for study in studies for part in part_studies(study)}
    alone = [s for s in searching if s.study_name not in parts and not part_studies(s)]
    last = max(alone or searching or studies, key=_last_begin)
    return parts.get(last.study_name, last)


def begun_studies(storage: BaseStorage) -> list[str]:
    """Return the names of the studies that people began, sorted.

    A study that has parts has others below it, which train what its searches found.
    """
    studies = storage.get_all_studies()
    begun = [study for study in studies if not study.user_attrs.get(LISTED)]
    return sorted(study.study_name for study in begun or studies)


def part_studies(study: optuna.Study) -> list[str]:
    """Return the names of the studies that are parts of a study."""
    return [f"{study.study_name}-{part}" for part in study.user_attrs.get(PART_RUNS, {})]


def revisions(storage: BaseStorage, name: str) -> list[str]:
    """Return the revisions of a study, itself first; see `segexp.study.revision`."""
    known = set(optuna.get_all_study_names(storage))
    names = [name] if name in known else []
    while names and (following := f"{name}-rev{len(names) + 1}") in known:
        names.append(following)
    return names


def newest_revision(storage: BaseStorage, name: str) -> str | None:
    """Return the newest revision of a study; None when there is but the study itself."""
    return next(iter(revisions(storage, name)[:0:-1]), None)


def _last_begin(study: optuna.Study) -> datetime:
    trials = study.get_trials(deepcopy=False)
    return max((t.datetime_start for t in trials if t.datetime_start), default=datetime.min)


def _journal_file(url: str | None, project: Path) -> Path | None:
    """Return the file of a ``journal:PATH`` storage; None for any other."""
    if url is None or not url.startswith("journal:"):
        return None
    return project / url.removeprefix("journal:").removeprefix("//")


def _sqlite_file(url: str | None, project: Path) -> Path | None:
    try:
        return sqlite_file(url or DEFAULT_STORAGE, project)
    except InputError as error:
        raise InputError(f"storage: {error}") from None


def _open_sqlite(url: str, path: Path, patience: float) -> RetryingStorage:
    refuse_network_file_system(path, "storage")
    parsed = make_url(url).set(database=str(path))
    timeout = {} if "timeout" in parsed.query else {"timeout": LOCK_PATIENCE_S}
    # Optuna creates its tables without a lock: of several processes that start at once, all but one
    # would die.
    with _refused_in_one_line(path), locked(path.with_name(f".{path.name}.lock")):
        use_write_ahead_log(path)
        options = {"connect_args": timeout}
        storage = RetryingStorage(optuna_url(parsed), str(path), options, patience)
    _dispose_in_time(storage)
    return storage


def _read_sqlite(path: Path) -> RetryingStorage:
    url = optuna_url(URL.create("sqlite", database=str(path)))
    connect = partial(open_for_reading, path, any_thread=True)
    with _refused_in_one_line(path):
        storage = RetryingStorage(
            url, str(path), {"creator": connect}, READING_PATIENCE, makes_tables=False
        )
    _dispose_in_time(storage)
    return storage


@contextmanager
def _refused_in_one_line(path: Path) -> Iterator[None]:
    try:
        yield
    # RuntimeError: the tables are of another version of Optuna, and Optuna says what to do.
    except (OSError, sqlite3.Error, SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        raise InputError(f"storage: {path}: cannot be opened: {reason_of(error)}") from None


def _dispose_in_time(storage: RetryingStorage) -> None:
    # When its last connection is closed, SQLite moves what is in its log into the file: who copies
    # that alone has everything. Python's end would not do it, see `segexp.__main__`.
    weakref.finalize(storage, storage.engine.dispose)
