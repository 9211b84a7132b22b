"""Optuna's storage on a database server."""

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy.dialects
from optuna.exceptions import StorageInternalError
from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from segexp.core.credentials import without_credentials
from segexp.core.database_url import optuna_url, refuse_unescaped
from segexp.core.errors import InputError, did_you_mean
from segexp.study.storage.database_errors import (
    database_error,
    is_passing,
    is_refused,
    next_step,
    reason_of,
)
from segexp.study.storage.mysql import widen_columns
from segexp.study.storage.proxy import is_proxy, open_proxy
from segexp.study.storage.retrying import RetryingStorage
from segexp.study.storage.waiting import PATIENCE, Patience


def open_server(url: str, patience: float = PATIENCE, *, is_known: bool = False) -> RetryingStorage:
    """Open the database of a server as Optuna's storage, and make its tables where there are none.

    Args:
        patience: For how many seconds its calls wait for an answer.
        is_known: Whether it answered before: then it is waited for already here, unless it
            refuses the user or the password, which may be another host's.

    Raises:
        InputError: When it cannot be opened; without the password.
        AwayError: When it was waited for in vain.
    """
    name = without_credentials(url)
    with _refused_in_one_line(url) as parsed:
        options = _engine_options(parsed)

        def make(is_repeated: bool = False) -> RetryingStorage:
            return _make_tables(optuna_url(parsed), name, options, patience)

        return Patience(name, patience).until_answered(make, _why_away) if is_known else make()


def _why_away(error: Exception) -> str | None:
    cause = database_error(error)
    if cause is None or is_refused(cause) or not is_passing(cause):
        return None
    return reason_of(cause)


def ask_server(url: str) -> None:
    """Connect to the database of a server, or to a proxy, once; nothing in it is changed.

    Raises:
        InputError: When it cannot be opened; a server that is cut off is waited for for 10 s.
    """
    if is_proxy(url):
        open_proxy(url, 0)
        return
    with _refused_in_one_line(url) as parsed:
        create_engine(parsed, poolclass=NullPool, **_engine_options(parsed)).connect().close()


@contextmanager
def _refused_in_one_line(url: str) -> Iterator[URL]:
    """Give a URL with its driver, and raise what goes wrong with it as an `InputError`."""
    refuse_unescaped("storage", url)
    name = without_credentials(url)
    try:
        yield _with_installed_driver(make_url(url))
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        reason = _unknown_scheme(url) or without_credentials(reason_of(error))
        raise InputError(
            f"storage: {name!r} cannot be opened ({reason}); "
            "expected an Optuna URL such as sqlite:///studies/optuna.db, postgresql://... or "
            "mysql://... (with its driver: `pip install 'segexp[postgresql]'` or "
            "'segexp[mysql]'), grpc://HOST:PORT or journal:studies/optuna.log"
        ) from None
    # RuntimeError: the tables are of another version of Optuna, and Optuna says what to do.
    except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        raise InputError(
            f"storage: {name!r} cannot be opened: {without_credentials(reason_of(error))}"
            f"{next_step(error)}"
        ) from None


_SCHEMES = ("sqlite", "postgresql", "mysql", "mariadb", "grpc", "journal")


def _unknown_scheme(url: str) -> str | None:
    """Say of a URL's scheme that there is none of its name, and which one is meant."""
    scheme = url.partition(":")[0]
    dialect, plus, driver = scheme.partition("+")
    # SQLAlchemy's others, and those that a package adds, were looked for by who asks here.
    if dialect in (*_SCHEMES, *sqlalchemy.dialects.__all__) or not re.fullmatch(
        r"[\w.-]+", dialect
    ):
        return None
    if dialect.lower() == "postgres":  # libpq's other name, of which hosting services' URLs have
        return f"there is no {scheme}://; write it as postgresql{plus}{driver}://"
    return f"there is no {scheme}://{did_you_mean(dialect, _SCHEMES)}"


def _make_tables(url: str, name: str, options: dict[str, Any], patience: float) -> RetryingStorage:
    """Open a server's database, also while other processes make its tables as well.

    Optuna creates its tables without a lock, and the processes may be on several machines. Those
    that come second fail because a table is there, and find all of them when they try again.
    """
    for _ in range(9):
        try:
            return _make_once(url, name, options, patience)
        except (SQLAlchemyError, StorageInternalError) as error:
            cause = database_error(error)
            said = str(cause.orig) if cause else ""
            is_made_by_another = "exists" in said or "duplicate" in said.lower()
            if not (is_made_by_another or (cause and cause.connection_invalidated)):
                raise
        time.sleep(random.uniform(0.1, 0.5))
    return _make_once(url, name, options, patience)


def _make_once(url: str, name: str, options: dict[str, Any], patience: float) -> RetryingStorage:
    storage = RetryingStorage(url, name, options, patience)
    engine = storage.engine
    if engine.dialect.name == "mysql":
        widen_columns(engine)
    tell = _tell_postgresql if engine.dialect.name == "postgresql" else None
    if getattr(engine.dialect, "is_mariadb", False):
        tell = _tell_mariadb
    if tell is not None:
        event.listen(engine, "connect", tell)
        engine.dispose()  # those that made the tables were not told
    return storage


IDLE_SECONDS = 30
"""How long PostgreSQL and MariaDB keep a transaction in which nothing is asked.

A host that is frozen or cut off in one holds rows that all others need, and the server would notice
that it is gone after 2 hours. One that comes back repeats its call."""

SILENCE_SECONDS = 60
"""After how long a connection ends whose other side is gone, on either side."""

_DRIVERS = {"postgresql": ("psycopg2", "psycopg"), "mysql": ("pymysql", "mysqldb")}


def _tell_postgresql(connection: Any, record: Any) -> None:
    """Have the server end a connection whose host is gone, as this side ends one whose server is.

    Not by `options` in the URL, which connection poolers refuse.
    https://www.postgresql.org/docs/current/runtime-config-connection.html
    """
    settings = {
        "idle_in_transaction_session_timeout": 1000 * IDLE_SECONDS,
        "tcp_keepalives_idle": SILENCE_SECONDS // 2,
        "tcp_keepalives_interval": SILENCE_SECONDS // 6,
        "tcp_keepalives_count": 3,
        "tcp_user_timeout": 1000 * SILENCE_SECONDS,
    }
    with connection.cursor() as cursor:
        cursor.execute("".join(f"SET {name} = {value};" for name, value in settings.items()))
    connection.commit()


def _tell_mariadb(connection: Any, record: Any) -> None:
    # MySQL has nothing like it. https://mariadb.com/docs/server/ha-and-performance/optimization-
    # and-tuning/system-variables/server-system-variables#idle_transaction_timeout
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION idle_transaction_timeout = {IDLE_SECONDS}")


def _with_installed_driver(url: URL) -> URL:
    """Name the driver of a ``postgresql://`` or ``mysql://`` URL: one that is installed.

    MariaDB is a MySQL to Optuna.
    """
    url = url.set(drivername=url.drivername.replace("mariadb", "mysql", 1))
    for driver in _DRIVERS.get(url.drivername, ()):
        named = url.set(drivername=f"{url.drivername}+{driver}")
        try:
            named.get_dialect().import_dbapi()
        except ImportError:
            continue
        return named
    return url


def _engine_options(url: URL) -> dict[str, Any]:
    # Not `pool_pre_ping`: a connection that broke meanwhile is noticed by the first call, which is
    # repeated; asking before each call made as many statements again, and a third more with the
    # isolation level, which psycopg2 sets anew around each.
    options: dict[str, Any] = {}
    if url.get_backend_name() in _DRIVERS:
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
            "tcp_user_timeout": 1000 * SILENCE_SECONDS,  # keepalives stop while data is on its way
        }
        options["connect_args"] = {k: v for k, v in wanted.items() if k not in url.query}
    if url.get_driver_name() == "pymysql":
        # The same; a lock is waited for by 50 s (innodb_lock_wait_timeout).
        wanted = {"connect_timeout": 10, "read_timeout": 90, "write_timeout": 90}
        options["connect_args"] = {k: v for k, v in wanted.items() if k not in url.query}
    return options
