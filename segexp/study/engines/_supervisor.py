"""The supervisor starts a study's workers, shows what they do, and replaces those that die."""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from segexp.core import failpoint
from segexp.core.disk import FullDiskError
from segexp.core.errors import AwayError, InputError, Interrupted, WorkError
from segexp.core.lease import Owner
from segexp.core.signals import how_it_ended
from segexp.study.ask import trials_left
from segexp.study.attributes import FAILURE, is_interrupted
from segexp.study.display import StudyDisplay
from segexp.study.engines._seats import Seat, describe_team, seat_workers
from segexp.study.engines._worker import LAST_TRIAL, Task, work
from segexp.study.engines.workers import prepare, process_context
from segexp.study.open import OpenStudy
from segexp.study.stop import StopRule, give_up_if_hopeless
from segexp.study.storage.retrying import give_up_waiting
from segexp.study.turns import close_trials, is_stopped

STOP_SECONDS = 4
"""How long a worker that is told to stop may take to its next step before it is killed."""

MAX_EARLY_DEATHS = 3
"""How many workers may die before one takes a trial."""

_SHOWN = (
    "say", "caching", "studied", "trial_started", "trial_ended", "step", "epoch", "doing",
)  # fmt: skip

_ERRORS: dict[str, type[InputError | WorkError]] = {
    "input_error": InputError,
    "full_disk_error": FullDiskError,
    "away_error": AwayError,
    "work_error": WorkError,
}


@dataclass
class _Worker:
    """A worker process.

    Attributes:
        connection: Brings what happens there; takes the number of the signal to stop for, or
            `LAST_TRIAL`.
        owner: How it signs its trials; None until it has said so.
        is_stopped: Whether it has because a rule said so.
    """

    process: BaseProcess
    seat: Seat
    connection: Connection
    display: StudyDisplay
    owner: Owner | None = None
    trials: int = 0
    is_done: bool = False
    is_stopped: bool = False


def supervise(
    studies: Sequence[OpenStudy], display: StudyDisplay, workers: int | None, stop: StopRule
) -> int:
    """Run trials in worker processes; see `segexp.study.engines.workers`."""
    left = sum(trials_left(opened.plan, opened.study) for opened in studies)
    if left == 0 or is_stopped(studies, stop):
        return 0
    plans = [opened.plan for opened in studies]
    seats = seat_workers(plans, workers)
    training = plans[0].base.config.training
    display.say(describe_team(seats, training.precision, training.devices))
    start = partial(_start, studies, stop)
    armed = os.environ.get(failpoint.VARIABLE)
    team: list[_Worker] = []
    try:
        for seat in seats[:left]:
            team.append(start(seat, display.beside() if team else display, armed))
        return _watch(team, studies, lambda dead: start(dead.seat, dead.display, None))
    except Interrupted as interruption:
        display.say("stopping after the current batch; another Ctrl-C stops at once")
        _stop(team, interruption.signal_number)
        raise
    except BaseException as error:
        if isinstance(error, AwayError):
            for opened in studies:
                give_up_waiting(opened.study)
        _stop(team, signal.SIGTERM)
        raise
    finally:
        _kill(team, studies)


def _watch(
    team: list[_Worker], studies: Sequence[OpenStudy], start: Callable[[_Worker], _Worker]
) -> int:
    """Show what the workers do until all have ended; replace those that die."""
    ran = early_deaths = 0
    while team:
        wait([w.process.sentinel for w in team] + [w.connection for w in team])
        for worker in list(team):
            has_ended = not worker.process.is_alive()  # before the messages: none comes after
            _listen(worker)
            if not has_ended:
                continue
            team.remove(worker)
            ran += worker.trials
            if worker.is_stopped:
                _let_end(team)
            if worker.is_done:
                continue
            reason = f"its worker {how_it_ended(worker.process.exitcode)}"
            closed = _close(worker, studies, reason, crashed=True)
            for opened, number in closed:
                trial = opened.study.get_trials(deepcopy=False)[number]
                state, text = "FAIL", trial.user_attrs[FAILURE]
                if is_interrupted(trial):
                    state, text = "INTERRUPTED", f"{text}; it is tried again"
                worker.display.trial_ended(number, state, text)
            early_deaths = 0 if closed or worker.trials else early_deaths + 1
            if early_deaths == MAX_EARLY_DEATHS:
                raise WorkError(f"{early_deaths} workers ended before they took a trial: {reason}")
            for opened in studies:
                give_up_if_hopeless(opened.study.get_trials(deepcopy=False))
            team.append(start(worker))
    return ran


def _listen(worker: _Worker) -> None:
    try:
        while worker.connection.poll():
            name, values = worker.connection.recv()
            if name in _SHOWN:
                worker.trials += name == "trial_ended"
                getattr(worker.display, name)(*values)
            elif name == "owner":
                (worker.owner,) = values
            elif name in {"done", "stopped"}:
                worker.is_done, worker.is_stopped = True, name == "stopped"
            elif name == "log":
                (record,) = values
                if (log := logging.getLogger(record.name)).isEnabledFor(record.levelno):
                    log.handle(record)
            elif name != "spent":
                raise _ERRORS[name](*values)
    except (EOFError, OSError):
        return  # it has ended


def _start(
    studies: Sequence[OpenStudy],
    stop: StopRule,
    seat: Seat,
    display: StudyDisplay,
    armed: str | None,
) -> _Worker:
    here, there = multiprocessing.Pipe()
    task = Task(
        studies=tuple((s.plan, s.experiment, s.parent) for s in studies),
        seat=seat,
        stop=stop,
        environment={k: v for k, v in os.environ.items() if k.startswith("SEGEXP_")},
        failpoint=armed,
    )
    prepare()
    process = process_context().Process(target=work, args=(there, task), name="segexp-worker")
    process.start()
    there.close()  # so that its end is seen here
    return _Worker(process, seat, here, display)


def _let_end(team: Iterable[_Worker]) -> None:
    """Tell workers to begin no other trial.

    Otherwise a worker whose trial is the best so far would go on alone.
    """
    for worker in team:
        with suppress(OSError):  # it has ended
            worker.connection.send(LAST_TRIAL)


def _stop(team: Iterable[_Worker], number: int) -> None:
    """Tell workers to stop, and wait for a while until they have."""
    deadline = time.monotonic() + STOP_SECONDS
    waiting = list(team)
    for worker in waiting:
        try:
            worker.connection.send(number)
        except OSError:
            continue
    while waiting and time.monotonic() < deadline:
        wait([w.process.sentinel for w in waiting], timeout=0.2)
        for worker in waiting:
            _forget(worker)
        waiting = [w for w in waiting if w.process.is_alive()]


def _forget(worker: _Worker) -> None:
    """Read and drop what a worker sends: with a full pipe it would wait forever."""
    try:
        while worker.connection.poll():
            worker.connection.recv()
    except (EOFError, OSError):
        return


def _kill(team: Iterable[_Worker], studies: Sequence[OpenStudy]) -> None:
    for worker in team:
        if worker.process.is_alive():
            worker.process.kill()
        worker.process.join()
        # The first error matters more; if the storage is away, the next start closes the trial.
        with suppress(Exception):
            _close(worker, studies, "interrupted by a signal", crashed=False)


def _close(
    worker: _Worker, studies: Sequence[OpenStudy], reason: str, *, crashed: bool
) -> list[tuple[OpenStudy, int]]:
    if worker.owner is None:
        return []
    return close_trials(studies, worker.owner, reason, crashed=crashed)
