"""What befalls a study of several hosts: one is killed and comes back, a server is away.

For benchmarks/hosts.py.
"""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from optuna.trial import FrozenTrial

from harness.crash_check import is_counted
from harness.hosts import Host
from harness.postgres import PostgresServer
from harness.tracking_server import start_mlflow, stop
from segexp.study.attributes import host_of

EVENTS = (
    "host killed", "MLflow restarted", "host killed", "backends terminated", "host killed",
    "MLflow frozen",
)  # fmt: skip
DEADLINE = 1800.0  # seconds, for all


@dataclass
class Disturbance:
    """Hosts and servers, and what was done to them.

    Attributes:
        read_trials: Reads the study's trials; none while there is no study.
        every: How many more trials are to finish before the next event.
        done: How often each event was.
        codes: The exit code of each process that was not killed.
        seen: Each trial that was once seen as finished.
    """

    hosts: Sequence[Host]
    postgres: PostgresServer
    database: str
    directory: Path
    port: int
    server: "subprocess.Popen[bytes]"
    read_trials: Callable[[], list[FrozenTrial]]
    every: int = 3
    done: "Counter[str]" = field(default_factory=Counter)
    codes: list[int] = field(default_factory=list)
    seen: dict[int, FrozenTrial] = field(default_factory=dict)

    def run(self) -> None:
        """Start the hosts, and disturb them until all have ended with 0."""
        begun = time.monotonic()
        for host in self.hosts:
            host.start()
        events, victims, next_at = cycle(EVENTS), cycle(self.hosts), self.every
        while self._any_runs():
            if time.monotonic() - begun > DEADLINE:
                raise TimeoutError(f"{DEADLINE:.0f} s are over; exit codes {self.codes}")
            time.sleep(0.5)
            trials = self._look()
            if sum(map(is_counted, trials)) < next_at or next_at >= self.hosts[0].trials:
                continue
            event = next(events)
            if event == "host killed":
                self._kill(next(victims))
            else:
                self._disturb_server(event)
            self.done[event] += 1
            next_at = sum(map(is_counted, self._look())) + self.every

    def _look(self) -> list[FrozenTrial]:
        trials = self.read_trials()
        for trial in trials:
            if is_counted(trial):
                self.seen.setdefault(trial.number, trial)
        return trials

    def _any_runs(self) -> bool:
        """Whether a host is not done; one that ended with a fault is started again."""
        codes = [host.process.poll() for host in self.hosts if host.process is not None]
        for host, code in zip(self.hosts, codes, strict=True):
            if code:
                self.codes.append(code)
                host.start()
        return any(code != 0 for code in codes)

    def _kill(self, host: Host) -> None:
        """Kill a host in a trial, and start it again."""
        assert host.process is not None
        while host.process.poll() is None:
            if any(t.state.name == "RUNNING" and host_of(t) == host.name for t in self._look()):
                host.kill()
                time.sleep(2)
                host.start()
                return
            time.sleep(0.2)

    def _disturb_server(self, event: str) -> None:
        if event == "MLflow restarted":
            stop(self.server, signal.SIGKILL)
            time.sleep(5)
            self.server = start_mlflow(self.directory, self.port)
        elif event == "MLflow frozen":
            os.killpg(self.server.pid, signal.SIGSTOP)
            time.sleep(15)
            os.killpg(self.server.pid, signal.SIGCONT)
        else:
            self.postgres.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = '{self.database}'"
            )
