"""Workers that Ray starts, and starts again when they or their node die."""

import os
import secrets
import signal
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import ray

from segexp.core.errors import InputError, WorkError, first_line
from segexp.core.overrides import STORAGE_VARIABLE
from segexp.study.display import StudyDisplay
from segexp.study.engines._arrivals import Arrivals
from segexp.study.engines._gate import Gate
from segexp.study.engines._launcher import Worker
from segexp.study.engines._link import Address
from segexp.study.engines._ray_actor import Actor
from segexp.study.engines._room import in_words, resources_of_trial, room_for
from segexp.study.engines._worker import Task

if TYPE_CHECKING:
    from segexp.core.config import Config

LOOPBACK = "127.0.0.1"

_OBJECT_STORE_BYTES = 80 * 2**20  # the least that Ray takes: nothing of a study goes through it


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
        self._arrivals: Arrivals | None = None
        self._at: Address = (LOOPBACK, 0)
        self._ends: list[Any] = []
        self._room = self._first = self._joined = 0
        self._resources = (0.0, 0.0)

    def start(self, task: Task, left: int, display: StudyDisplay) -> Iterator[Worker]:
        """Start one actor on each node; the others when these have loaded what all need."""
        if self._arrivals is None:
            begin_ray(self._address, self._config, display)
            host = LOOPBACK if self._address is None else ray.util.get_node_ip_address()
            gate = Gate((host, 0), self._token, "--engine ray")
            self._at, self._arrivals = gate.address, Arrivals(gate, differ=False)
        there_are = ray.cluster_resources()
        self._resources = resources_of_trial(
            self._config.engine, self._config.training.devices, self._per_gpu, there_are
        )
        room = room_for(self._resources, there_are)
        self._room = min(room if self._wanted is None else self._wanted, max(left, 1))
        self._first = min(self._room, len([n for n in ray.nodes() if n["Alive"]]))
        display.say(
            f"{self._room} actors of {in_words(self._resources)}; the first of a node takes 10 to "
            "40 s to load torch, optuna and mlflow"
        )
        self._begin(self._first)
        yield from self._arrivals.start(task, left, display)

    def _begin(self, wanted: int) -> None:
        cpus, gpus = self._resources
        for _ in range(wanted - len(self._ends)):
            actor = (
                ray.remote(Actor)
                .options(
                    num_cpus=cpus,
                    num_gpus=gpus,
                    max_restarts=-1,
                    max_task_retries=-1,
                    scheduling_strategy="SPREAD",
                )
                .remote()
            )
            self._ends.append(actor.run.remote(self._at, self._token))

    def newcomers(self, *, again: bool) -> list[Worker]:
        """Return the actors that have connected; see to those that could not begin."""
        assert self._arrivals is not None
        self._raise_what_ended()
        come = self._arrivals.newcomers(again=again)
        self._joined += len(come)
        if self._joined >= self._first and len(self._ends) < self._room:
            self._begin(self._room)
        return come

    def _raise_what_ended(self) -> None:
        if not self._ends:
            return
        ended, self._ends[:] = ray.wait(self._ends, num_returns=len(self._ends), timeout=0)
        for end in ended:
            try:
                why = ray.get(end)
            except ray.exceptions.RayError as error:
                raise WorkError(f"Ray could not run a worker: {_cause(error)}") from None
            if why:
                raise InputError(why)

    def signs(self, team: Sequence[Worker]) -> list[Any]:
        """Return what is ready when an actor connects."""
        return [] if self._arrivals is None else self._arrivals.signs(team)

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


def begin_ray(address: str | None, config: "Config", display: StudyDisplay) -> None:
    """Connect to a cluster, or start Ray on this machine, where nobody else can reach it.

    Raises:
        WorkError: When that fails.
    """
    if ray.is_initialized():
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        display.say("starting Ray on this machine, which takes 10 to 20 s ...")
        if config.storage is not None:  # a password may have come from a file
            os.environ[STORAGE_VARIABLE] = config.storage
        options |= {
            "address": "local",
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
    else:
        display.say(f"connecting to the Ray cluster {address} ...")
        options["address"] = address
    try:
        ray.init(**options)
    except Exception as error:  # of many kinds
        raise WorkError(f"Ray: {address or 'this machine'}: {first_line(error)}") from None
    finally:
        for number, handler in handlers.items():  # Ray takes SIGTERM for itself
            signal.signal(number, handler)


def _cause(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
