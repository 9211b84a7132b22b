"""Workers that Ray starts, and starts again when they or their node die."""

import secrets
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from segexp.core.errors import InputError, WorkError
from segexp.study.display import StudyDisplay
from segexp.study.engines._arrivals import Arrivals
from segexp.study.engines._gate import Gate
from segexp.study.engines._launcher import Worker
from segexp.study.engines._link import Address
from segexp.study.engines._ray_process import Order, RayProcess
from segexp.study.engines._room import in_words, resources_of_trial, room_for
from segexp.study.engines._worker import Task

if TYPE_CHECKING:
    from segexp.core.config import Config

LOOPBACK = "127.0.0.1"


class Actors:
    """The launcher of the engine ``ray``.

    Args:
        config: Of the study.
        workers: How many actors; None for as many as there is room for.
        address: Of a Ray cluster; None to start one on this machine.
        per_gpu: How many trials share a GPU.
    """

    def __init__(
        self, config: "Config", workers: int | None, address: str | None, per_gpu: int | None
    ) -> None:
        self._config = config
        self._wanted = workers
        self._address = address
        self._per_gpu = per_gpu
        self._token = secrets.token_urlsafe(24)
        self._ray: RayProcess | None = None
        self._arrivals: Arrivals | None = None
        self._at: Address = (LOOPBACK, 0)
        self._there = self._room = self._first = self._joined = 0
        self._resources = (0.0, 0.0)

    def start(self, task: Task, left: int, display: StudyDisplay) -> Iterator[Worker]:
        """Start one actor on each node; the others when these have loaded what all need."""
        if self._ray is None:
            display.say(
                "starting Ray on this machine, which takes 10 to 20 s ..."
                if self._address is None
                else f"connecting to the Ray cluster {self._address} ..."
            )
            self._ray = RayProcess(self._address, self._config.storage)
        cluster = self._ray.cluster()
        if self._arrivals is None:
            host = LOOPBACK if self._address is None else cluster.host
            gate = Gate((host, 0), self._token, "--engine ray")
            self._at, self._arrivals = gate.address, Arrivals(gate, differ=False)
        self._resources = resources_of_trial(
            self._config.engine, self._config.training.devices, self._per_gpu, cluster.resources
        )
        room = room_for(self._resources, cluster.resources)
        self._room = min(room if self._wanted is None else self._wanted, max(left, 1))
        self._first = min(self._room, cluster.nodes)
        if self._room > self._there:
            display.say(
                f"{self._room} actors of {in_words(self._resources)}; the first of a node takes 10 "
                "to 40 s to load torch, optuna and mlflow"
            )
        self._begin(self._first)
        yield from self._arrivals.start(task, left, display)

    def _begin(self, wanted: int) -> None:
        assert self._ray is not None
        if (count := wanted - self._there) > 0:
            self._ray.begin(Order(count, *self._resources, self._at, self._token))
            self._there = wanted

    def newcomers(self, *, again: bool) -> list[Worker]:
        """Return the actors that have connected; see to those that could not begin."""
        assert self._arrivals is not None
        assert self._ray is not None
        self._there -= self._ray.ended()
        come = self._arrivals.newcomers(again=again)
        self._joined += len(come)
        if self._joined >= self._first:
            self._begin(self._room)
        return come

    def signs(self, team: Sequence[Worker]) -> list[Any]:
        """Return what is ready when an actor connects or ends, or the cluster is gone."""
        assert self._arrivals is not None
        assert self._ray is not None
        return [*self._arrivals.signs(team), self._ray.sign]

    def is_open(self) -> bool:
        """Return True: actors connect when they have loaded what they need."""
        return True

    def after(self, worker: Worker, reason: str, *, took_a_trial: bool) -> None:
        """Say that it has died; Ray starts it again."""
        assert self._arrivals is not None
        self._arrivals.after(worker, reason, took_a_trial=took_a_trial)

    def after_error(self, worker: Worker, error: InputError | WorkError) -> None:
        """Raise it: what one node lacks the others lack."""
        raise error

    def cause_of_death(self, worker: Worker) -> str:
        """Say that its connection is gone."""
        assert self._arrivals is not None
        return f"{self._arrivals.cause_of_death(worker)}; Ray starts it again"

    def keep(self, worker: Worker) -> None:
        """Let it wait for the next task."""
        assert self._arrivals is not None
        self._arrivals.keep(worker)

    def end(self, worker: Worker) -> None:
        """End its connection."""
        assert self._arrivals is not None
        self._arrivals.end(worker)
