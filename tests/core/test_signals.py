"""Signals that wait until two records are written as one."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from segexp.core.errors import Interrupted
from segexp.core.signals import (
    end_if_told,
    how_it_ended,
    interruption_leaves,
    is_interrupted,
    raise_on_signals,
    signals_held_back,
    waits_ended_by,
)


@pytest.fixture(autouse=True)
def _raising() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    raise_on_signals()
    yield
    raise_on_signals()  # forgets what has arrived
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_raises_with_its_number(number: signal.Signals) -> None:
    with pytest.raises(Interrupted) as caught:
        signal.raise_signal(number)
    assert caught.value.signal_number == number


class Mourned:
    """Whose end calls what a test wants to happen."""

    def __init__(self, then: Callable[[], object]) -> None:
        self.then = then

    def __del__(self) -> None:
        self.then()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_arrives_where_python_discards_exceptions_is_not_lost(
    number: signal.Signals,
) -> None:
    arrived = []

    def arrive() -> None:
        arrived.append(number)
        signal.raise_signal(number)

    with pytest.raises(Interrupted) as caught:
        Mourned(arrive)  # is gone at once, and what is raised in its end is discarded
        while True:
            time.sleep(0.01)
    assert (arrived, caught.value.signal_number) == ([number], number)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_else_python_discards_goes_where_it_went(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    raise_on_signals()

    def fail() -> None:
        raise ValueError("of its own")

    Mourned(fail)
    assert [str(one.exc_value) for one in seen] == ["of its own"]


def test_a_held_back_signal_arrives_after_the_block() -> None:
    done = []
    with pytest.raises(Interrupted) as caught, signals_held_back():
        signal.raise_signal(signal.SIGTERM)
        done.append("to the end")
    assert done == ["to the end"]
    assert caught.value.signal_number == signal.SIGTERM
    with pytest.raises(Interrupted):  # and the next one is not held back
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_second_signal_does_not_wait(depth: int) -> None:
    done = []
    with pytest.raises(Interrupted) as caught, ExitStack() as blocks:
        for _ in range(depth):
            blocks.enter_context(signals_held_back())
        signal.raise_signal(signal.SIGTERM)
        done.append("on")
        signal.raise_signal(signal.SIGINT)
        done.append("not reached")
    assert done == ["on"]
    assert caught.value.signal_number == signal.SIGINT


def test_a_block_in_a_block_holds_back_until_the_outer_one_ends() -> None:
    done = []
    with pytest.raises(Interrupted), signals_held_back():
        with signals_held_back():
            signal.raise_signal(signal.SIGINT)
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]


def test_an_error_in_the_block_passes_when_no_signal_came() -> None:
    with pytest.raises(ZeroDivisionError), signals_held_back():
        raise ZeroDivisionError


def test_in_another_thread_the_block_just_runs() -> None:
    done = []

    def work() -> None:
        with signals_held_back():
            done.append("done")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["done"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "ended with exit code 3"),
        (None, "ended with exit code None"),
        (-15, "was ended by SIGTERM"),
        (-9, "was ended by SIGKILL (the system does that when memory runs out)"),
    ],
)
def test_it_is_said_how_a_process_ended(code: int | None, words: str) -> None:
    assert how_it_ended(code) == words


def test_an_interruption_says_what_it_leaves_if_something_had_started():
    with pytest.raises(Interrupted) as caught, interruption_leaves("half of it"):
        signal.raise_signal(signal.SIGTERM)
    assert (caught.value.leaves, caught.value.signal_number) == ("half of it", signal.SIGTERM)
    with pytest.raises(Interrupted) as caught:
        signal.raise_signal(signal.SIGINT)
    assert caught.value.leaves == ""


def test_a_block_that_waits_in_vain_raises_what_it_holds_back() -> None:
    done = []
    with pytest.raises(Interrupted) as caught, signals_held_back(), signals_held_back():
        end_if_told()
        done.append("nothing has arrived")
        signal.raise_signal(signal.SIGTERM)
        assert not is_interrupted()
        end_if_told()
        done.append("not reached")
    assert done == ["nothing has arrived"]
    assert caught.value.signal_number == signal.SIGTERM
    assert is_interrupted()
    end_if_told()  # nothing is held back any more


class NotesSignals:
    """As a worker does it."""

    def __init__(self) -> None:
        self.noted = 0
        self.is_stopping = False

    def stop_if_told(self) -> None:
        if self.noted:
            self.is_stopping = True
            raise Interrupted(self.noted)


def test_what_waits_in_vain_raises_what_was_noted_once_and_in_its_own_thread() -> None:
    stopper, seen = NotesSignals(), []
    with waits_ended_by(stopper):
        end_if_told()
        assert not is_interrupted()
        stopper.noted = signal.SIGTERM
        thread = threading.Thread(target=lambda: seen.append((end_if_told(), is_interrupted())))
        thread.start()
        thread.join()
        with pytest.raises(Interrupted) as caught:
            end_if_told()
        assert is_interrupted()
        end_if_told()  # what closes the work may wait
    assert caught.value.signal_number == signal.SIGTERM
    assert seen == [(None, False)]
    assert not is_interrupted()
