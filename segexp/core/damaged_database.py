"""SQLite files that are damaged: found before anything is loaded or written, with the way out.

A file that is left by a torn copy or a bad disk opens well, and fails in the middle of the work.
"""

import shlex
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from segexp.core.database_url import DEFAULT_STORAGE, DEFAULT_TRACKING, sqlite_file
from segexp.core.errors import InputError, collected, first_line
from segexp.core.sqlite_file import open_for_reading

CHECKED_BYTES = 256_000_000
"""Of a larger file only the beginning and the length are checked; every page would take long."""

_DEFAULTS = {"storage": DEFAULT_STORAGE, "tracking.uri": DEFAULT_TRACKING}

_KEPT = {
    "storage": "what MLflow has recorded of its trials stays there, and the study begins anew",
    "tracking.uri": "Optuna's storage keeps the results of studies, and they go on",
}
"""What is not lost when the file of a setting is moved away."""


def refuse_damaged(project: Path, urls: Mapping[str, str | None]) -> None:
    """Refuse databases of Optuna and MLflow that are damaged; servers are not asked.

    Args:
        project: The project directory; relative paths start there.
        urls: The settings ``"storage"`` and ``"tracking.uri"``, or one of them; None is the
            project's own file.

    Raises:
        InputError: With each that is, and what to do.
    """
    faults: list[str] = []
    for what, url in urls.items():
        try:
            file = sqlite_file(url or _DEFAULTS[what], project)
        except InputError:
            continue  # in memory: refused when it is opened
        with collected(faults):
            if file is not None:
                refuse_damaged_file(what, file)
    if faults:
        raise InputError(faults)


def refuse_damaged_file(what: str, file: Path) -> None:
    """Refuse a file that is damaged or not a SQLite database; a missing file passes.

    Args:
        what: The setting that names it, ``"storage"`` or ``"tracking.uri"``.

    Raises:
        InputError: When it is, with what to do.
    """
    if not file.is_file():
        return
    try:
        reason = _damage(file)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            return  # locked or unreadable: reported when it is opened
        reason = first_line(error)
        if getattr(error, "sqlite_errorname", None) == "SQLITE_NOTADB":
            raise InputError(
                f"{what}: {file}: is not a SQLite database; move it away, or name another one with "
                f"--set {what}=sqlite:///NAME.db"
            ) from None
    except OSError:
        return
    if reason is not None:
        raise InputError(damaged(what, file, reason))


def is_damage(error: BaseException | None) -> bool:
    """Whether SQLite says that a file is damaged or not a SQLite database.

    https://www.sqlite.org/rescode.html: SQLITE_CORRUPT, also with more behind it, SQLITE_NOTADB.
    """
    name = getattr(error, "sqlite_errorname", None) or ""
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def damaged(what: str, file: Path, reason: str) -> str:
    """Say that a file is damaged, and what to do; see `refuse_damaged_file`."""
    return (
        f"{what}: {file}: this SQLite database is damaged ({reason}); put back a copy of it, or "
        f"move it away: {_KEPT[what]}. What can still be read of it: "
        f"sqlite3 {shlex.quote(str(file))} .recover | sqlite3 recovered.db"
    )


def _damage(file: Path) -> str | None:
    with closing(open_for_reading(file)) as connection:
        # A row that breaks a rule of its table does not mean that the file is damaged.
        connection.execute("PRAGMA ignore_check_constraints = ON")
        is_large = file.stat().st_size > CHECKED_BYTES
        check = "schema_version" if is_large else "quick_check(1)"
        (found,) = connection.execute(f"PRAGMA {check}").fetchone()
        is_whole = isinstance(found, int) or found == "ok" or found.startswith("NULL value in")
        return None if is_whole else str(found).strip().replace("\n", " ")
