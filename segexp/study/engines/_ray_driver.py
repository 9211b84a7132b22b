"""What Ray calls the driver: places actors on the nodes of a cluster, and hears of their ends.

It runs in a process of its own, of `segexp.study.engines._ray_process`.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import ray

from segexp.core.errors import InputError, WorkError, first_line
from segexp.core.overrides import STORAGE_VARIABLE
from segexp.study.engines._ray_actor import Actor
from segexp.study.engines._ray_process import Cluster, Order

_LOOK_SECONDS = 1.0
"""How often it is looked whether an actor has ended."""

_OBJECT_STORE_BYTES = 80 * 2**20  # the least that Ray takes: nothing of a study goes through it


def drive(orders: Connection, address: str | None, storage: str | None) -> None:
    """Obey until the other side ends the connection; see `segexp.study.engines._ray_process`."""
    _stay()
    _be_quiet()
    try:
        _begin_ray(address, storage)
        _stay()  # Ray takes SIGTERM for itself
        _obey(orders)
    except Exception as error:  # of many kinds
        why = f"Ray: {address or 'this machine'}: {first_line(error)}"
        with suppress(OSError):  # the study has ended
            orders.send(WorkError(why))
    finally:
        ray.shutdown()


def _stay() -> None:
    """Outlive Ctrl-C and a stopped job, which reach all processes: the study is closed first.

    By a handler, and not by ignoring them, which the programs that Ray starts would inherit.
    """
    stay: Callable[[int, Any], None] = lambda number, frame: None  # noqa: E731
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stay)


def _be_quiet() -> None:
    """Keep what Ray prints out of the study's display; its logs have it, below /tmp/ray."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)


def _begin_ray(address: str | None, storage: str | None) -> None:
    """Connect to a cluster, or start Ray on this machine, where nobody else can reach it."""
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        if storage is not None:  # a password may have come from a file
            os.environ[STORAGE_VARIABLE] = storage
        options |= {
            "address": "local",
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
    else:
        options["address"] = address
    ray.init(**options)


def _obey(orders: Connection) -> None:
    ends: list[Any] = []
    while True:
        if orders.poll(_LOOK_SECONDS):
            order = orders.recv()
            if order is None:
                orders.send(_cluster())
            else:
                ends += [_begin(order) for _ in range(order.count)]
        if ends:
            ended, ends = ray.wait(ends, num_returns=len(ends), timeout=0)
            for end in ended:
                orders.send(_how(end))


def _cluster() -> Cluster:
    nodes = sum(node["Alive"] for node in ray.nodes())
    return Cluster(ray.util.get_node_ip_address(), ray.cluster_resources(), nodes)


def _begin(order: Order) -> Any:
    actor = (
        ray.remote(Actor)
        .options(
            num_cpus=order.cpus,
            num_gpus=order.gpus,
            max_restarts=-1,
            max_task_retries=-1,
            scheduling_strategy="SPREAD",
        )
        .remote()
    )
    return actor.run.remote(order.address, order.token)


def _how(end: Any) -> InputError | WorkError | None:
    """Return what an actor has ended with."""
    try:
        why = ray.get(end)
    except ray.exceptions.RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        cause = lines[-1] if lines else type(error).__name__
        return WorkError(f"Ray could not run a worker: {cause}")
    return InputError(why) if why else None
