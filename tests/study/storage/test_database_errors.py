import sqlite3
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from segexp.study.storage.database_errors import (
    database_error,
    is_passing,
    is_refused,
    is_wrong_call,
    next_step,
    reason_of,
)


class OriginalError(Exception):
    """Of a driver of PostgreSQL, without a SQLSTATE."""

    pgcode = None


def raised(kind: type[DBAPIError], original: object, lost: bool = False) -> DBAPIError:
    return kind("SELECT secret", {}, original, connection_invalidated=lost)


def of_postgresql(state: str | None) -> object:
    return SimpleNamespace(pgcode=state)


def of_sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("said by SQLite")
    error.sqlite_errorcode = code
    return error


# https://www.sqlite.org/rescode.html: 5 busy, 6 locked, 517 busy_snapshot, 10 I/O, 11 corrupt.
@pytest.mark.parametrize(
    ("code", "passes"), [(5, True), (6, True), (517, True), (10, False), (11, False)]
)
def test_a_locked_sqlite_file_may_be_free_in_a_moment(code: int, passes: bool) -> None:
    assert is_passing(raised(OperationalError, of_sqlite(code))) == passes


# https://www.postgresql.org/docs/current/errcodes-appendix.html
@pytest.mark.parametrize(
    ("state", "passes"),
    [
        ("08006", True),  # connection_failure
        ("40P01", True),  # deadlock_detected
        ("53300", True),  # too_many_connections
        ("57P01", True),  # admin_shutdown
        (None, True),  # no connection was made
        ("53100", False),  # disk_full
        ("28P01", False),  # invalid_password
    ],
)
def test_outages_and_deadlocks_of_postgresql_pass(state: str | None, passes: bool) -> None:
    assert is_passing(raised(OperationalError, of_postgresql(state))) == passes


# https://mariadb.com/docs/server/reference/error-codes
@pytest.mark.parametrize(
    ("code", "passes"),
    [
        (1040, True),  # too many connections
        (1205, True),  # lock wait timeout
        (1213, True),  # deadlock
        (1927, True),  # connection was killed
        (2003, True),  # no connection was made
        (2006, True),  # server has gone away
        (2013, True),  # lost connection during a query
        (1045, False),  # access denied
        (1049, False),  # unknown database
        (1021, False),  # disk full
        (1114, False),  # the table is full
    ],
)
def test_outages_and_deadlocks_of_mariadb_pass(code: int, passes: bool) -> None:
    original = SimpleNamespace(args=(code, "said by MariaDB"))
    assert is_passing(raised(OperationalError, original)) == passes


def test_what_was_asked_may_be_wrong_unless_the_connection_was_lost_over_it() -> None:
    assert is_wrong_call(raised(IntegrityError, of_postgresql("23505")))
    assert not is_wrong_call(raised(OperationalError, of_postgresql("08006")))
    lost = raised(ProgrammingError, of_postgresql("42601"), lost=True)
    assert not is_wrong_call(lost) and is_passing(lost)


def test_the_reason_is_the_databases_in_one_line_without_the_statement() -> None:
    original = raised(OperationalError, of_sqlite(11))
    complaint = RuntimeError("complains of what came next")
    complaint.__context__ = original
    assert database_error(complaint) is original
    assert reason_of(complaint) == "said by SQLite"
    assert database_error(ValueError("a")) is None
    assert reason_of(ValueError("first\nsecond")) == "first"


# What libpq and servers of PostgreSQL 15 say of a connection that is not made.
@pytest.mark.parametrize(
    ("said", "is_answer"),
    [
        ("fe_sendauth: no password supplied", True),
        ('FATAL:  password authentication failed for user "bob"', True),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "bob", no encryption', True),
        ('FATAL:  role "bob" does not exist', True),
        ('FATAL:  database "studies" does not exist', True),
        ("Connection refused", False),
        ("FATAL:  the database system is starting up", False),
        ("FATAL:  sorry, too many clients already", False),
        ("timeout expired", False),
        ('could not translate host name "db" to address: Name or service not known', False),
    ],
)
def test_who_is_not_let_in_is_told_from_a_server_that_is_away(said: str, is_answer: bool) -> None:
    said = f'connection to server at "10.0.0.5", port 5432 failed: {said}'
    error = raised(OperationalError, OriginalError(said))
    assert is_refused(error) == is_answer
    assert is_passing(error)  # of a server that was open before


# As libpq and servers of MariaDB say it.
@pytest.mark.parametrize(
    ("original", "step"),
    [
        (
            sqlite3.Error('connection to "h", port 5432 failed: fe_sendauth: no password supplied'),
            "; put the password into ~/.pgpass or PGPASSWORD, or name it in the URL",
        ),
        (
            sqlite3.Error(1045, "Access denied for user 'ann'@'h' (using password: NO)"),
            "; it wants a password: name it in the URL",
        ),
        (sqlite3.Error(1045, "Access denied for user 'ann'@'h' (using password: YES)"), None),
        (
            sqlite3.Error(1044, "Access denied for user 'ann'@'h' to database 'a'"),
            "; the user needs rights on Optuna's tables: GRANT ALL ON DATABASE.* TO USER",
        ),
        (
            sqlite3.Error(1142, "SELECT command denied to user 'ann'@'h' for table `a`.`studies`"),
            "; the user needs rights on Optuna's tables: GRANT ALL ON DATABASE.* TO USER",
        ),
        (sqlite3.Error(2003, "Can't connect to MySQL server on 'h'"), None),
        (sqlite3.Error("connection to server failed: Connection refused"), None),
    ],
)
def test_a_user_who_is_not_let_in_is_told_what_to_do(original: Exception, step: str | None) -> None:
    told = next_step(raised(OperationalError, original))
    assert told.startswith(step) if step else told == ""


def test_nothing_is_advised_of_what_no_database_said() -> None:
    assert next_step(RuntimeError("no password supplied")) == ""
