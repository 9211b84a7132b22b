"""SQLite files read by who may not write them, and what deleted ones leave behind."""

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient

from segexp import tracking
from segexp.core.damaged_database import refuse_damaged_file
from segexp.core.sqlite_file import fill_empty, has_tables, open_for_reading, use_write_ahead_log
from segexp.study.storage.open import open_storage


@pytest.fixture(params=["a", "a b%20c?d#e", "ü日本"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / request.param).mkdir()
    path: Path = tmp_path / request.param / "t.db"
    use_write_ahead_log(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (1)")
    return path


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for another user; root may write everything."""
    monkeypatch.setattr("segexp.core.sqlite_file.may_write", lambda path: False)


@pytest.fixture
def writer(database: Path) -> Iterator[sqlite3.Connection]:
    """Has the database open, with a row that is in its log alone."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO t VALUES (2)")
        connection.commit()
        yield connection


def rows(database: Path) -> list[int]:
    with closing(open_for_reading(database)) as connection:
        return [x for (x,) in connection.execute("SELECT x FROM t ORDER BY x")]


def names(database: Path) -> set[str]:
    return {path.name for path in database.parent.iterdir()}


def test_who_may_write_leaves_no_log_either(database: Path):
    assert rows(database) == [1]
    assert names(database) == {"t.db"}


@pytest.mark.usefixtures("unwritable")
def test_a_file_without_a_log_is_whole_while_another_program_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """`mlflow server` makes its database so; half of a large transaction lies in it meanwhile."""
    monkeypatch.setattr("segexp.core.sqlite_file.LOCK_PATIENCE_S", 0.1)
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(i, "a" * 200) for i in range(600)])
        connection.commit()
        connection.execute("PRAGMA cache_size = 10")
        connection.execute("DELETE FROM t WHERE x % 3 = 0")
        connection.execute("UPDATE t SET y = ?", ("b" * 300,))
        assert (tmp_path / "mlflow.db-journal").exists()
        refuse_damaged_file("tracking.uri", path)
        connection.rollback()
    refuse_damaged_file("tracking.uri", path)
    assert names(path) == {"mlflow.db"}


def test_a_row_that_breaks_a_rule_of_its_table_is_not_damage(tmp_path: Path):
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE runs (status TEXT CHECK (status IN ('a')))")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("INSERT INTO runs VALUES ('b')")
    refuse_damaged_file("tracking.uri", path)


@pytest.mark.usefixtures("unwritable")
def test_a_file_that_no_process_has_open_is_read_without_a_log(database: Path):
    assert rows(database) == [1]
    assert names(database) == {"t.db"}


@pytest.mark.usefixtures("unwritable", "writer")
def test_a_file_that_a_writer_has_open_is_read_with_its_log(database: Path):
    assert rows(database) == [1, 2]


@pytest.mark.usefixtures("unwritable", "writer")
def test_what_a_dead_writer_left_in_the_log_is_read(database: Path, tmp_path: Path):
    left = tmp_path / "left"
    left.mkdir()
    for ending in ("", "-wal"):  # as a copy has it, or a machine that was switched off
        shutil.copy(database.with_name(f"t.db{ending}"), left)
    assert rows(left / "t.db") == [1, 2]
    assert names(left / "t.db") == {"t.db", "t.db-wal"}


@pytest.mark.usefixtures("writer")
def test_a_reader_changes_nothing(database: Path):
    with (
        closing(open_for_reading(database)) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("INSERT INTO t VALUES (3)")


def _kept_logs(database: Path, change: str) -> dict[Path, bytes]:
    """Change a database and return its log's files as a process that dies leaves them."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(change)
        connection.commit()
        return {
            path: path.read_bytes()
            for path in database.parent.glob(f"{database.name}-*")
            if path.stat().st_size
        }


def test_a_deleted_mlflow_database_does_not_come_back_from_its_log(project: Path):
    experiment = tracking.open_experiment(project, None, "street")
    tracking.start_run(experiment, "deleted", {}, {})
    database = project / "mlflow.db"
    logs = _kept_logs(database, "VACUUM")  # all of it is in the log
    experiment.client._tracking_client.store.engine.dispose()
    database.unlink()
    for path, content in logs.items():
        path.write_bytes(content)
    tracking.client.client_of.cache_clear()
    new = tracking.open_experiment(project, None, "new")
    client = MlflowClient(f"sqlite:///{database}")
    assert [e.name for e in client.search_experiments()] == ["new", "Default"]
    assert client.search_runs([new.id, "0"]) == []


def test_a_deleted_study_storage_does_not_come_back_from_its_log(tmp_path: Path):
    optuna.create_study(storage=open_storage(None, tmp_path), study_name="deleted")
    database = tmp_path / "studies" / "optuna.db"
    logs = _kept_logs(database, "VACUUM")
    database.unlink()
    for path, content in logs.items():
        path.write_bytes(content)
    assert optuna.get_all_study_names(open_storage(None, tmp_path)) == []


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY AUTOINCREMENT, y TEXT UNIQUE)")
        connection.execute("CREATE INDEX by_y ON t (y)")
        connection.execute("INSERT INTO t (y) VALUES ('it''s;'), (NULL)")
    return path


def test_a_database_is_filled_as_a_whole(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    assert not has_tables(path)
    assert fill_empty(path, whole)
    assert has_tables(path)
    with closing(sqlite3.connect(path)) as new, closing(sqlite3.connect(whole)) as old:
        assert [*new.iterdump()] == [*old.iterdump()]


def test_a_database_with_tables_is_never_filled(database: Path, whole: Path) -> None:
    assert not fill_empty(database, whole)
    assert rows(database) == [1]


def test_one_of_two_that_fill_a_database_together_does(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    use_write_ahead_log(path)
    with ThreadPoolExecutor(2) as threads:
        filled = [*threads.map(fill_empty, [path] * 2, [whole] * 2)]
    assert sorted(filled) == [False, True]


def test_who_has_an_empty_database_open_sees_it_filled(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    use_write_ahead_log(path)
    with closing(sqlite3.connect(path)) as connection:
        fill_empty(path, whole)
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (2,)
