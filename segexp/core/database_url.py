"""Database URLs: which database they name."""

import getpass
import re
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from segexp.core.credentials import is_path, without_credentials
from segexp.core.errors import InputError

# Beside the project's config.yaml, unless it says otherwise.
DEFAULT_STORAGE = "sqlite:///studies/optuna.db"
DEFAULT_TRACKING = "sqlite:///mlflow.db"

_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521}
# An @ behind the one that ends the password, as in ann:secret@host/a?application_name=ann@here.
_AT_IN_SETTING = re.compile(r"[^@?]*@[^@?]*\?\w+=[^/]*")

_THIS_MACHINE = ("", "localhost", "127.0.0.1", "::1")


def sqlite_file(url: str, project: Path) -> Path | None:
    """Return the file of a SQLite URL, or None for a URL of something else.

    Args:
        url: A database URL; ``sqlite:///`` and three slashes' path start at the project, four
            slashes at the root.

    Raises:
        InputError: When the URL asks for a database in memory, which would be lost at the end.
    """
    parsed = _parse(url)
    if parsed is None or parsed.get_backend_name() != "sqlite":
        return None
    name = (parsed.database or "").removeprefix("file:")
    if name in ("", ":memory:") or parsed.query.get("mode") == "memory":
        raise InputError(
            f"{url!r} is a database in memory, which is lost when the process ends; "
            "expected a file, as in sqlite:///studies/optuna.db"
        )
    return project / name


def optuna_url(url: URL) -> str:
    """Return a URL as Optuna takes it, with its password.

    Optuna fills in ``{SCHEMA_VERSION}`` by `str.format`; other braces are part of a name.
    """
    return url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")


def refuse_unescaped(what: str, url: str) -> None:
    """Refuse a database URL with an @ in its password.

    SQLAlchemy ends a password at its first @: drivers name the rest of it as the host or the port.

    Raises:
        InputError: When there is one.
    """
    rest = url.partition("://")[2]
    password = rest.rpartition("@")[0].partition(":")[2]
    if "@" not in password or is_path(url) or _AT_IN_SETTING.fullmatch(rest):
        return
    raise InputError(
        f"{what}: {without_credentials(url)!r}: the password in it has an @; write it as %40, "
        "and other signs likewise (/ as %2F)"
    )


def refuse_shared_database(storage: str | None, tracking_uri: str | None, project: Path) -> None:
    """Refuse one database for Optuna and for MLflow: each takes the other's tables for its own.

    Both keep their schema's version in a table called ``alembic_version``. Two schemas of one
    PostgreSQL database are two databases here (``?options=-csearch_path=NAME``).

    Args:
        storage: Optuna's URL, None for the project's own file.
        tracking_uri: MLflow's, None for the project's own file.
        project: The project directory; relative SQLite paths start there.

    Raises:
        InputError: With what to name instead.
    """
    optuna = storage or DEFAULT_STORAGE
    mlflow = tracking_uri or DEFAULT_TRACKING
    file, other = sqlite_file(optuna, project), sqlite_file(mlflow, project)
    if file and other:
        is_same = _is_same_file(file, other)
        instead = f"leave one of them out, or name another file, as in {DEFAULT_STORAGE}"
    else:
        server = _server(optuna)
        is_same = server is not None and server == _server(mlflow)
        instead = "name a database of its own for each (`createdb NAME` on PostgreSQL)"
    if is_same:
        raise InputError(
            f"storage: {without_credentials(optuna)} and tracking.uri: "
            f"{without_credentials(mlflow)} are the same database, and Optuna and MLflow cannot "
            f"share one; {instead}"
        )


def _is_same_file(file: Path, other: Path) -> bool:
    if file.resolve() == other.resolve():
        return True
    return file.exists() and other.exists() and file.samefile(other)


def _server(url: str) -> tuple[str, ...] | None:
    """Return what tells a server's database from others, or None when the URL names none."""
    parsed = _parse(url)
    if parsed is None or parsed.get_backend_name() not in _PORTS:
        return None
    backend = parsed.get_backend_name()
    # PostgreSQL takes the host, the port and the rest from the query as well.
    query = {key: value for key, value in parsed.query.items() if isinstance(value, str)}
    host = (query.get("host") or parsed.host or "").lower()
    if host.startswith("/") or host in _THIS_MACHINE:  # a folder is where its local socket is
        host = "localhost"
    port = query.get("port") or str(parsed.port or _PORTS[backend])
    user = query.get("user") or parsed.username or getpass.getuser()
    database = query.get("dbname") or parsed.database or user
    schema = re.search(r"search_path=([^\s,&]+)", query.get("options", ""))
    return (
        "mysql" if backend == "mariadb" else backend,
        host,
        port,
        database,
        schema[1] if schema else "",
    )


def _parse(url: str) -> URL | None:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        return None
