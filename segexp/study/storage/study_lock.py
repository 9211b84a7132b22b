"""One process at a time decides about a study's trials, on however many hosts.

A file lock serialises the processes of a project. Hosts have the server of their storage in common:
PostgreSQL and MySQL lock a name for whoever asks, and free it when the connection ends. Where
hosts have no lock in common, as behind a gRPC proxy, the trials' numbers decide between them, see
`segexp.study.ask.reason_to_drop`.
"""

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from segexp.core.config import WORK_DIRECTORY
from segexp.core.files import locked
from segexp.study.storage.access import backend_of
from segexp.study.storage.database_errors import sql_state
from segexp.study.storage.retrying import RetryingStorage

PATIENCE_S = 30.0
"""After so long the lock is gone without: who holds it is frozen or cut off, and a study must not
wait for that. A decision takes milliseconds."""

_TURN_S = 2.0  # of one statement that waits; signals are looked at between two

_NOT_AVAILABLE = "55P03"  # https://www.postgresql.org/docs/current/errcodes-appendix.html


def lock_of(project: Path, study: str) -> Path:
    """Return the lock of a project's processes under which a study's trials are taken."""
    return project / WORK_DIRECTORY / "locks" / f"{study}.lock"


def begin_of(name: str) -> str:
    """Return what is locked while a study is begun whose name begins like this."""
    return f"{name}.begin"


def files_lock_of(project: Path, study: str) -> Path:
    """Return the lock under which a project's processes delete files of a study's trials."""
    return lock_of(project, f"{study}.files")


@contextmanager
def study_lock(storage: BaseStorage, project: Path, name: str) -> Iterator[None]:
    """Hold the lock under which a study is opened, and its trials are taken and closed.

    Args:
        name: The study's name.

    Raises:
        WorkError: When the storage does not answer.
    """
    backend = backend_of(storage)
    with locked(lock_of(project, name)):
        if not isinstance(backend, RetryingStorage) or backend.dialect not in _LOCKS:
            yield
            return
        connection = _acquire(backend, name)
        try:
            yield
        finally:
            if connection is not None:
                _release(connection, name)


def _acquire(backend: RetryingStorage, name: str) -> Connection | None:
    """Return the connection that holds the lock; None when it was not to be had."""
    lock = _LOCKS[backend.dialect]

    def attempt(is_repeated: bool) -> Connection | None:
        try:
            connection = backend.engine.connect()
            try:
                if lock(connection, name):
                    return connection
            except BaseException:
                _discard(connection)
                raise
            connection.close()
        except SQLAlchemyError as error:
            raise StorageInternalError from error  # as what Optuna asks of a database fails
        return None

    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if (connection := backend.until_answered(attempt)) is not None:
            return connection
    return None


def _lock_in_postgresql(connection: Connection, name: str) -> bool:
    # Until the end of the transaction: it holds behind a connection pooler, too.
    # https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADVISORY-LOCKS
    try:
        connection.execute(text(f"SET LOCAL lock_timeout = {int(1000 * _TURN_S)}"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _key(name)})
    except DBAPIError as error:
        if sql_state(error) != _NOT_AVAILABLE:
            raise
        connection.rollback()
        return False
    return True


def _lock_in_mysql(connection: Connection, name: str) -> bool:
    # https://dev.mysql.com/doc/refman/8.4/en/locking-functions.html
    got = connection.execute(
        text("SELECT GET_LOCK(CONCAT(:prefix, CRC32(DATABASE())), :seconds)"),
        {"prefix": _prefix(name), "seconds": _TURN_S},
    )
    return bool(got.scalar_one() == 1)


_LOCKS = {
    "postgresql": _lock_in_postgresql,
    "mysql": _lock_in_mysql,
    "mariadb": _lock_in_mysql,
}


def _release(connection: Connection, name: str) -> None:
    # A connection that broke meanwhile has lost the lock, which the server gave to the next.
    try:
        if connection.dialect.name != "postgresql":
            connection.execute(
                text("SELECT RELEASE_LOCK(CONCAT(:prefix, CRC32(DATABASE())))"),
                {"prefix": _prefix(name)},
            )
        connection.rollback()
        connection.close()
    except SQLAlchemyError:
        _discard(connection)


def _discard(connection: Connection) -> None:
    """End a connection for good: what it may still hold is freed by its end."""
    with suppress(SQLAlchemyError):
        connection.invalidate()
        connection.close()


def _key(name: str) -> int:
    """Return a number of 64 bits, signed as PostgreSQL takes it; others may use small ones."""
    return zlib.crc32(b"segexp") << 31 | zlib.crc32(name.encode()) >> 1


def _prefix(name: str) -> str:
    """Return what a lock's name begins with; MySQL's are a server's, and at most 64 characters."""
    return f"segexp-{zlib.crc32(name.encode()):08x}-"
