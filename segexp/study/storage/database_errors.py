"""What a database raised: whether it may pass, and what to say of it."""

import re

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)

from segexp.core.errors import first_line

# https://mariadb.com/docs/server/reference/error-codes, and the client's own from 2000 on.
_MYSQL_PASSING = frozenset(
    {
        *(1040, 1203, 1226),  # too many connections, of all, of a user, in an hour
        *(1205, 1213, 1020, 1412),  # a lock's timeout, a deadlock, a row or a table that changed
        *(1053, 1077, 1927, 1317, 3024),  # shutting down, killed, interrupted
        *(1290, 1836),  # read-only: another one takes over
        *(2002, 2003, 2006, 2013, 2014, 2055, 4031),  # no connection, or lost
    }
)

# Of a connection that is not made PostgreSQL's drivers give no SQLSTATE, only what libpq and the
# server say. A server that says it in another language than English is waited for.
_REFUSED_BY_POSTGRESQL = re.compile(
    r"no password supplied|authentication failed|no pg_hba\.conf entry|pg_hba\.conf rejects"
    r"|(?:role|database) .* does not exist|is not permitted to log in"
    r"|permission denied for database"
)


def is_wrong_call(error: DBAPIError) -> bool:
    """Whether what was asked of a database is wrong, rather than the database unwell."""
    wrong = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
    return isinstance(error, wrong) and not error.connection_invalidated


def is_passing(error: DBAPIError) -> bool:
    """Whether what a database raised may be gone in a moment: outages, locks, deadlocks."""
    if error.connection_invalidated:
        return True
    original = error.orig
    sqlite_code = getattr(original, "sqlite_errorcode", None)
    if sqlite_code is not None:  # https://www.sqlite.org/rescode.html: the low byte is the kind
        return sqlite_code & 0xFF in (5, 6)  # SQLITE_BUSY, SQLITE_LOCKED
    if (code := _mysql_code(original)) is not None:
        return code in _MYSQL_PASSING
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    # https://www.postgresql.org/docs/current/errcodes-appendix.html. Without one it is the
    # connection that could not be made.
    state = sql_state(error)
    return state is None or state.startswith(("08", "40", "53300", "57P"))


def is_refused(error: DBAPIError) -> bool:
    """Whether a server of PostgreSQL answers that it lets nobody in with such a user and password.

    For a server that is opened. Of one that was open, `is_passing` takes it for an outage: then it
    may be about to come back.
    """
    return sql_state(error) is None and bool(_REFUSED_BY_POSTGRESQL.search(str(error.orig)))


def sql_state(error: DBAPIError) -> str | None:
    """Return the SQLSTATE that a driver of PostgreSQL gives; None of any other, or without one."""
    original = error.orig
    return getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)


def _mysql_code(original: object) -> int | None:
    """Return the number of an error of MySQL's or MariaDB's drivers; None of any other."""
    code = next(iter(getattr(original, "args", ())), None)
    return code if isinstance(code, int) else None


def database_error(error: BaseException | None) -> DBAPIError | None:
    """Return what the database itself raised behind an error of Optuna's or SQLAlchemy's, if so.

    SQLAlchemy may wrap the end of a connection into complaints about what was done next.
    """
    while error is not None and not isinstance(error, DBAPIError):
        error = error.__cause__ or error.__context__
    return error


def reason_of(error: BaseException) -> str:
    """Return what the database said, or else the error, in one line and without the statement."""
    cause = database_error(error)
    return first_line(cause.orig or cause) if cause else first_line(error)


_NAME_A_PASSWORD = "name it in the URL of SEGEXP_STORAGE or --storage-file"  # no command line


def next_step(error: BaseException) -> str:
    """Return what to do where a server lets a user in nowhere or not far enough, else ``""``."""
    cause = database_error(error)
    step = None
    if cause is not None:
        step = _step_of_postgresql(cause) or _step_of_mysql(cause)
    return f"; {step}" if step else ""


def _step_of_postgresql(error: DBAPIError) -> str | None:
    said = reason_of(error)
    if "no password supplied" in said:
        return f"put the password into ~/.pgpass or PGPASSWORD, or {_NAME_A_PASSWORD}"
    if sql_state(error) != "42501":  # insufficient_privilege
        return None
    if found := re.search(r"permission denied for schema (\S+)", said):
        return (
            "the user needs the right to make Optuna's tables, which from PostgreSQL 15 on only "
            f"the owner of a database has: GRANT CREATE ON SCHEMA {found[1]} TO USER"
        )
    return (
        "the user needs rights on Optuna's tables: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL "
        "TABLES IN SCHEMA public TO USER; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO USER"
    )


def _step_of_mysql(error: DBAPIError) -> str | None:
    code = _mysql_code(error.orig)
    if code == 1045 and "using password: NO" in reason_of(error):
        return f"it wants a password: {_NAME_A_PASSWORD}"
    if code in (1044, 1142):  # of a database, of a table
        return "the user needs rights on Optuna's tables: GRANT ALL ON DATABASE.* TO USER"
    return None
