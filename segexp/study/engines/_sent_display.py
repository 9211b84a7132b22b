"""What a worker shows: sent to its supervisor, which tells it when to stop."""

import logging
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from types import FrameType, SimpleNamespace
from typing import Any

from segexp.core.errors import Interrupted
from segexp.evaluation.evaluate import Evaluation
from segexp.study.display import StudyDisplay
from segexp.study.so_far import SoFar
from segexp.training.fit import EpochResult, Step

STEPS_SHOWN_PER_S = 2

LAST_TRIAL = 0
"""What a supervisor sends for: begin no other trial. The number of a signal ends the trial, too."""


class SentDisplay:
    """Shows a study in the supervisor's process, and asks whether to stop.

    Attributes:
        failed: Whether the last trial has.
        is_told: Whether the supervisor has said to stop.
        is_cut: Whether the supervisor is gone.
        is_stopping: Whether it has raised `Interrupted`.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._one_at_a_time = threading.RLock()  # the heartbeat's thread logs, too
        self._signal = 0
        self._is_last = False
        self._shown = 0.0
        self.failed = False
        self.is_told = False
        self.is_cut = False
        self.is_stopping = False

    def begin_task(self) -> None:
        """Forget that the trial of an earlier task was the last one."""
        self._is_last = self.failed = False

    def note_signal(self, number: int, frame: FrameType | None) -> None:
        """Stop at the next step."""
        self._signal = number

    def say(self, text: str) -> None:
        self._send("say", text)

    def log(self, record: logging.LogRecord) -> None:
        """Send what was logged; where the supervisor is gone the next step says so."""
        try:
            self._write("log", record)
        except OSError:  # any code may log, in any thread, and expects nothing to be raised
            self.is_cut = True
            self._signal = self._signal or signal.SIGTERM

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
        self.stop_if_told()
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
        self.stop_if_told()
        return not self._is_last

    def stop_if_signalled(self) -> None:
        """Raise `Interrupted` for a signal that arrived."""
        if self._signal:
            self.is_stopping = True
            raise Interrupted(self._signal)

    def send(self, name: str, *values: Any) -> None:
        """Send what is not shown.

        Raises:
            Interrupted: When the supervisor is gone.
        """
        self._send(name, *values)

    def send_last(self, name: str, *values: Any) -> None:
        """Send why this worker ends, to whoever is still there to read it."""
        with suppress(OSError):
            self._write(name, *values)

    def stop_if_told(self) -> None:
        """Raise `Interrupted` for a signal that arrived here or there, or without a supervisor."""
        try:
            if self._connection.poll():
                told = self._connection.recv()
                self._is_last |= told == LAST_TRIAL
                self.is_told |= told != LAST_TRIAL
                self._signal = self._signal or told
        except (EOFError, OSError):
            self.is_cut = True
            self._signal = signal.SIGTERM
        self.stop_if_signalled()

    def _send(self, name: str, *values: Any) -> None:
        try:
            self._write(name, *values)
        except OSError:
            self.is_cut = self.is_stopping = True
            raise Interrupted(signal.SIGTERM) from None

    def _write(self, name: str, *values: Any) -> None:
        with self._one_at_a_time:
            self._connection.send((name, values))


@contextmanager
def sending_log(display: "SentDisplay") -> Iterator[None]:
    """Have what the block logs sent: the supervisor knows what a person wants to see of it."""
    queue: Any = SimpleNamespace(put_nowait=display.log)
    handler = QueueHandler(queue)
    log = logging.getLogger("segexp")
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]


@contextmanager
def noting_signals(display: "SentDisplay") -> Iterator[None]:
    """Have SIGINT and SIGTERM stop the block at its next step.

    Does nothing outside the main thread, where Python delivers no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, display.note_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
