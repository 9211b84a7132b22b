"""The schema of a tracking database: of this MLflow, an older or newer one, or another program.

MLflow refuses databases of other programs, but may change them first: if a table is missing, it
migrates the database without asking. So segexp looks first.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from segexp.core.credentials import without_credentials
from segexp.core.damaged_database import is_damage, refuse_damaged_file
from segexp.core.database_url import refuse_unescaped
from segexp.core.errors import InputError
from segexp.core.moved_project import ARTIFACTS

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_BOOKKEEPING = "alembic_version"  # where alembic notes the revision; Optuna's is of the same name
_FIRST_TABLES = {"experiments", "runs"}  # of every MLflow


@dataclass(frozen=True)
class _Schema:
    """What a database holds.

    Attributes:
        tables: The names of its tables, without alembic's own.
        revisions: What alembic has noted: one, or none before a first migration has finished.
    """

    tables: frozenset[str]
    revisions: tuple[str, ...]


def is_database(uri: str) -> bool:
    """Whether a tracking URI names a database, which MLflow itself opens."""
    return uri.partition(":")[0].partition("+")[0] in _DATABASES


def open_database(uri: str) -> MlflowClient:
    """Return a client of a tracking database; make MLflow's tables if it is empty.

    Args:
        uri: As MLflow takes it; the path of a SQLite file is absolute.

    Raises:
        InputError: When it is of another version of MLflow or another program, or incomplete; says
            what to do, and changes nothing.
    """
    refuse_unescaped("tracking.uri", uri)
    schema = _look(uri)
    if schema.tables and not _own_tables() <= schema.tables:
        raise InputError(_explain(uri, schema))
    try:
        if not schema.tables:
            make_tables(uri)
        return MlflowClient(tracking_uri=uri)
    except MlflowException:
        if schema.tables and schema.revisions != _known_revisions()[:1]:
            raise InputError(_explain(uri, schema)) from None
        raise


def make_tables(uri: str) -> None:
    """Make MLflow's tables in an empty database.

    MLflow would do so when a client is made, but it puts the current directory into SQL, quoted as
    Python quotes it: a path with ``'`` and ``"``, a backslash, or a word after a colon is a syntax
    error. A URI has none of these.

    Args:
        uri: As MLflow takes it; the path of a SQLite file is absolute.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415 - see below

    open_store: Callable[[str, str], SqlAlchemyStore] = SqlAlchemyStore
    open_store(uri, (Path.cwd() / ARTIFACTS).as_uri()).engine.dispose()


def _look(uri: str) -> _Schema:
    engine = create_engine(uri, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            tables = frozenset(inspect(connection).get_table_names())
            revisions: tuple[str, ...] = ()
            if _BOOKKEEPING in tables:
                rows = connection.execute(text(f"SELECT version_num FROM {_BOOKKEEPING}"))
                revisions = tuple(str(row[0]) for row in rows)
    except DatabaseError as error:
        if is_damage(error.orig):
            refuse_damaged_file("tracking.uri", Path(_place(uri)))
        raise
    return _Schema(tables - {_BOOKKEEPING}, revisions)


def _explain(uri: str, schema: _Schema) -> str:
    place, version = f"tracking.uri: {_place(uri)}", mlflow.__version__
    known = _known_revisions()
    found = ", ".join(schema.revisions)
    if not schema.tables >= _FIRST_TABLES:
        return f"{place}: is a database of another program than MLflow; {_AWAY}"
    if not found:
        return (
            f"{place}: MLflow was interrupted while it made this database: its schema has no "
            f"revision; {_AWAY}"
        )
    if found == known[0]:
        missing = ", ".join(sorted(_own_tables() - schema.tables))
        return (
            f"{place}: is damaged: its schema is revision {found}, that of MLflow {version}, but "
            f"has no {missing}; put back a copy of it, or {_AWAY}"
        )
    if found in known:
        shown = shlex.quote(_shown(uri))
        return (
            f"{place}: was written by an older MLflow: its schema is revision {found}, MLflow "
            f"{version} needs {known[0]}; make a copy of it, then run `mlflow db upgrade {shown}`"
        )
    return (
        f"{place}: was written by a newer MLflow: its schema is revision {found}, which MLflow "
        f"{version} does not know (its own is {known[0]}); upgrade MLflow: pip install -U mlflow"
    )


_AWAY = "move it away, or name another one with --set tracking.uri=sqlite:///NAME.db"


def _place(uri: str) -> str:
    url = make_url(uri)
    if url.get_backend_name() != "sqlite":
        return without_credentials(uri)
    return str(url.database).removeprefix("file:")


def _shown(uri: str) -> str:
    """Return a URI as `mlflow db upgrade` takes it."""
    is_file = make_url(uri).get_backend_name() == "sqlite"
    return f"sqlite:///{_place(uri)}" if is_file else _place(uri)


def _own_tables() -> frozenset[str]:
    # Imported here: it takes long, and a server does not need it. `utils` registers the tables.
    from mlflow.store.db import base_sql_model, utils  # noqa: F401, PLC0415

    return frozenset(base_sql_model.Base.metadata.tables)


def _known_revisions() -> tuple[str, ...]:
    """Return the revisions that this MLflow has migrations for, the newest first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - the same

    directory = Path(mlflow.__file__).parent / "store" / "db_migrations"
    scripts = ScriptDirectory(str(directory)).walk_revisions()
    return tuple(script.revision for script in scripts)
