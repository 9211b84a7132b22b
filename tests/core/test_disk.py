"""A full disk, as the system and the libraries say it."""

import errno
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from segexp.core.disk import FullDiskError, full_disk_explained, is_full, what_to_free
from segexp.core.errors import InputError, WorkError
from segexp.core.files import write_atomic
from tests.small_disk import fill, on_a_small_disk


def write_to_a_full_disk(disk: Path) -> dict[str, tuple[bool, str]]:
    """Let everything that writes run into a full disk; tell whether that was recognised."""
    whole = disk / "whole.txt"
    write_atomic(whole, "whole")
    database = disk / "some.db"
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE numbers (number INTEGER)")
    connection.commit()
    ballast = fill(disk, 0)

    def insert() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in range(100_000)])
        connection.commit()

    found = {}
    for name, write in {
        "write_atomic": lambda: write_atomic(whole, bytes(100_000)),
        "safetensors": lambda: save_file({"x": np.zeros(100_000)}, disk / "x.safetensors"),
        "sqlite": insert,
    }.items():
        try:
            write()
        except Exception as error:
            found[name] = (is_full(error), f"{type(error).__name__}: {error}")
    connection.rollback()
    ballast.unlink()
    (check,) = connection.execute("PRAGMA integrity_check").fetchone()
    found["afterwards"] = (check == "ok" and whole.read_text() == "whole", check)
    found["beside"] = (sorted(p.name for p in disk.glob(".*")) == [], "")
    return found


def test_what_libraries_raise_on_a_full_disk_is_recognised(tmp_path: Path) -> None:
    found = on_a_small_disk(__name__, "write_to_a_full_disk", tmp_path, "1M")
    assert set(found) == {"write_atomic", "safetensors", "sqlite", "afterwards", "beside"}
    assert all(is_right for is_right, _ in found.values()), found


def raised_from(error: Exception, cause: BaseException) -> Exception:
    try:
        raise error from cause
    except type(error) as raised:
        return raised


def raised_while(error: Exception, other: Exception) -> Exception:
    """As ``raise ... from None`` inside of an ``except``."""
    try:
        try:
            raise other
        except type(other):
            raise error from None
    except type(error) as raised:
        return raised


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        sqlite3.OperationalError("database or disk is full"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        raised_from(ValueError("could not save"), FULL),
        raised_while(WorkError("the cache cannot be written"), FULL),
        raised_from(ValueError("x"), raised_from(KeyError("y"), FULL)),
    ],
    ids=str,
)
def test_a_full_disk_is_recognised_by_number_by_text_and_by_cause(error: Exception) -> None:
    assert is_full(error)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, "Permission denied"),
        sqlite3.OperationalError("database is locked"),
        raised_from(ValueError("full of errors"), KeyError("space")),
    ],
    ids=str,
)
def test_other_errors_are_no_full_disk(error: Exception) -> None:
    assert not is_full(error)


def test_an_error_that_is_its_own_cause_ends_the_search() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert not is_full(first)


def test_what_can_be_freed_is_told_with_its_size(tmp_path: Path) -> None:
    studies = tmp_path / ".segexp" / "studies" / "tiny"
    studies.mkdir(parents=True)
    (studies / "model").write_bytes(bytes(3_000_000))
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "a").write_bytes(bytes(1_600_000))
    said = what_to_free(tmp_path)
    for words in (".segexp/studies/ 3 MB", "mlruns/ 2 MB", ".segexp/cache/ 0 MB", str(tmp_path)):
        assert words in said
    assert "run the same command again" in said


@pytest.mark.parametrize(
    ("error", "begin"),
    [
        (FULL, "OSError: [Errno 28] No space left on device; "),
        (InputError("storage: disk quota exceeded"), "storage: disk quota exceeded; "),
        (raised_while(WorkError("the cache cannot be written"), FULL), "the cache cannot be wr"),
    ],
    ids=str,
)
def test_a_full_disk_is_explained_once(tmp_path: Path, error: Exception, begin: str) -> None:
    with (
        pytest.raises(FullDiskError) as caught,
        full_disk_explained(tmp_path),
        full_disk_explained(tmp_path),
    ):
        raise error
    assert str(caught.value).startswith(begin)
    assert str(caught.value).count("free some") == 1
    assert isinstance(caught.value, WorkError)


def test_other_errors_pass_as_they_are(tmp_path: Path) -> None:
    error = InputError("no such folder")
    with pytest.raises(InputError) as caught, full_disk_explained(tmp_path):
        raise error
    assert caught.value is error
