"""SQLite files: their write-ahead logs, and how to read them without permission to write.

https://www.sqlite.org/wal.html
"""

import atexit
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from segexp.core.files import may_write

LOCK_PATIENCE_S = 60.0
"""So long another process's lock is waited for."""


def use_write_ahead_log(path: Path) -> None:
    """Switch a SQLite file to WAL for good: readers and one writer no longer wait for each other.

    A missing file is made; SQLite itself removes what a deleted one left behind.
    """
    with closing(sqlite3.connect(path, timeout=LOCK_PATIENCE_S)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def has_tables(path: Path) -> bool:
    """Whether there is a SQLite file with a table in it.

    Raises:
        sqlite3.Error: When it is not a SQLite file, or cannot be read.
    """
    if not path.is_file():
        return False
    with closing(open_for_reading(path)) as connection:
        return _has_tables(connection)


def fill_empty(path: Path, source: Path) -> bool:
    """Copy tables and rows of a SQLite file into one without tables, all of them or none.

    The file is never replaced: another process may have it open, and what that one has written
    would be lost with it. Of several processes that fill it at once one does, whatever locks they
    know of: SQLite's own decides. A file that is not there is made; what a deleted one left beside
    it SQLite itself removes.

    Args:
        source: A whole database that nobody writes.

    Returns:
        Whether it was filled; a file with tables is left as it is.

    Raises:
        sqlite3.Error: When it cannot be written.
    """
    with (
        closing(sqlite3.connect(source)) as whole,
        closing(sqlite3.connect(path, timeout=LOCK_PATIENCE_S, isolation_level=None)) as connection,
    ):
        connection.execute("BEGIN IMMEDIATE")
        if _has_tables(connection):
            return False
        # The first and the last statement begin and end a transaction, which is here already.
        for statement in [*whole.iterdump()][1:-1]:
            connection.execute(statement)
        connection.execute("COMMIT")
    return True


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is not None


def reading_uri(path: Path) -> str:
    """Return the URI by which SQLite reads a file without leaving anything beside it.

    Who may write it reads it as any writer does: the log is put away by the last one that closes
    it. Who may not reads it with its log where a writer has it open. Where nobody has, SQLite
    would make a log beside it, which its owner could not write then: it is told that the file
    does not change. What a process that died left in a log without an index is read from a copy.

    A file that keeps no such log, as one that another program made, is locked while it is written.

    Args:
        path: The file, which is there.
    """
    if may_write(path) and may_write(path.parent):
        return f"file:{quote(str(path))}?mode=rw"
    log, index = (path.with_name(path.name + ending) for ending in ("-wal", "-shm"))
    if not _keeps_a_log(path) or (index.exists() and log.exists() and log.stat().st_size):
        return f"file:{quote(str(path))}?mode=ro"
    if not log.exists() or log.stat().st_size == 0:
        return f"file:{quote(str(path))}?mode=ro&immutable=1"
    return f"file:{quote(str(_copy(path, log)))}?mode=rw"


def _keeps_a_log(path: Path) -> bool:
    """Whether a database is in WAL mode: https://www.sqlite.org/fileformat.html, bytes 18, 19."""
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\x02\x02"


def open_for_reading(path: Path, *, any_thread: bool = False) -> sqlite3.Connection:
    """Open a SQLite file that is there; what would change it fails.

    Args:
        any_thread: Whether the connection may be handed from one thread to another.

    Raises:
        OSError: When it cannot be copied, see `reading_uri`.
        sqlite3.Error: When it cannot be opened.
    """
    connection = sqlite3.connect(
        reading_uri(path), uri=True, timeout=LOCK_PATIENCE_S, check_same_thread=not any_thread
    )
    connection.execute("PRAGMA query_only=ON")
    return connection


def _copy(path: Path, log: Path) -> Path:
    """Copy a file and its log to where this process may write, until it ends."""
    directory = Path(tempfile.mkdtemp(prefix="segexp-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    for file in (path, log):
        shutil.copyfile(file, directory / file.name)
    return directory / path.name
