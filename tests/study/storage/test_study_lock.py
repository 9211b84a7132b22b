"""Of many processes, on however many hosts, one at a time decides about a study's trials."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage

from harness.databases import (  # noqa: F401
    database_server,
    database_url,
    mariadb_server,
    postgres_server,
)
from harness.postgres import PostgresServer, postgres_url  # noqa: F401
from segexp.study.storage import study_lock as module
from segexp.study.storage.open import open_storage
from segexp.study.storage.study_lock import files_lock_of, lock_of, study_lock


def test_a_project_has_one_lock_a_study_and_one_for_its_files(tmp_path: Path) -> None:
    locks = tmp_path / ".segexp" / "locks"
    assert lock_of(tmp_path, "a") == locks / "a.lock"
    assert files_lock_of(tmp_path, "a") == locks / "a.files.lock"


@contextmanager
def waiting(storage: BaseStorage, project: Path, name: str) -> Iterator[threading.Event]:
    """Have another thread wait for the lock; the event says that it has had it."""
    has_it = threading.Event()

    def wait() -> None:
        with study_lock(storage, project, name):
            has_it.set()

    thread = threading.Thread(target=wait)
    thread.start()
    yield has_it
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_processes_of_a_project_hold_it_one_after_the_other(tmp_path: Path) -> None:
    storage = optuna.storages.InMemoryStorage()
    with ExitStack() as stack:
        with study_lock(storage, tmp_path, "a"):
            has_it = stack.enter_context(waiting(storage, tmp_path, "a"))
            with study_lock(storage, tmp_path, "b"):
                pass  # another study's is free
            assert not has_it.wait(0.3)
        assert has_it.wait(30)


def test_hosts_hold_it_one_after_the_other_where_a_server_is_their_storage(
    tmp_path: Path,
    database_url: str,  # noqa: F811
) -> None:
    one, two = (open_storage(database_url, tmp_path / host) for host in ("one", "two"))
    with ExitStack() as stack:
        with study_lock(one, tmp_path / "one", "a"):
            has_it = stack.enter_context(waiting(two, tmp_path / "two", "a"))
            with study_lock(two, tmp_path / "two", "b"):
                pass  # another study's is free
            assert not has_it.wait(0.3)
        assert has_it.wait(30)


def test_a_host_that_is_cut_off_loses_it_to_the_next(
    tmp_path: Path,
    postgres_server: PostgresServer,  # noqa: F811
    postgres_url: str,  # noqa: F811
) -> None:
    one, two = (open_storage(postgres_url, tmp_path / host) for host in ("one", "two"))
    with study_lock(one, tmp_path / "one", "a"), waiting(two, tmp_path / "two", "a") as has_it:
        assert not has_it.wait(0.3)
        postgres_server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        )
        assert has_it.wait(30)
    with study_lock(one, tmp_path / "one", "a"):
        pass  # what it lost harms nothing later


def test_a_host_that_is_frozen_is_not_waited_for_forever(
    tmp_path: Path,
    database_url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    monkeypatch.setattr(module, "_TURN_S", 0.2)
    one, two = (open_storage(database_url, tmp_path / host) for host in ("one", "two"))
    with (
        study_lock(one, tmp_path / "one", "a"),
        waiting(two, tmp_path / "two", "a") as has_it,
    ):
        assert has_it.wait(30)
