"""A worker: a process that runs trials, so that a crash does not end the study."""

import logging
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from types import FrameType, SimpleNamespace
from typing import Any

import torch

from segexp import tracking
from segexp.core import failpoint
from segexp.core.disk import FullDiskError
from segexp.core.errors import AwayError, InputError, Interrupted, WorkError
from segexp.core.lease import this_process
from segexp.data.open import open_data
from segexp.evaluation.evaluate import Evaluation
from segexp.study.display import StudyDisplay
from segexp.study.engines._seats import Seat
from segexp.study.open import OpenStudy, join_study
from segexp.study.plan import ListPlan, SearchPlan
from segexp.study.so_far import SoFar
from segexp.study.stop import StopRule
from segexp.study.storage.open import open_storage
from segexp.study.turns import close_trials, is_stopped, run_next
from segexp.training.fit import EpochResult, Step

STEPS_SHOWN_PER_S = 2

LAST_TRIAL = 0
"""What a supervisor sends for: begin no other trial. The number of a signal ends the trial, too."""


@dataclass(frozen=True)
class Task:
    """What a worker is to do, in values that can be sent to another process.

    Attributes:
        studies: Plans of the studies that take turns, each with its experiment and the run that
            its trials are below.
        environment: Variables that differ from what the process was started with.
        failpoint: Where the process is to die; see `segexp.core.failpoint`.
    """

    studies: tuple[tuple[SearchPlan | ListPlan, tracking.Experiment, tracking.Run], ...]
    seat: Seat
    stop: StopRule
    environment: Mapping[str, str]
    failpoint: str | None


def work(connection: Connection, task: Task) -> None:
    """Run trials until none is left, and send what happens; the body of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor says when to stop
    os.environ.update(task.environment)
    display = _SentDisplay(connection)
    _send_log(display)
    signal.signal(signal.SIGTERM, display.note_signal)
    failpoint.choose(task.failpoint)
    if task.seat.threads:
        torch.set_num_threads(task.seat.threads)
    if task.seat.gpu is not None:
        torch.cuda.set_device(task.seat.gpu)
    opened: list[OpenStudy] = []
    try:
        connection.send(("owner", (this_process(),)))
        opened += _open(task)
        while display.may_begin():
            if is_stopped(opened, task.stop):
                connection.send(("stopped", ()))
                return
            if not run_next(opened, display):
                break
            if display.failed and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
                # After a device error every later call in this process may fail.
                connection.send(("spent", ()))
                return
        connection.send(("done", ()))
    except Interrupted:
        _close(opened, "interrupted by a signal")
    except InputError as error:
        _send_last(connection, "input_error", error.faults)
    except FullDiskError as error:
        _close(opened, "the disk is full")
        _send_last(connection, "full_disk_error", str(error))
    except AwayError as error:
        _close(opened, "the storage was away")
        _send_last(connection, "away_error", str(error))
    except Exception as error:
        _close(opened, "its process failed")
        text = str(error) if isinstance(error, WorkError) else f"{type(error).__name__}: {error}"
        _send_last(connection, "work_error", text)


def _send_log(display: "_SentDisplay") -> None:
    """Have what this process logs sent: the supervisor knows what a person wants to see of it."""
    queue: Any = SimpleNamespace(put_nowait=display.log)
    log = logging.getLogger("segexp")
    log.addHandler(QueueHandler(queue))
    log.setLevel(logging.DEBUG)
    log.propagate = False


def _close(opened: Sequence[OpenStudy], reason: str) -> None:
    # If the storage is away or the disk is full, the next start closes it.
    with suppress(Exception):
        close_trials(opened, this_process(), reason, crashed=False)


def _send_last(connection: Connection, name: str, value: Any) -> None:
    with suppress(OSError):  # the supervisor is gone
        connection.send((name, (value,)))


class _SentDisplay:
    """Shows a study in the supervisor's process, and asks whether to stop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._signal = 0
        self._is_last = False
        self._shown = 0.0
        self.failed = False

    def note_signal(self, number: int, frame: FrameType | None) -> None:
        """Stop at the next step."""
        self._signal = number

    def say(self, text: str) -> None:
        self._send("say", text)

    def log(self, record: logging.LogRecord) -> None:
        """Send what was logged."""
        self._send("log", record)

    def caching(self, done: int, total: int) -> None:
        self._send("caching", done, total)

    def studied(self, so_far: SoFar) -> None:
        self._send("studied", so_far)

    def trial_started(self, number: int, place: int, total: int, params: Mapping[str, Any]) -> None:
        self._send("trial_started", number, place, total, dict(params))

    def trial_ended(self, number: int, state: str, text: str) -> None:
        self.failed = state in {"FAIL", "INTERRUPTED"}
        self._send("trial_ended", number, state, text)

    def step(self, step: Step, total_epochs: int) -> None:
        self._stop_if_told()
        now = time.monotonic()
        if step.step in {1, step.steps} or now - self._shown > 1 / STEPS_SHOWN_PER_S:
            self._shown = now
            self._send("step", replace(step, loss=float(step.loss)), total_epochs)

    def epoch(self, result: EpochResult[Evaluation], value: float, total_epochs: int) -> None:
        validation = replace(result.validation, image_ids=(), confusions={}, predictions={})
        self._send("epoch", replace(result, validation=validation), value, total_epochs)

    def doing(self, what: str) -> None:
        self._send("doing", what)

    def beside(self) -> StudyDisplay:
        return self

    def may_begin(self) -> bool:
        """Whether the supervisor lets another trial begin."""
        self._stop_if_told()
        return not self._is_last

    def _stop_if_told(self) -> None:
        try:
            if self._connection.poll():
                told = self._connection.recv()
                self._is_last |= told == LAST_TRIAL
                self._signal = self._signal or told
        except (EOFError, OSError):
            self._signal = signal.SIGTERM  # the supervisor is gone
        if self._signal:
            raise Interrupted(self._signal)

    def _send(self, name: str, *values: Any) -> None:
        try:
            self._connection.send((name, values))
        except OSError:
            raise Interrupted(signal.SIGTERM) from None


def _open(task: Task) -> list[OpenStudy]:
    plan = task.studies[0][0].base  # they share project, data and storage
    dataset = open_data(plan.project, plan.config, plan.source, lambda done, total: None)
    config = plan.config
    storage = open_storage(config.storage, plan.project, config.storage_patience, is_known=True)
    return [join_study(p, dataset, storage, experiment, run) for p, experiment, run in task.studies]
