"""What a worker sends to its supervisor, and how it is told to stop."""

import logging
import multiprocessing
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pytest
import torch

from segexp.core.errors import Interrupted
from segexp.evaluation.evaluate import Evaluation
from segexp.study.engines._sent_display import (
    LAST_TRIAL,
    SentDisplay,
    noting_signals,
    sending_log,
)
from segexp.training.fit import EpochResult, Step

STEP = Step(1, 1, 4, 3, torch.tensor(0.5))
EVALUATION = Evaluation(
    ("a",), 0.25, {"own": np.ones((1, 2, 3), np.int64)}, {"own": np.ones((1, 8, 8))}
)


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Connection]]:
    here, there = multiprocessing.Pipe()
    with here, there:
        yield here, there


def received(connection: Connection) -> list[tuple[str, Any]]:
    messages = []
    while connection.poll():
        messages.append(connection.recv())
    return messages


def test_what_is_shown_is_sent_with_plain_values(ends: tuple[Connection, Connection]) -> None:
    here, there = ends
    display = SentDisplay(there)
    display.say("hello")
    display.caching(1, 2)
    display.trial_started(3, 1, 9, {"arch": "Unet"})
    display.step(STEP, 2)
    display.epoch(EpochResult(1, 0.5, 1e-3, EVALUATION, 2.0, 3.0), 0.75, 2)
    display.trial_ended(3, "FAIL", "out of memory")
    (said, caching, started, step, epoch, ended) = received(here)
    assert said == ("say", ("hello",))
    assert caching == ("caching", (1, 2))
    assert started == ("trial_started", (3, 1, 9, {"arch": "Unet"}))
    assert step == ("step", (Step(1, 1, 4, 3, 0.5), 2))
    assert isinstance(step[1][0].loss, float)
    result, value, total = epoch[1]
    assert (result.train_loss, result.validation.loss, value, total) == (0.5, 0.25, 0.75, 2)
    assert result.validation.confusions == {}  # the matrices of every image would be megabytes
    assert ended == ("trial_ended", (3, "FAIL", "out of memory"))
    assert display.failed
    assert display.beside() is display


def test_steps_are_shown_at_the_begin_of_an_epoch_and_now_and_then(
    ends: tuple[Connection, Connection],
) -> None:
    here, there = ends
    display = SentDisplay(there)
    for epoch in (1, 2):
        for number in range(1, 200):
            display.step(Step(epoch, number, 199, number, torch.tensor(0.5)), 2)
    shown = [values[0] for _, values in received(here)]
    assert {(1, 1), (2, 1)} <= {(s.epoch, s.step) for s in shown}
    assert len(shown) < 100


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_supervisor_stops_a_worker_at_its_next_step(
    ends: tuple[Connection, Connection], number: int
) -> None:
    here, there = ends
    display = SentDisplay(there)
    display.step(STEP, 2)
    here.send(int(number))
    display.say("still writing")
    with pytest.raises(Interrupted) as caught:
        display.step(STEP, 2)
    assert caught.value.signal_number == number


def test_a_signal_of_its_own_stops_it_at_its_next_step(ends: tuple[Connection, Connection]) -> None:
    display = SentDisplay(ends[1])
    display.note_signal(signal.SIGTERM, None)
    display.say("still writing")
    with pytest.raises(Interrupted) as caught:
        display.step(STEP, 2)
    assert caught.value.signal_number == signal.SIGTERM


def test_told_to_stop_by_the_supervisor_a_worker_ends_its_trial_and_starts_no_other(
    ends: tuple[Connection, Connection],
) -> None:
    here, there = ends
    display = SentDisplay(there)
    assert display.may_begin()
    here.send(LAST_TRIAL)
    display.step(STEP, 2)
    display.step(STEP, 2)
    assert not display.may_begin()
    here.send(int(signal.SIGINT))
    with pytest.raises(Interrupted):
        display.step(STEP, 2)


@pytest.mark.parametrize("what", ["step", "say", "trial_ended"])
def test_without_a_supervisor_it_stops(ends: tuple[Connection, Connection], what: str) -> None:
    here, there = ends
    here.close()
    display = SentDisplay(there)
    call = {
        "step": lambda: display.step(STEP, 2),
        "say": lambda: display.say("hello"),
        "trial_ended": lambda: display.trial_ended(0, "COMPLETE", ""),
    }[what]
    with pytest.raises(Interrupted) as caught:
        call()
    assert caught.value.signal_number == signal.SIGTERM


def test_the_log_is_sent_while_the_block_runs_and_no_longer(
    ends: tuple[Connection, Connection], caplog: pytest.LogCaptureFixture
) -> None:
    """A process may go on after it was a worker; its connection has ended then."""
    here, there = ends
    log = logging.getLogger("segexp.study")
    with sending_log(SentDisplay(there)):
        log.debug("within")
    there.close()
    log.warning("after")
    ((name, (record,)),) = [here.recv()]
    assert (name, record.getMessage()) == ("log", "within")
    assert caplog.messages == ["after"]


def test_what_is_logged_without_a_supervisor_raises_nothing_and_the_next_step_stops(
    ends: tuple[Connection, Connection],
) -> None:
    """A heartbeat logs in its own thread, and goes on."""
    here, there = ends
    here.close()
    display = SentDisplay(there)
    with sending_log(display):
        logging.getLogger("segexp.study").warning("the storage answers again")
    with pytest.raises(Interrupted):
        display.step(STEP, 2)
    assert display.is_cut


def test_threads_do_not_write_into_each_others_messages(
    ends: tuple[Connection, Connection],
) -> None:
    here, there = ends
    display = SentDisplay(there)
    texts = [letter * 1_000_000 for letter in "abcd"]  # more than a socket takes at once
    threads = [threading.Thread(target=display.say, args=(text,), daemon=True) for text in texts]
    for thread in threads:
        thread.start()
    assert sorted(here.recv()[1][0] for _ in texts) == texts


def test_signals_stop_the_next_step_of_the_block_and_are_as_before_after_it(
    ends: tuple[Connection, Connection],
) -> None:
    display = SentDisplay(ends[1])
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with noting_signals(display):
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Interrupted) as stopped:
            display.step(STEP, 2)
    assert stopped.value.signal_number == signal.SIGTERM
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
