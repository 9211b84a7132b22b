"""The other processes of one training on several devices: started, watched and ended by rank 0.

Rank 0 is the process that runs the trial, and the only one that knows Optuna and MLflow. The others
follow it (`segexp.study.follow`): whenever it leaves the training, however it does, or dies, they
end. If one of them dies, whatever rank 0 waits for fails within a moment.
"""

import multiprocessing.connection as messages
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from segexp.core.errors import WorkError
from segexp.core.signals import how_it_ended
from segexp.study.engines.workers import prepare, process_context
from segexp.study.follow import RankTask, follow
from segexp.study.trial_setup import TrialSetup
from segexp.training.checkpoint import Checkpoints
from segexp.training.ranks import RankDiedError, Ranks, abort, joined

CONNECTED_SECONDS = 15.0
"""How long rank 0 may take to connect to one that has died meanwhile, before its process is ended:
nothing else would end that wait."""

NOTICED_SECONDS = 600.0
"""How long rank 0 may take to notice afterwards that another one has died. It does so when it next
waits for that one, if not NCCL's kernels wait on although they were aborted."""

_SOON = 2.0
"""How long a process that is gone may take to be seen so, in seconds."""

_AT_ONCE = 0.2
"""How long those may take that fail because it is gone, in seconds."""


@dataclass(frozen=True)
class _Other:
    """Another rank: its process, and a connection on which it sends what `follow` says."""

    rank: int
    process: BaseProcess
    connection: Connection


@contextmanager
def other_ranks(setup: TrialSetup, checkpoints: Checkpoints, done: int) -> Iterator[None]:
    """Train in the other ranks during the block; nothing where one device trains.

    Args:
        checkpoints: Restored in this process already.
        done: How many epochs were restored.

    Raises:
        RankDiedError: When another rank's process has died.
        WorkError: When its training has failed; says why.
    """
    size = setup.config.training.devices
    if size == 1:
        yield
        return
    threads = torch.get_num_threads()
    team: list[_Other] = []
    with tempfile.TemporaryDirectory(prefix="segexp-ranks-") as folder:
        store = Path(folder) / "store"
        try:
            torch.set_num_threads(max(1, threads // size))
            prepare()
            for rank in range(1, size):
                team.append(_start(_task(setup, checkpoints, done, store, Ranks(rank, size))))
            _await(team)
            with _watched(team) as connected, ExitStack() as stack:
                with _explained(team):
                    stack.enter_context(joined(Ranks(0, size), store))
                connected.set()
                with _explained(team):
                    yield
        finally:
            _end(team)
            torch.set_num_threads(threads)


def _task(
    setup: TrialSetup, checkpoints: Checkpoints, done: int, store: Path, ranks: Ranks
) -> RankTask:
    gpu = None
    if torch.cuda.is_available():
        gpu = (torch.cuda.current_device() + ranks.rank) % torch.cuda.device_count()
    return RankTask(
        ranks=ranks,
        config=setup.config,
        source=setup.dataset.source,
        data_hash=setup.dataset.hash,
        mapping=setup.mapping,
        common=setup.common,
        project=setup.project,
        checkpoints=checkpoints.directory,
        meaning=checkpoints.meaning,
        done=done,
        store=store,
        threads=torch.get_num_threads(),
        gpu=gpu,
    )


def _start(task: RankTask) -> _Other:
    here, there = Pipe()
    rank = task.ranks.rank
    process = process_context().Process(
        target=follow, args=(there, task), name=f"segexp-rank-{rank}"
    )
    process.start()
    there.close()  # so that its end is seen here
    return _Other(rank, process, here)


def _await(team: Sequence[_Other]) -> None:
    """Wait until all are ready to train: connecting to one that has died would take long."""
    waiting = list(team)
    while waiting:
        for connection in messages.wait([other.connection for other in waiting]):
            (other,) = (o for o in waiting if o.connection is connection)
            try:
                said = other.connection.recv()
            except (EOFError, OSError):
                raise _died(other) from None
            if said is not None:
                raise WorkError(_failed(other, said)[1])
            waiting.remove(other)


def _what_happened(team: Sequence[_Other], seconds: float) -> WorkError | None:
    """Return why one of the ranks has ended, if any has within some seconds."""
    if not messages.wait([other.process.sentinel for other in team], seconds):
        return None
    time.sleep(_AT_ONCE)  # others follow it
    said: list[tuple[float, str]] = []
    for other in team:
        if other.process.is_alive():
            continue
        try:
            said.append(_failed(other, other.connection.recv()))
        except (EOFError, OSError):  # it has said nothing
            return _died(other)
    return WorkError(min(said)[1])  # what others say is that they miss it


def _failed(other: _Other, said: tuple[float, str]) -> tuple[float, str]:
    """Return when a rank has failed, and why, from its message."""
    at, text = said
    return at, f"rank {other.rank}: {text}"


def _died(other: _Other) -> RankDiedError:
    other.process.join()
    return RankDiedError(f"the process of rank {other.rank} {how_it_ended(other.process.exitcode)}")


@contextmanager
def _explained(team: Sequence[_Other]) -> Iterator[None]:
    """Name the rank that has ended, where the block fails because it waits for one."""
    try:
        yield
    except RuntimeError as error:
        if reason := _what_happened(team, _SOON):
            raise reason from error
        raise


@contextmanager
def _watched(team: Sequence[_Other]) -> Iterator[threading.Event]:
    """Let what this process waits for fail when another rank dies during the block.

    Yields:
        To be set when the ranks are connected.
    """
    here, there = Pipe()
    left, connected = threading.Event(), threading.Event()

    def watch() -> None:
        sentinels = [other.process.sentinel for other in team]
        if there in messages.wait([there, *sentinels]):
            return
        with suppress(Exception):
            abort()
        if not left.wait(NOTICED_SECONDS if connected.is_set() else CONNECTED_SECONDS):
            sys.stderr.write(f"{_what_happened(team, 0)}; this process waits in vain, and ends\n")
            sys.stderr.flush()
            os._exit(1)

    watcher = threading.Thread(target=watch, name="segexp-ranks", daemon=True)
    watcher.start()
    try:
        yield connected
    finally:
        left.set()
        here.close()
        watcher.join()
        there.close()


def _end(team: Sequence[_Other]) -> None:
    for other in team:
        other.connection.close()  # at which it ends
    for other in team:
        other.process.join(_SOON)
        if other.process.is_alive():
            other.process.kill()
            other.process.join()
