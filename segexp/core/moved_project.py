"""A project that was moved or copied: MLflow's database has absolute paths of where it was.

MLflow has no call to change them. Without this, artifacts of a moved project would be looked for,
and new ones written, where it was before.
"""

import importlib.util
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from segexp.core.files import may_write
from segexp.core.sqlite_file import LOCK_PATIENCE_S, open_for_reading

DATABASE, ARTIFACTS = "mlflow.db", "mlruns"
"""What a bare `mlflow ui` shows of the directory that it is started in."""

_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)

# As alembic writes it at the beginning of a line.
_REVISION = re.compile(r"""^revision\s*(?::\s*str\s*)?=\s*["'](\w+)["']""", re.MULTILINE)
_DOWN_REVISION = re.compile(r"""^down_revision[^=\n]*=\s*["'](\w+)["']""", re.MULTILINE)


def follow_move(project: Path, experiment: str | None = None, database: Path | None = None) -> None:
    """Point the runs in a project's own MLflow database at its own artifacts.

    Does nothing where the file is not a database, is of another version of MLflow, which may mean
    something else by its columns, or cannot be written.

    Args:
        experiment: One that is about to be written into: its runs are pointed here even if
            nothing of them is here yet.
        database: Another database in the project than the one that `mlflow ui` shows.
    """
    database, here = database or project / DATABASE, (project / ARTIFACTS).as_uri()
    if not database.is_file():
        return
    try:
        moved = _moved(database, project / ARTIFACTS, experiment)
        if not moved or not may_write(database) or not may_write(database.parent):
            return
        with closing(sqlite3.connect(database, timeout=LOCK_PATIENCE_S)) as connection, connection:
            for there in moved:
                for table, column in _COLUMNS:
                    connection.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                        f"WHERE substr({column}, 1, ?) = ?",
                        (here, len(there) + 1, len(there) + 1, f"{there}/"),
                    )
    except (OSError, sqlite3.Error):
        return  # reported when the database is opened


def newest_revision() -> str | None:
    """Return the revision of the schema that the installed MLflow makes; None when not found.

    Its migrations are read as text: most commands need no MLflow, and its import takes seconds.
    """
    package = importlib.util.find_spec("mlflow")
    if package is None or not package.submodule_search_locations:
        return None
    versions = Path(package.submodule_search_locations[0], "store", "db_migrations", "versions")
    revisions: set[str] = set()
    before: set[str] = set()
    for script in versions.glob("*.py"):
        text = script.read_text(encoding="utf-8")
        revisions.update(_REVISION.findall(text))
        before.update(_DOWN_REVISION.findall(text))
    newest = revisions - before
    return newest.pop() if len(newest) == 1 else None


def artifacts_now(project: Path, recorded: str) -> Path | None:
    """Return the folder of a run's artifacts; None when they are not among this machine's files.

    Args:
        recorded: The run's artifact URI in the project's own database.
    """
    parts = urlsplit(recorded)
    if parts.scheme not in ("", "file"):
        return None
    path = Path(url2pathname(parts.path) if parts.scheme else recorded)
    _, found, inside = str(path).rpartition(f"/{ARTIFACTS}/")
    own = project / ARTIFACTS / inside
    return own if found and own.is_dir() else path


def _moved(database: Path, artifacts: Path, experiment: str | None) -> set[str]:
    """Return the URIs of the ``mlruns`` folders elsewhere whose experiments are here."""
    with closing(open_for_reading(database)) as connection:
        rows = connection.execute("SELECT name, artifact_location FROM experiments").fetchall()
        revisions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    moved = set()
    for name, location in rows:
        there, _, folder = str(location).rpartition("/")
        is_elsewhere = there.endswith(f"/{ARTIFACTS}") and there != artifacts.as_uri()
        is_local = there.startswith(("file:", "/"))
        is_here = name == experiment or (artifacts / url2pathname(folder)).is_dir()
        if is_elsewhere and is_local and is_here:
            moved.add(there)
    return moved if moved and revisions == [(newest_revision(),)] else set()
