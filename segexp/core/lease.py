"""Which process works on a trial or a study, and whether it still lives.

A process that is killed says nothing any more. Whether one is gone is seen in two ways: on its own
machine by its pid and its start, everywhere by the age of its last heartbeat.
"""

import math
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import psutil

LEASE_SECONDS = 150.0
"""A process that is silent for longer is taken for dead; SEGEXP_LEASE_SECONDS changes it.

The clocks of hosts that share a study must agree within a part of it.
"""

BEATS_IN_A_LEASE = 5

_deaf_until = 0.0  # in seconds since 1970


@dataclass(frozen=True)
class Owner:
    """A process, told apart from all others.

    Attributes:
        boot: Which start of which machine, and which pid namespace: only where these are the same
            does a pid mean the same. Containers often share a host name, and all have a pid 1.
        started: When it began, in seconds since the machine's start where /proc says so, else
            since 1970: pids are reused.
    """

    host: str
    boot: str
    pid: int
    started: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def owner_from_dict(content: Any) -> Owner | None:
    """Read what `Owner.to_dict` wrote; None for anything else."""
    names = {field.name for field in fields(Owner)}
    if not isinstance(content, dict) or not names - {"boot"} <= content.keys():
        return None
    return Owner(
        str(content["host"]),
        str(content.get("boot", "")),
        int(content["pid"]),
        float(content["started"]),
    )


def this_process() -> Owner:
    """Describe this process."""
    pid = os.getpid()
    return Owner(socket.gethostname(), _this_boot(), pid, _start_of(pid))


def note_deafness(seconds: float) -> None:
    """Note that no process could be heard of until now: the storage of heartbeats was away.

    From now on all have a whole lease to be heard of again. A time in which hardly a beat can have
    been missed does not matter.
    """
    global _deaf_until  # noqa: PLW0603 - of the process
    if seconds > lease_seconds() / BEATS_IN_A_LEASE:
        _deaf_until = time.time()


def was_missed(last_beat: float | None) -> bool:
    """Whether the storage of heartbeats was away after a beat, as far as this process knows.

    Then it may be the reason why nothing was heard since.
    """
    return last_beat is not None and last_beat < _deaf_until


def is_gone(owner: Owner, last_beat: float | None) -> bool:
    """Whether a process has ended, or has been silent for longer than a lease.

    Args:
        last_beat: When it was last heard of, in seconds since 1970; None when never.
    """
    if is_here(owner) and _has_ended(owner):
        return True
    if last_beat is None:
        return False
    return time.time() - max(last_beat, _deaf_until) > lease_seconds()


def is_here(owner: Owner) -> bool:
    """Whether the process runs, or ran, where its pid can be looked up."""
    return (owner.host, owner.boot) == (socket.gethostname(), _this_boot())


def lease_seconds() -> float:
    """Return how long a process may be silent."""
    try:
        chosen = float(os.environ["SEGEXP_LEASE_SECONDS"])
    except (KeyError, ValueError):
        return LEASE_SECONDS
    return chosen if math.isfinite(chosen) and chosen > 0 else LEASE_SECONDS


@contextmanager
def beating(beat: Callable[[], None]) -> Iterator[None]:
    """Call ``beat`` several times in a lease, from another thread, while the block runs.

    What it raises is not passed on: a storage that is away for a moment must not end the work.
    """
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(lease_seconds() / BEATS_IN_A_LEASE):
            try:
                beat()
            except Exception:  # the next beat may come through; else the lease runs out
                continue

    thread = threading.Thread(target=run, name=f"heartbeat-{secrets.token_hex(2)}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=5)


def _has_ended(owner: Owner) -> bool:
    try:
        is_another = abs(_start_of(owner.pid) - owner.started) > 0.1
        return is_another or psutil.Process(owner.pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _start_of(pid: int) -> float:
    # Not by the clock, which may be set while the process runs.
    try:
        fields_of_stat = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return int(fields_of_stat[19]) / os.sysconf("SC_CLK_TCK")  # proc_pid_stat(5): starttime
    except OSError:  # it has ended, or this is not Linux
        return psutil.Process(pid).create_time()


@cache
def _this_boot() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not Linux
        return f"{psutil.boot_time():.0f}"
