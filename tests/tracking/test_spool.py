"""What waits on disk for a tracking server, without one."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.tracking_server import free_port
from segexp.core.run_token import new_token
from segexp.tracking import Run, log_bytes, log_metrics, pending_records
from segexp.tracking.client import address_of
from segexp.tracking.operations import Operation, RefusedError
from segexp.tracking.spool import Spool, name_server, servers_with_records, spool_of


def tags(run: str, **values: str) -> Operation:
    return Operation("tags", run, {"tags": values})


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def nowhere(tmp_path: Path) -> Run:
    """A run on a server that is not there."""
    return Run(tmp_path, f"http://127.0.0.1:{free_port()}", "1", "0" * 32)


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """A disk that is full after some bytes, as seen by a write: it raises OSError."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def everything_in(directory: Path) -> list[Path]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return sorted(path for path in files if path.name != "sender.lock")


def test_what_is_appended_is_read_in_its_order(spool: Spool):
    for index in range(12):
        spool.append(tags("r", index=str(index)))
    read = [spool.read(path)[0].content["tags"]["index"] for path in spool.waiting()]
    assert read == [str(index) for index in range(12)]


def test_new_records_queue_behind_those_that_still_wait(spool: Spool):
    for index in range(3):
        spool.append(tags("r", index=str(index)))
    spool.remove(spool.waiting()[0])
    spool.append(tags("r", index="3"))
    read = [spool.read(path)[0].content["tags"]["index"] for path in spool.waiting()]
    assert read == ["1", "2", "3"]


@pytest.mark.slow
def test_processes_that_append_together_keep_all_and_the_order_of_each(spool: Spool):
    code = """
import sys
from pathlib import Path
from segexp.tracking.operations import Operation
from segexp.tracking.spool import Spool
for index in range(100):
    Spool(Path(sys.argv[1])).append(Operation("tags", sys.argv[2], {"tags": {"i": str(index)}}))
"""
    command = [sys.executable, "-c", code, str(spool.directory)]
    processes = [subprocess.Popen([*command, name]) for name in ("a", "b", "c")]
    assert [process.wait() for process in processes] == [0, 0, 0]
    operations = [spool.read(path)[0] for path in spool.waiting()]
    for name in ("a", "b", "c"):
        own = [x.content["tags"]["i"] for x in operations if x.run == name]
        assert own == [str(index) for index in range(100)]


def test_a_file_outlives_the_directory_that_it_came_from(spool: Spool, tmp_path: Path):
    source = tmp_path / "trial" / "matrix.npz"
    source.parent.mkdir()
    source.write_bytes(b"\x00\x01")
    operation = Operation("artifact", "r", {"folder": None, "is_table": False}, "matrix.npz")
    spool.append(operation, source)
    source.unlink()
    source.parent.rmdir()
    (path,) = spool.waiting()
    read, file = spool.read(path)
    assert read == operation
    assert file is not None
    assert file.read_bytes() == b"\x00\x01"
    spool.remove(path)
    assert everything_in(spool.directory) == []


def test_a_strange_file_among_the_operations_is_left_alone(spool: Spool):
    spool.append(tags("r", a="1"))
    (spool.directory / "operations" / "notes.json").write_text("?")
    spool.append(tags("r", a="2"))
    assert [spool.read(path)[0].content["tags"]["a"] for path in spool.waiting()] == ["1", "2"]


@pytest.mark.parametrize("size", [10, 300])
def test_a_full_disk_raises_and_leaves_nothing_half_written(nowhere: Run, size: int):
    log_metrics(nowhere, {"a": 1.0})
    spool = spool_of(nowhere.project, nowhere.uri)
    before = everything_in(spool.directory)
    with no_file_larger_than(size), pytest.raises(OSError, match="too large"):
        log_bytes(nowhere, b"x" * 5000, "overlays/a.png")
    assert everything_in(spool.directory) == before
    log_bytes(nowhere, b"x" * 5000, "overlays/a.png")
    assert pending_records(nowhere.project, nowhere.uri) == 2


def test_a_full_disk_is_also_reported_for_an_operation_without_a_file(nowhere: Run):
    log_metrics(nowhere, {"a": 1.0})
    with no_file_larger_than(20), pytest.raises(OSError, match="too large"):
        log_metrics(nowhere, {"b": 1.0})
    assert pending_records(nowhere.project, nowhere.uri) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"[1]",
        b"{}",
        b'{"kind": "tags", "run": "r", "content": {}}',
        b'{"kind": "tags", "run": "r", "content": {"tags": {}}, "file": 5}',
        b'{"kind": "explode", "run": "r", "content": {}}',
        b'{"kind": ["tags"], "run": "r", "content": {"tags": {}}}',
    ],
)
def test_a_damaged_operation_is_refused_and_holds_up_nothing(spool: Spool, content: bytes):
    spool.append(tags("r", a="1"))
    (path,) = spool.waiting()
    path.write_bytes(content)
    with pytest.raises(RefusedError, match="is damaged, or of another version of segexp"):
        spool.read(path)
    spool.refuse(path, "damaged")
    assert spool.waiting() == []
    aside = spool.directory / "refused" / path.stem
    assert (aside / "reason.txt").read_text() == "damaged\n"
    assert (aside / "operation.json").read_bytes() == content


def test_a_file_name_in_an_operation_leads_nowhere_else(spool: Spool):
    operation = Operation("artifact", "r", {"folder": None, "is_table": False}, "a.txt")
    spool.append(operation, b"1")
    (path,) = spool.waiting()
    path.write_text(path.read_text().replace('"a.txt"', '"../../../../etc/passwd"'))
    _, file = spool.read(path)
    assert file is not None
    assert file.parent.parent == spool.directory / "payloads"


def test_a_token_identifies_its_run_and_has_a_prefix_of_its_own(spool: Spool):
    tokens = {new_token() for _ in range(100)}
    assert len({token[:8] for token in tokens}) == 100
    token = tokens.pop()
    assert spool.run_id(token) is None
    assert [spool.note_attempt(token) for _ in range(3)] == [False, True, True]
    assert spool.run_id(token) is None
    spool.resolve(token, "f" * 32)
    assert spool.run_id(token) == "f" * 32
    spool.resolve_refused(token, "no such experiment")
    with pytest.raises(RefusedError, match="could not be created: no such experiment"):
        spool.run_id(token)


def test_a_server_seems_to_be_away_when_something_has_waited(spool: Spool):
    assert not spool.is_behind()
    for index in range(2):
        spool.append(tags("r", index=str(index)))
    assert not spool.is_behind()
    first, second = spool.waiting()
    os.utime(first, (time.time() - 5, time.time() - 5))
    assert spool.is_behind()
    spool.remove(first)
    assert spool.waiting() == [second]
    assert not spool.is_behind()


def test_only_one_sends_at_a_time(spool: Spool):
    with spool.sole_sender() as first, spool.sole_sender() as second:
        assert (first, second) == (True, False)
    with spool.sole_sender() as again:
        assert again


def test_what_a_killed_process_left_is_swept_when_it_is_old(spool: Spool):
    operation = Operation("artifact", "r", {"folder": None, "is_table": False}, "a.txt")
    spool.append(operation, b"kept")
    payloads, operations = spool.directory / "payloads", spool.directory / "operations"
    for path in (payloads / "old", payloads / "new"):
        path.mkdir()
    for path in (operations / ".old", operations / ".new"):
        path.touch()
    yesterday = time.time() - 86400
    for path in {*payloads.iterdir(), *operations.iterdir()} - {
        payloads / "new",
        operations / ".new",
    }:
        os.utime(path, (yesterday, yesterday))
    spool.sweep()
    assert not (payloads / "old").exists()
    assert (payloads / "new").exists()
    assert [path.name for path in operations.glob(".*")] == [".new"]
    (waiting,) = spool.waiting()
    _, file = spool.read(waiting)
    assert file is not None
    assert file.read_bytes() == b"kept"


def test_a_server_has_one_spool_whoever_signs_in_and_no_password_is_written(tmp_path: Path):
    uri = "https://ada:s3cret@Tracking.example.org:8443/mlflow/"
    spool = spool_of(tmp_path, uri)
    name_server(spool, uri)
    spool.append(tags("r", a="1"))
    assert all(b"s3cret" not in path.read_bytes() for path in everything_in(tmp_path))
    assert servers_with_records(tmp_path, None) == [address_of(uri)]
    assert servers_with_records(tmp_path, "sqlite:///mlflow.db") == [address_of(uri)]
    assert servers_with_records(tmp_path, uri) == [uri]
