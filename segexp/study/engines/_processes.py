"""Worker processes on this machine: started, and replaced when they die."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from typing import Any

from segexp.core import failpoint
from segexp.core.errors import InputError, WorkError
from segexp.core.signals import how_it_ended
from segexp.study.display import StudyDisplay
from segexp.study.engines._launcher import Worker
from segexp.study.engines._seats import Seat, describe_team, seat_workers
from segexp.study.engines._worker import Surroundings, Task, work
from segexp.study.engines.workers import prepare, process_context

MAX_EARLY_DEATHS = 3
"""How many workers may die before one takes a trial."""


class Processes:
    """The launcher of the engine ``workers``.

    Args:
        workers: How many; None for as many as suit.
    """

    def __init__(self, workers: int | None) -> None:
        self._wanted = workers
        self._task: Task
        self._early_deaths = 0

    def start(self, task: Task, left: int, display: StudyDisplay) -> Iterator[Worker]:
        """Start a worker on each seat, but no more than there are trials."""
        self._task = task
        plans = [plan for plan, _, _ in task.studies]
        seats = seat_workers(plans, self._wanted)
        training = plans[0].base.config.training
        display.say(describe_team(seats, training.precision, training.devices))
        armed = os.environ.get(failpoint.VARIABLE)
        failpoint.choose(None)  # it is a worker that dies, and not who starts another one
        for place, seat in enumerate(seats[:left]):
            yield self._start(seat, display.beside() if place else display, armed)

    def newcomers(self, *, again: bool) -> list[Worker]:
        """Return none: all are started here."""
        return []

    def signs(self, team: Sequence[Worker]) -> list[Any]:
        """Return the sentinels of the processes."""
        return [worker.process.sentinel for worker in team if worker.process is not None]

    def is_open(self) -> bool:
        """Return False: see `newcomers`."""
        return False

    def after(self, worker: Worker, reason: str, *, took_a_trial: bool) -> Worker | None:
        """Start another one on the same seat."""
        self._early_deaths = 0 if took_a_trial else self._early_deaths + 1
        if self._early_deaths == MAX_EARLY_DEATHS:
            raise WorkError(f"{MAX_EARLY_DEATHS} workers ended before they took a trial: {reason}")
        assert worker.seat is not None
        return self._start(worker.seat, worker.display, None)

    def after_error(self, worker: Worker, error: InputError | WorkError) -> None:
        """Raise it: all workers here have the same data, disk and databases."""
        raise error

    def cause_of_death(self, worker: Worker) -> str:
        """Say by which signal or exit code it ended."""
        assert worker.process is not None
        return f"its worker {how_it_ended(worker.process.exitcode)}"

    def keep(self, worker: Worker) -> None:
        """Do nothing: its process has ended."""

    def end(self, worker: Worker) -> None:
        """Kill its process, if that still lives."""
        assert worker.process is not None
        if worker.process.is_alive():
            worker.process.kill()
        worker.process.join()

    def _start(self, seat: Seat, display: StudyDisplay, armed: str | None) -> Worker:
        here, there = multiprocessing.Pipe()
        environment = {k: v for k, v in os.environ.items() if k.startswith("SEGEXP_")}
        surroundings = Surroundings(seat, environment, armed)
        prepare()
        process = process_context().Process(
            target=work, args=(there, self._task, surroundings), name="segexp-worker"
        )
        process.start()
        there.close()  # so that its end is seen here
        return Worker(here, display, process, seat)
