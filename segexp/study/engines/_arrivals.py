"""Workers that come by themselves from other hosts, and leave as they like."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from segexp.core.errors import InputError, WorkError
from segexp.study.display import StudyDisplay
from segexp.study.engines._gate import Gate, Guest
from segexp.study.engines._launcher import Worker
from segexp.study.engines._sent_task import pack
from segexp.study.engines._worker import Task


class Arrivals:
    """The launcher of engines whose workers connect.

    Workers that are done stay connected, and take the task of the next `start`.

    Args:
        gate: Where they come in.
        differ: Whether hosts may differ: what one cannot go on for ends it, not the study.
    """

    def __init__(self, gate: Gate, *, differ: bool) -> None:
        self._gate = gate
        self._differ = differ
        self._idle: list[Guest] = []
        self._task = b""
        self._display: StudyDisplay
        self._free: list[StudyDisplay] = []

    def start(self, task: Task, left: int, display: StudyDisplay) -> Iterator[Worker]:
        """Give the task to the workers that are there."""
        self._task, self._display, self._free = pack(task), display, [display]
        yield from self.newcomers(again=True)

    def newcomers(self, *, again: bool) -> list[Worker]:
        """Give the task to the workers that came since."""
        come = self._gate.guests()
        for refusal in self._gate.refusals():
            self._display.say(refusal)
        for guest in come:
            self._display.say(f"worker {guest.name} has joined")
        waiting = [*come, *(self._idle if again else [])]
        self._idle = [] if again else self._idle
        return [worker for guest in waiting if (worker := self._hire(guest)) is not None]

    def _hire(self, guest: Guest) -> Worker | None:
        try:
            while guest.connection.poll():  # it has left meanwhile
                guest.connection.recv()
            guest.connection.send_bytes(self._task)
        except (EOFError, OSError):
            guest.connection.close()
            return None
        display = self._free.pop() if self._free else self._display.beside()
        return Worker(guest.connection, display, name=guest.name)

    def signs(self, team: Sequence[Worker]) -> list[Any]:
        """Return what is ready when a worker comes."""
        return [self._gate.bell]

    def is_open(self) -> bool:
        """Return True: others may come."""
        return True

    def after(self, worker: Worker, reason: str, *, took_a_trial: bool) -> Worker | None:
        """Say that it has left; another one may come."""
        self._display.say(f"worker {worker.name} has left: {reason}")
        self._free.append(worker.display)
        worker.connection.close()
        return None

    def after_error(self, worker: Worker, error: InputError | WorkError) -> None:
        """Raise it where all hosts are the same."""
        if not self._differ:
            raise error

    def cause_of_death(self, worker: Worker) -> str:
        """Say that its connection is gone."""
        return f"the connection to its worker {worker.name} is gone"

    def keep(self, worker: Worker) -> None:
        """Let it wait for the next task."""
        self._free.append(worker.display)
        self._idle.append(Guest(worker.connection, worker.name))

    def end(self, worker: Worker) -> None:
        """End its connection, whereupon it stops at its next step."""
        with suppress(OSError):
            worker.connection.close()
