"""SIGINT and SIGTERM: what they raise, and when they have to wait."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, Protocol

from segexp.core.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_SENT_AGAIN_AFTER = 0.05  # seconds: whatever discards what is raised has returned by then

# What Python does with what it discards; the last one, if a library puts its own in.
_discarded: list[Callable[[Any], object]] = [sys.__unraisablehook__]

# The signals that arrived in each block that holds them back, and whether one was raised.
_held_back: list[list[int]] = []
_is_interrupted = False


class Stopper(Protocol):
    """Says whether the work of a thread is to stop, where signals are only noted.

    Attributes:
        is_stopping: Whether it has raised `Interrupted`: what closes the work may still wait.
    """

    is_stopping: bool

    def stop_if_told(self) -> None:
        """Raise `Interrupted` if it is to stop."""


class _OfThread(threading.local):
    stopper: Stopper | None = None


_of_thread = _OfThread()


def raise_on_signals() -> None:
    """Make SIGINT and SIGTERM raise `Interrupted` from now on.

    Python discards what is raised while it runs the callback of a weak reference or a `__del__`, as
    it may at any moment. The signal is sent again then, a moment later.
    """
    global _is_interrupted  # noqa: PLW0603 - the state of the process
    _is_interrupted = False
    for number in _SIGNALS:
        signal.signal(number, _raise)
    if sys.unraisablehook is not _send_again:
        _discarded.append(sys.unraisablehook)
        sys.unraisablehook = _send_again


def is_interrupted() -> bool:
    """Whether the work here was interrupted: what is left to do should not take long."""
    stopper = _of_thread.stopper
    return _is_interrupted or (stopper is not None and stopper.is_stopping)


def end_if_told() -> None:
    """Raise `Interrupted` if a signal is held back, or noted; for what may wait in vain.

    Once it was raised, what closes the work may wait.
    """
    if threading.current_thread() is threading.main_thread():
        for arrived in _held_back:
            if arrived:
                _raise(arrived[0], None)
    stopper = _of_thread.stopper
    if stopper is not None and not stopper.is_stopping:
        stopper.stop_if_told()


@contextmanager
def waits_ended_by(stopper: Stopper) -> Iterator[None]:
    """Have what waits in this thread during the block ask whether to stop, by `end_if_told`."""
    before, _of_thread.stopper = _of_thread.stopper, stopper
    try:
        yield
    finally:
        _of_thread.stopper = before


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Hold back SIGINT and SIGTERM until the block has run, so that two records are written as one.

    A second signal does not wait; the next start closes what it cuts short. Does nothing outside
    the main thread, where Python delivers no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        arrived.append(number)
        if len(arrived) > 1:
            _raise(number, frame)

    _held_back.append(arrived)
    handlers = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield
    finally:
        _held_back.remove(arrived)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if len(arrived) == 1:
            signal.raise_signal(arrived[0])


@contextmanager
def interruption_leaves(what: str) -> Iterator[None]:
    """Let an interruption of the block say what it leaves: `Interrupted.leaves`.

    Of blocks within each other, the inner one says it.
    """
    try:
        yield
    except Interrupted as error:
        error.leaves = error.leaves or what
        raise


def how_it_ended(code: int | None) -> str:
    """Say how a process ended: ``was ended by SIGKILL (...)``, ``ended with exit code 1``.

    Args:
        code: As `multiprocessing` has it: of a signal, its number below 0.
    """
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        why = " (the system does that when memory runs out)" if -code == signal.SIGKILL else ""
        return f"was ended by {name}{why}"
    return f"ended with exit code {code}"


def _send_again(discarded: Any) -> None:
    """Send the signal again whose exception Python discards, and leave the rest as it was."""
    if not isinstance(discarded.exc_value, Interrupted):
        _discarded[-1](discarded)
        return
    main, number = threading.main_thread().ident, discarded.exc_value.signal_number
    assert main is not None
    # Not from here, where what it raises would be discarded, too.
    timer = threading.Timer(_SENT_AGAIN_AFTER, signal.pthread_kill, (main, number))
    timer.daemon = True
    timer.start()


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    global _is_interrupted  # noqa: PLW0603 - the state of the process
    _is_interrupted = True
    raise Interrupted(number)
