"""A worker: runs trials for a supervisor, so that a crash does not end the study."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch

from segexp import tracking
from segexp.core import failpoint
from segexp.core.disk import FullDiskError
from segexp.core.errors import AwayError, InputError, Interrupted, WorkError
from segexp.core.lease import this_process
from segexp.core.signals import waits_ended_by
from segexp.data.cache import Dataset
from segexp.data.open import open_data
from segexp.study.engines._seats import Seat
from segexp.study.engines._sent_display import SentDisplay, sending_log
from segexp.study.open import OpenStudy, join_study
from segexp.study.plan import ListPlan, SearchPlan, StudyPlan
from segexp.study.stop import StopRule
from segexp.study.storage.open import open_storage
from segexp.study.turns import close_trials, is_stopped, run_next
from segexp.training.compute import choose_compute

PAUSE = "interrupted by a signal"
"""Why a trial ended that a signal ended: it is tried again."""

DONE, STOPPED, SPENT = "done", "stopped", "spent"
"""What a worker says last: it found no trial, a rule said stop, or its device is not to be trusted.
"""


@dataclass(frozen=True)
class Task:
    """What a worker is to do, in values that can be sent to another process.

    Attributes:
        studies: Plans of the studies that take turns, each with its experiment and the run that
            its trials are below.
        data_hash: The digest of the data that they train on.
        precision: What the configured one came to where the study was begun.
    """

    studies: tuple[tuple[SearchPlan | ListPlan, tracking.Experiment, tracking.Run], ...]
    data_hash: str
    precision: str
    stop: StopRule


@dataclass(frozen=True)
class Surroundings:
    """What a worker process on this machine is given beside its task.

    Attributes:
        environment: Variables that differ from what the process was started with.
        failpoint: Where the process is to die; see `segexp.core.failpoint`.
    """

    seat: Seat
    environment: Mapping[str, str]
    failpoint: str | None


def work(connection: Connection, task: Task, surroundings: Surroundings) -> None:
    """Run trials until none is left, and send what happens; the body of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor says when to stop
    os.environ.update(surroundings.environment)
    display = SentDisplay(connection)
    signal.signal(signal.SIGTERM, display.note_signal)
    failpoint.choose(surroundings.failpoint)
    seat = surroundings.seat
    if seat.threads:
        torch.set_num_threads(seat.threads)
    if seat.gpu is not None:
        torch.cuda.set_device(seat.gpu)
    with sending_log(display):
        run_task(display, task)


def run_task(
    display: SentDisplay, task: Task, finish: Callable[[], None] = lambda: None
) -> Exception | Interrupted | None:
    """Run trials until none is left; what ends it earlier is sent, too.

    Args:
        finish: Called when no trial is left to take, before the supervisor is told.

    Returns:
        What ended it; None when another task may follow.
    """
    with waits_ended_by(display):
        return _run_task(display, task, finish)


def _run_task(
    display: SentDisplay, task: Task, finish: Callable[[], None]
) -> Exception | Interrupted | None:
    opened: list[OpenStudy] = []
    ended: Exception | Interrupted | None = None
    try:
        display.send("owner", this_process())
        opened += _open(task)
        last = _run_trials(display, opened, task.stop)
        finish()
        display.send(last)
        if last == SPENT:
            ended = WorkError("a trial failed, and a process may not use its GPU again after that")
    except Interrupted as interruption:
        _close(opened, PAUSE)
        ended = interruption
    except InputError as error:
        display.send_last("input_error", error.faults)
        ended = error
    except FullDiskError as error:
        _close(opened, "the disk is full")
        display.send_last("full_disk_error", str(error))
        ended = error
    except AwayError as error:
        _close(opened, "the storage was away")
        display.send_last("away_error", str(error))
        ended = error
    except Exception as error:
        _close(opened, "its process failed")
        text = str(error) if isinstance(error, WorkError) else f"{type(error).__name__}: {error}"
        display.send_last("work_error", text)
        ended = WorkError(text)
    return ended


def _run_trials(display: SentDisplay, opened: Sequence[OpenStudy], stop: StopRule) -> str:
    """Run trials; return why no other one is begun."""
    while display.may_begin():
        if is_stopped(opened, stop):
            return STOPPED
        if not run_next(opened, display):
            break
        if display.failed and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            return SPENT  # after a device error every later call in this process may fail
    return DONE


def _close(opened: Sequence[OpenStudy], reason: str) -> None:
    # If the storage is away or the disk is full, the next start closes it.
    with suppress(Exception, Interrupted):  # this worker ends anyhow
        close_trials(opened, this_process(), reason, crashed=False)


def _open(task: Task) -> list[OpenStudy]:
    plan = task.studies[0][0].base  # they share project, data and storage
    dataset = open_data(plan.project, plan.config, plan.source, lambda done, total: None)
    _refuse_other_data(dataset, task.data_hash)
    _refuse_other_precision(plan, task.precision)
    config = plan.config
    storage = open_storage(config.storage, plan.project, config.storage_patience, is_known=True)
    return [join_study(p, dataset, storage, experiment, run) for p, experiment, run in task.studies]


def _refuse_other_data(dataset: Dataset, wanted: str) -> None:
    if dataset.hash != wanted:
        where = "" if dataset.root is None else f"{dataset.root}: "
        raise InputError(
            f"{where}not the data of the study: its digest is {dataset.hash[:12]} here and "
            f"{wanted[:12]} there; copy the same files to this host, or name the folder that has "
            "them with --data DIR or SEGEXP_DATA"
        )


def _refuse_other_precision(plan: StudyPlan, wanted: str) -> None:
    own = choose_compute(plan.config.training.precision).precision
    if own != wanted and not plan.is_mixed:
        raise InputError(
            f"training.precision: {plan.config.training.precision}: {own} on this host, {wanted} "
            "in the study; begin the study with --mixed, or with --set training.precision=bf16 or "
            "fp32, which then holds on every host"
        )
