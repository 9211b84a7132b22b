"""Ray, in a process of its own: it ends that process without a word when the cluster is gone.

The study's process must outlive that: it closes trials, and says what has happened.
"""

import multiprocessing
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Any

from segexp.core.errors import InputError, WorkError
from segexp.core.signals import how_it_ended
from segexp.study.engines._link import Address

_END_SECONDS = 10
"""How long Ray may take to leave a cluster, or to end on this machine."""


@dataclass(frozen=True)
class Cluster:
    """What there is.

    Attributes:
        host: The address of this node.
        resources: Ray's, by name.
        nodes: How many are alive.
    """

    host: str
    resources: Mapping[str, float]
    nodes: int


@dataclass(frozen=True)
class Order:
    """Actors to be begun, each on so many CPUs and GPUs.

    Attributes:
        address: Where they connect to.
        token: What they show there.
    """

    count: int
    cpus: float
    gpus: float
    address: Address
    token: str


class RayProcess:
    """A connection to a cluster; it ends, with all actors, when nothing refers to this any more.

    Args:
        address: Of the cluster; None to start Ray on this machine.
        storage: By which URL actors on this machine open Optuna's storage.

    Attributes:
        sign: Is ready to be read when an actor has ended, or the cluster is gone.
    """

    def __init__(self, address: str | None, storage: str | None) -> None:
        self.sign, there = multiprocessing.Pipe()
        self._shown = address or "this machine"
        self._process = multiprocessing.get_context("spawn").Process(
            target=_drive, args=(there, address, storage), name="segexp-ray"
        )
        self._process.start()
        there.close()  # so that its end is seen here
        self._ended = 0
        Finalize(self, _end, (self.sign, self._process), exitpriority=0)

    def cluster(self) -> Cluster:
        """Return what there is now.

        Raises:
            WorkError: When Ray cannot be started or connected to, or the cluster is gone.
        """
        self._send(None)
        while True:
            if isinstance(found := self._receive(), Cluster):
                return found
            self._ended += 1

    def begin(self, order: Order) -> None:
        """Begin actors; those that there is no room for wait until there is."""
        self._send(order)

    def ended(self) -> int:
        """Return how many actors have ended since.

        Raises:
            InputError: What is wrong on the node of one.
            WorkError: When Ray could not run one, or the cluster is gone.
        """
        while self.sign.poll():
            self._receive()
            self._ended += 1
        ended, self._ended = self._ended, 0
        return ended

    def _send(self, order: Order | None) -> None:
        try:
            self.sign.send(order)
        except OSError:
            raise self._gone() from None

    def _receive(self) -> Cluster | None:
        try:
            found: Any = self.sign.recv()
        except (EOFError, OSError):
            raise self._gone() from None
        if isinstance(found, InputError | WorkError):
            raise found
        return found  # type: ignore[no-any-return]

    def _gone(self) -> WorkError:
        self._process.join(_END_SECONDS)
        return WorkError(
            f"Ray: {self._shown}: the cluster is gone: the process that was connected to it "
            f"{how_it_ended(self._process.exitcode)}; start the cluster, and the same command "
            "resumes the study"
        )


def _drive(orders: Connection, address: str | None, storage: str | None) -> None:
    from segexp.study.engines._ray_driver import drive  # noqa: PLC0415 - loads Ray

    drive(orders, address, storage)


def _end(sign: Connection, process: BaseProcess) -> None:
    sign.close()
    process.join(_END_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
