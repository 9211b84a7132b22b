"""What a supervisor knows of workers, and the part of it that differs by where they run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from segexp.core.errors import InputError, WorkError
from segexp.core.lease import Owner
from segexp.study.display import StudyDisplay
from segexp.study.engines._seats import Seat
from segexp.study.engines._worker import Task


@dataclass(eq=False)
class Worker:
    """A worker, here or elsewhere.

    Attributes:
        connection: Brings what happens there; takes the number of the signal to stop for, or
            `LAST_TRIAL`.
        process: Where it runs on this machine; None elsewhere.
        seat: What it computes on; None where its own host decides.
        name: What it is called where there are several hosts.
        owner: How it signs its trials; None until it has said so.
        trials: How many it has ended.
        trial: The one under way.
        is_done: Whether it has said that it takes no more trials.
        is_stopped: Whether that is because a rule said so.
        is_cut: Whether its connection has ended.
        left: Why it left, as it said; empty where it did not.
    """

    connection: Connection
    display: StudyDisplay
    process: BaseProcess | None = None
    seat: Seat | None = None
    name: str = ""
    owner: Owner | None = None
    trials: int = 0
    trial: int | None = None
    is_done: bool = False
    is_stopped: bool = False
    is_cut: bool = False
    left: str = ""

    def has_ended(self) -> bool:
        """Whether its process has; of a worker elsewhere, whether nothing more will come of it."""
        if self.process is not None:
            return not self.process.is_alive()
        return self.is_cut or self.is_done


class Launcher(Protocol):
    """Where workers come from, and what becomes of them."""

    def start(self, task: Task, left: int, display: StudyDisplay) -> Iterable[Worker]:
        """Give the task to the first workers, one after the other.

        Args:
            left: How many trials there are to take.
        """

    def newcomers(self, *, again: bool) -> list[Worker]:
        """Return workers that came by themselves since, with the task.

        Args:
            again: Whether those that were done are given it again: there may be a trial to retry.
        """

    def signs(self, team: Sequence[Worker]) -> list[Any]:
        """Return what becomes ready when a worker ends or comes, beside their connections."""

    def is_open(self) -> bool:
        """Whether workers may come though there is none now."""

    def after(self, worker: Worker, reason: str, *, took_a_trial: bool) -> Worker | None:
        """Return what takes the place of a worker that died; None where others come by themselves.

        Raises:
            WorkError: When they die too often.
        """

    def after_error(self, worker: Worker, error: InputError | WorkError) -> None:
        """Raise what a worker could not go on for, unless others can.

        Raises:
            InputError: What is wrong where the worker runs.
            WorkError: The same.
        """

    def cause_of_death(self, worker: Worker) -> str:
        """Say how a worker ended that did not say so itself."""

    def keep(self, worker: Worker) -> None:
        """Take back a worker that is done; it may be given another task."""

    def end(self, worker: Worker) -> None:
        """End a worker for good."""
