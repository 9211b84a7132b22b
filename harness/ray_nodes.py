"""Nodes of a Ray cluster on one machine, each with a host name and an address of its own.

They live in a network namespace without a way out (`alone_in_a_network`), where Ray may listen on
all addresses. For benchmarks/ray_nodes.py.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from harness.crash_study import ENVIRONMENT
from harness.project import ROOT

HEAD = "10.77.0.1"
PORT = 6379
INSIDE = "SEGEXP_HARNESS_NETWORK"
OBJECT_STORE = str(80 * 2**20)  # the least that Ray takes


def alone_in_a_network(addresses: int) -> None:
    """Begin this program again where there is no network but 10.77.0.1 and the next addresses."""
    if INSIDE in os.environ:
        return
    commands = ["ip link set lo up"]
    commands += [f"ip addr add {address_of(n)}/32 dev lo" for n in range(addresses)]
    mapped = ["--map-root-user"] if os.geteuid() else []
    words = ["unshare", *mapped, "--net", "sh", "-c", " && ".join([*commands, 'exec "$@"']), "sh"]
    os.environ[INSIDE] = "1"
    os.execvp("unshare", [*words, sys.executable, *sys.orig_argv[1:]])


def address_of(number: int) -> str:
    return f"10.77.0.{1 + number}"


@dataclass
class Node:
    """A node of the cluster; number 0 is its head.

    Attributes:
        directory: Takes its log, and what Ray writes.
        environment: Of all that belongs to the cluster, such as its token.
    """

    number: int
    directory: Path
    environment: dict[str, str]
    cpus: int = 1
    dashboard: bool = False
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Its host name, which the trials of its actors have as their host."""
        return f"node-{self.number}"

    def start(self) -> None:
        """Begin, or come back after a kill."""
        place = (
            ["--head", f"--port={PORT}", f"--include-dashboard={str(self.dashboard).lower()}"]
            if self.number == 0
            else [f"--address={HEAD}:{PORT}"]
        )
        words = [
            *(str(Path(sys.executable).with_name("ray")), "start", "--block", *place),
            f"--node-ip-address={address_of(self.number)}",
            *(f"--num-cpus={self.cpus}", f"--object-store-memory={OBJECT_STORE}"),
        ]
        self.process = start_on(self.name, words, self.directory, self.environment, self.name)

    def kill(self) -> None:
        """End it as a power cut does, with all its processes."""
        assert self.process is not None
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()

    def processes(self) -> list[psutil.Process]:
        """Return its processes, the ones of its actors among them."""
        assert self.process is not None
        with suppress(psutil.NoSuchProcess):
            own = psutil.Process(self.process.pid)
            return [own, *own.children(recursive=True)]
        return []

    def stop(self) -> None:
        """End it, if it runs."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.kill()


def start_on(
    host: str, words: list[str], directory: Path, environment: dict[str, str], log: str
) -> "subprocess.Popen[bytes]":
    """Start a program with a host name of its own, its output in ``LOG.log`` of the directory."""
    home = directory / f"home-of-{host}"
    home.mkdir(exist_ok=True)
    more = {**ENVIRONMENT, "PYTHONPATH": str(ROOT), "HOME": str(home), **environment}
    with (directory / f"{log}.log").open("ab") as file:
        return subprocess.Popen(
            ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host, *words],
            cwd=directory,
            env={**os.environ, **more},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
