"""SIGINT and SIGTERM: what they raise, and when they have to wait."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from segexp.core.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def raise_on_signals() -> None:
    """Make SIGINT and SIGTERM raise `Interrupted` from now on."""
    for number in _SIGNALS:
        signal.signal(number, _raise)


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
            raise Interrupted(number)

    handlers = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield
    finally:
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


def _raise(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)
