"""A worker that has connected to a study of another host."""

import os
import socket
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection

from segexp import tracking
from segexp.core.credentials import without_credentials
from segexp.core.errors import InputError, Interrupted, WorkError
from segexp.study.engines._gate import WELCOME, greeting
from segexp.study.engines._link import Address, call, show_address
from segexp.study.engines._sent_display import (
    LAST_TRIAL,
    SentDisplay,
    noting_signals,
    sending_log,
)
from segexp.study.engines._sent_task import Own, unpack
from segexp.study.engines._worker import Task, run_task
from segexp.study.plan import StudyPlan
from segexp.study.space import values_of
from segexp.training.weights import check_weights

DRAIN_SECONDS = 10
"""How long a worker waits for the tracking server to have its records before it leaves."""


def join(address: Address, token: str, own: Own, say: Callable[[str], None]) -> None:
    """Run trials of the study that listens at an address, until it has no more.

    Args:
        say: Shows a line to a person on this host.

    Raises:
        InputError: When this host cannot take part as it is: token, version, data, storage.
        WorkError: When the connection is gone, or a trial cannot be run here.
        Interrupted: When a signal arrived. The trial under way is closed, and tried again.
    """
    name = f"{socket.gethostname()}:{os.getpid()}"
    with call(address, token) as connection:
        _say_hello(connection, name)
        display = SentDisplay(connection)
        say(f"joined the study at {show_address(address)} as {name}")
        try:
            with noting_signals(display), sending_log(display):
                _run_tasks(connection, display, own, say)
        except Interrupted as interruption:
            if display.is_cut:
                raise WorkError(_gone(address)) from None
            if display.is_told:
                say("the study was stopped; what was under way here is tried again")
                return
            display.send_last("left", "it was interrupted")
            raise interruption from None
        except (InputError, WorkError) as error:
            display.send_last("left", str(error))
            raise
        except OSError:
            raise WorkError(_gone(address)) from None
    say("the study needs this worker no longer")


def _gone(address: Address) -> str:
    return (
        f"the connection to the study at {show_address(address)} is gone; what was under way here "
        "is tried again"
    )


def _say_hello(connection: Connection, name: str) -> None:
    try:
        connection.send_bytes(greeting(name))
        answer = connection.recv_bytes()
    except (EOFError, OSError):
        raise WorkError("the study has ended the connection") from None
    if answer != WELCOME:
        raise InputError(answer.decode(errors="replace"))


def _run_tasks(
    connection: Connection, display: SentDisplay, own: Own, say: Callable[[str], None]
) -> None:
    while (task := _next_task(connection, display, own)) is not None:
        _, experiment, _ = task.studies[0]
        tracking.join_experiment(experiment.project, experiment.uri, experiment.id, experiment.name)
        display.begin_task()

        finish = partial(_drain, experiment, say)
        ended = run_task(display, task, finish)
        if ended is not None:
            finish()
            raise ended


def _next_task(connection: Connection, display: SentDisplay, own: Own) -> Task | None:
    """Wait for a task; None when the study has ended."""
    while True:
        display.stop_if_signalled()
        if not connection.poll(0.5):
            continue
        try:
            content = connection.recv_bytes()
        except EOFError:
            return None
        found = unpack(content, own)
        if isinstance(found, Task):
            _refuse_missing_weights(found.studies[0][0].base)
            return found
        if found != LAST_TRIAL:
            return None


def _refuse_missing_weights(plan: StudyPlan) -> None:
    """Refuse a host that lacks encoder weights, before its trials fail one after the other."""
    for encoder in values_of(plan.space, plan.config, "model.encoder"):
        for weights in values_of(plan.space, plan.config, "model.encoder_weights"):
            check_weights(str(encoder), weights, plan.project)


def _drain(experiment: tracking.Experiment, say: Callable[[str], None]) -> None:
    if left := tracking.drain(experiment.project, experiment.uri, DRAIN_SECONDS):
        say(
            f"{without_credentials(experiment.uri)} does not answer: {left} records wait in "
            f"{experiment.project}/.segexp/spool, and are sent when a worker begins there again"
        )
