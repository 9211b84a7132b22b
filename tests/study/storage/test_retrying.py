"""A database whose connections break, whose server is gone, or which another process has locked."""

import pickle
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy.engine.default import DefaultDialect

from harness.databases import (  # noqa: F401
    DatabaseServer,
    database_server,
    database_url,
    mariadb_server,
    postgres_server,
)
from harness.mariadb import MariadbServer
from segexp.core.errors import AwayError
from segexp.study.storage.open import open_storage
from segexp.study.storage.retrying import RetryingStorage
from tests.study.storage.small_study import check_small_study, small_study


class Breaker:
    """Ends the server's side of a connection at one passage of one place in SQLAlchemy.

    Places: ``before`` a commit is sent, so that it does not happen; ``after`` it happened and
    before its answer arrives; at a ``statement`` in the middle of a transaction.
    """

    def __init__(self, server: DatabaseServer, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.passages = 0
        self.at: int | None = None
        if place == "statement":
            execute = DefaultDialect.do_execute

            def do_execute(dialect: Any, cursor: Any, *rest: Any) -> None:
                if self._is_the_one():
                    self._terminate(cursor.connection)
                execute(dialect, cursor, *rest)

            monkeypatch.setattr(DefaultDialect, "do_execute", do_execute)
            return
        commit = DefaultDialect.do_commit

        def do_commit(dialect: Any, connection: Any) -> None:
            is_the_one = self._is_the_one()
            if is_the_one and place == "before":
                self._terminate(connection)
            commit(dialect, connection)
            if is_the_one and place == "after":
                self._terminate(connection)
                connection.cursor().execute("SELECT 1")  # what the client sees instead of an answer

        monkeypatch.setattr(DefaultDialect, "do_commit", do_commit)

    def arm(self, passage: int | None) -> None:
        self.passages, self.at = 0, passage

    def _is_the_one(self) -> bool:
        self.passages += 1
        return self.passages == self.at

    def _terminate(self, connection: Any) -> None:
        self.server.end_connection(self.server.connection_id(connection))


@pytest.mark.slow
@pytest.mark.parametrize("place", ["before", "after", "statement"])
def test_a_connection_that_ends_at_any_moment_loses_and_doubles_nothing(
    database_server: DatabaseServer,  # noqa: F811
    database_url: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    storage, plain = open_storage(database_url, tmp_path), RDBStorage(database_url)
    breaker = Breaker(database_server, place, monkeypatch)
    small_study(storage, "undisturbed")
    passages = breaker.passages
    assert passages > 20
    # A transaction has many statements, and to die at one is much as to die at the next.
    step = 11 if place == "statement" else 1
    if isinstance(database_server, MariadbServer):
        step *= 3  # it is slower, and PostgreSQL is tried at each
    tried = range(1, passages + 1, step)
    for passage in tried:
        breaker.arm(passage)
        small_study(storage, f"broken-{passage}")
        assert breaker.passages >= passage  # so it did break
        breaker.arm(None)
        check_small_study(plain, f"broken-{passage}")
    assert len(optuna.get_all_study_names(database_url)) == len(tried) + 1


@pytest.mark.slow
@pytest.mark.parametrize("place", ["before", "after", "statement"])
def test_a_connection_that_ends_while_the_tables_are_made_leaves_a_whole_database(
    database_server: DatabaseServer,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    breaker = Breaker(database_server, place, monkeypatch)
    open_storage(database_server.make_database(), tmp_path)
    passages = breaker.passages
    # Most statements are of the one transaction that makes the tables; some of them will do.
    last = 0 if isinstance(database_server, MariadbServer) else 3
    for passage in {1, passages // 2, *range(max(2, passages - last), passages + 1)}:
        url = database_server.make_database()
        breaker.arm(passage)
        small_study(open_storage(url, tmp_path), "a")
        breaker.arm(None)
        check_small_study(url, "a")


def test_a_trial_finished_by_another_process_is_not_taken_for_ones_own(
    database_server: DatabaseServer,  # noqa: F811
    database_url: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = open_storage(database_url, tmp_path)
    study = optuna.create_study(storage=storage)
    trial_id = study.ask()._trial_id
    breaker = Breaker(database_server, "before", monkeypatch)
    other = open_storage(database_url, tmp_path)
    _after_the_break(breaker, lambda: other.set_trial_state_values(trial_id, TrialState.FAIL))
    with pytest.raises(UpdateFinishedTrialError):
        storage.set_trial_state_values(trial_id, TrialState.FAIL)


def test_who_began_a_waiting_trial_is_known_after_a_broken_commit(
    database_server: DatabaseServer,  # noqa: F811
    database_url: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage, other = (open_storage(database_url, tmp_path) for _ in range(2))
    study = optuna.create_study(storage=storage)
    for number in range(2):
        study.enqueue_trial({"x": number})
    first, second = (t._trial_id for t in study.get_trials())
    with monkeypatch.context() as patch:
        Breaker(database_server, "after", patch).arm(1)
        assert storage.set_trial_state_values(first, TrialState.RUNNING)
    assert not other.set_trial_state_values(first, TrialState.RUNNING)
    with monkeypatch.context() as patch:
        breaker = Breaker(database_server, "before", patch)
        # The commit fails, and the other process is faster than the second attempt.
        _after_the_break(breaker, lambda: other.set_trial_state_values(second, TrialState.RUNNING))
        assert not storage.set_trial_state_values(second, TrialState.RUNNING)


def _after_the_break(breaker: Breaker, do: Callable[[], Any]) -> None:
    """Break the next commit, and do something before it can be tried again."""
    terminate = breaker._terminate

    def and_do(connection: Any) -> None:
        terminate(connection)
        breaker.arm(None)
        assert do() in (True, None)

    breaker._terminate = and_do  # type: ignore[method-assign]
    breaker.arm(1)


def test_a_study_made_before_the_connection_broke_is_ones_own_and_others_are_not(
    database_server: DatabaseServer,  # noqa: F811
    database_url: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = open_storage(database_url, tmp_path)
    with monkeypatch.context() as patch:
        Breaker(database_server, "after", patch).arm(1)
        study = optuna.create_study(storage=storage, study_name="a", load_if_exists=False)
    assert study.study_name == "a"
    with pytest.raises(DuplicatedStudyError):
        optuna.create_study(storage=storage, study_name="a", load_if_exists=False)


def test_a_server_that_stays_away_is_one_line_without_a_password(
    database_server: DatabaseServer,  # noqa: F811
    database_url: str,  # noqa: F811
) -> None:
    storage = RetryingStorage(database_url, "the database", {}, patience=0.3)
    study = optuna.create_study(storage=storage)
    said = database_server.drop_database(database_url)
    with pytest.raises(AwayError) as caught:
        study.ask()
    assert str(caught.value).startswith("storage: the database: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    return tmp_path / "optuna.db"


def sqlite_storage(file: Path, patience: float) -> RetryingStorage:
    options = {"connect_args": {"timeout": 0.05}}
    return RetryingStorage(f"sqlite:///{file}", str(file), options, patience)


@pytest.fixture
def locked_study(sqlite_file: Path) -> Iterator[tuple[optuna.Study, sqlite3.Connection]]:
    """A study, and a connection that keeps its file locked."""
    study = optuna.create_study(storage=sqlite_storage(sqlite_file, patience=30))
    with closing(sqlite3.connect(sqlite_file, check_same_thread=False)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield study, connection


def test_a_sqlite_file_that_stays_locked_is_one_line(
    locked_study: tuple[optuna.Study, sqlite3.Connection], sqlite_file: Path
) -> None:
    locked_study[0]._storage._backend.patience.seconds = 0.3  # type: ignore[attr-defined]
    with pytest.raises(AwayError) as caught:
        locked_study[0].ask()
    assert str(caught.value) == (
        f"storage: {sqlite_file}: no answer for 0.3 s: database is locked; "
        "the same command goes on once it answers"
    )


def test_a_sqlite_file_that_is_locked_beyond_the_timeout_is_waited_for(
    locked_study: tuple[optuna.Study, sqlite3.Connection],
) -> None:
    study, connection = locked_study
    threading.Timer(0.5, connection.rollback).start()
    assert study.ask().number == 0
    assert len(study.trials) == 1


def test_a_full_disk_is_reported_without_delay_and_the_database_is_whole(
    sqlite_file: Path,
) -> None:
    storage = sqlite_storage(sqlite_file, patience=600)
    study = optuna.create_study(storage=storage)
    pages = storage.engine.connect().exec_driver_sql("PRAGMA page_count").scalar_one()
    with storage.engine.connect() as connection:  # the pool gives the same one again
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(AwayError, match="database or disk is full"):
        for place in range(1000):
            study.set_user_attr(str(place), "x" * 1000)
    kept = optuna.load_study(study_name=study.study_name, storage=f"sqlite:///{sqlite_file}")
    assert kept.user_attrs == {str(n): "x" * 1000 for n in range(len(kept.user_attrs))}


@pytest.mark.parametrize(
    "server", ["sqlite", "postgres", pytest.param("mariadb", marks=pytest.mark.slow)]
)
def test_of_threads_that_begin_the_same_waiting_trial_one_gets_it(
    server: str, sqlite_file: Path, request: pytest.FixtureRequest
) -> None:
    if server == "sqlite":
        storage: RDBStorage = sqlite_storage(sqlite_file, patience=60)
    else:
        url = request.getfixturevalue(f"{server}_server").make_database()
        storage = RetryingStorage(url, server, {"pool_size": 8})
    study = optuna.create_study(storage=storage)
    for number in range(20):
        study.enqueue_trial({"x": number})
    with ThreadPoolExecutor(8) as threads:
        for trial in study.get_trials():
            start = threading.Barrier(8)

            def begin(trial_id: int = trial._trial_id, start: threading.Barrier = start) -> bool:
                start.wait()
                return storage.set_trial_state_values(trial_id, TrialState.RUNNING)

            begun = [threads.submit(begin) for _ in range(8)]
            assert sum(future.result() for future in begun) == 1


def test_a_storage_works_on_after_it_was_pickled(sqlite_file: Path) -> None:
    storage = pickle.loads(pickle.dumps(open_storage(f"sqlite:///{sqlite_file}", Path())))
    small_study(storage, "a")
    check_small_study(f"sqlite:///{sqlite_file}", "a")


def test_a_copied_trial_keeps_all_that_it_had(sqlite_file: Path) -> None:
    study = optuna.create_study(storage=sqlite_storage(sqlite_file, patience=60))
    distribution = optuna.distributions.FloatDistribution(0, 1)
    finished = optuna.trial.create_trial(
        params={"x": 0.5},
        distributions={"x": distribution},
        value=0.25,
        user_attrs={"a": 1},
        intermediate_values={1: 0.1, 2: 0.2},
    )
    study.add_trial(finished)
    (kept,) = study.trials
    assert (kept.params, kept.value, kept.user_attrs) == ({"x": 0.5}, 0.25, {"a": 1})
    assert kept.intermediate_values == {1: 0.1, 2: 0.2}
    assert (kept.state, kept.number) == (TrialState.COMPLETE, 0)
    assert kept.datetime_start == finished.datetime_start
    assert kept.datetime_complete == finished.datetime_complete


def test_a_study_can_be_copied_within_a_storage_and_into_another(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("first", "second")]
    first, second = (open_storage(url, tmp_path) for url in urls)
    small_study(first, "a")
    for storage, name in ((first, "b"), (second, "a")):
        optuna.copy_study(
            from_study_name="a", from_storage=first, to_storage=storage, to_study_name=name
        )
    check_small_study(urls[0], "b")
    check_small_study(urls[1], "a")
