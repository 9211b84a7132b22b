"""Who lives: told by pid and start on the own machine, by the last heartbeat everywhere."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest

from segexp.core.lease import (
    Owner,
    beating,
    is_gone,
    is_here,
    lease_seconds,
    owner_from_dict,
    this_process,
)

PRINT_OWNER = """\
import json, sys
from segexp.core.lease import this_process
print(json.dumps(this_process().to_dict()), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], Owner]]:
    """Another process, and how it signs."""
    with subprocess.Popen(
        [sys.executable, "-c", PRINT_OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        owner = owner_from_dict(json.loads(process.stdout.readline()))
        assert owner is not None
        yield process, owner
        process.kill()


def test_a_process_lives_until_it_ends_and_is_gone_before_it_is_reaped(
    other: tuple[subprocess.Popen[str], Owner],
) -> None:
    process, owner = other
    assert owner.pid == process.pid
    assert is_here(owner)
    assert not is_gone(owner, None)
    assert not is_gone(owner, time.time())
    process.send_signal(signal.SIGSTOP)  # it is silent, but there
    assert not is_gone(owner, time.time())
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert is_gone(owner, time.time())
    process.wait()
    assert is_gone(owner, time.time())


def test_this_process_lives_and_another_one_that_had_its_pid_is_gone() -> None:
    own = this_process()
    assert own.pid == os.getpid()
    assert own == this_process()
    assert not is_gone(own, None)
    assert is_gone(replace(own, started=own.started - 60), None)


def test_who_is_silent_for_longer_than_a_lease_is_gone_wherever_it_is() -> None:
    own = this_process()
    for owner in (own, replace(own, host="another"), replace(own, boot="another start")):
        assert is_gone(owner, time.time() - lease_seconds() - 1)
        assert not is_gone(owner, time.time() - lease_seconds() + 10)


@pytest.mark.parametrize("key", ["host", "boot"])
def test_a_pid_says_nothing_on_another_host_or_after_another_start(key: str) -> None:
    elsewhere = replace(this_process(), pid=2**22 + 1, started=1.0, **{key: "another"})
    assert not is_here(elsewhere)
    assert not is_gone(elsewhere, None)
    assert not is_gone(elsewhere, time.time())


def test_an_owner_comes_back_from_json() -> None:
    own = this_process()
    assert owner_from_dict(own.to_dict()) == own
    assert owner_from_dict({**own.to_dict(), "beat": 1.0}) == own


@pytest.mark.parametrize("content", [None, 3, "host", [], {}, {"host": "a", "pid": 1}])
def test_anything_else_is_not_an_owner(content: Any) -> None:
    assert owner_from_dict(content) is None


def test_an_owner_recorded_without_a_boot_is_not_taken_for_one_here() -> None:
    content = this_process().to_dict()
    del content["boot"]
    owner = owner_from_dict(content)
    assert owner is not None
    assert not is_here(owner)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2", 2.0), ("0.5", 0.5), ("0", 150.0), ("-1", 150.0), ("nan", 150.0), ("long", 150.0)],
)
def test_the_lease_can_be_changed(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: float
) -> None:
    monkeypatch.setenv("SEGEXP_LEASE_SECONDS", value)
    assert lease_seconds() == expected


def test_beats_continue_while_the_block_runs_whatever_they_raise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEGEXP_LEASE_SECONDS", "0.05")
    beats: list[str] = []
    enough = threading.Event()

    def beat() -> None:
        beats.append(threading.current_thread().name)
        if len(beats) == 3:
            enough.set()
        raise OSError("the storage is away")

    with beating(beat):
        assert enough.wait(timeout=30)
    assert set(beats) != {threading.current_thread().name}
    assert not [t for t in threading.enumerate() if t.name in beats]
