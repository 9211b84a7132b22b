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

from harness import network
from harness.crash_check import Faults, is_counted
from harness.hosts import LEASE, Host
from harness.postgres import PostgresServer
from harness.tracking_server import start_mlflow, stop
from segexp.study.attributes import INTERRUPTED, RETRY, RETRY_OF, host_of

CUT_OFF = "host cut off"
EVENTS = (
    "host killed", "MLflow restarted", "host killed", "backends terminated", "host killed",
    "MLflow frozen",
)  # fmt: skip
DEADLINE = 1800.0  # seconds, for all
TAKEN_FOR_DEAD = "was taken for dead"
"""What a host says when it discards what it has: its trial was closed by another."""


@dataclass(frozen=True)
class CutOff:
    """A host whose cable was pulled in a trial.

    Attributes:
        trial: The number of that trial.
        seconds: How long it was out.
        again: How long after it was plugged in the host knew that its trial was closed; None when
            it did not say so.
    """

    host: str
    trial: int
    seconds: float
    again: float | None


@dataclass
class Disturbance:
    """Hosts and servers, and what was done to them.

    Attributes:
        trials: How many the study is to have.
        address: Where the MLflow server listens.
        read_trials: Reads the study's trials; none while there is no study.
        every: How many more trials are to finish before the next event.
        done: How often each event was.
        codes: The exit code of each process that was not killed.
        seen: Each trial that was once seen as finished.
        cut_off: Each host that was cut off.
    """

    hosts: Sequence[Host]
    trials: int
    postgres: PostgresServer
    database: str
    directory: Path
    address: str
    port: int
    server: "subprocess.Popen[bytes]"
    read_trials: Callable[[], list[FrozenTrial]]
    every: int = 3
    done: "Counter[str]" = field(default_factory=Counter)
    codes: list[int] = field(default_factory=list)
    seen: dict[int, FrozenTrial] = field(default_factory=dict)
    cut_off: list[CutOff] = field(default_factory=list)

    def run(self) -> None:
        """Start the hosts, and disturb them until all have ended with 0."""
        begun = time.monotonic()
        for host in self.hosts:
            host.start()
        kinds = (*EVENTS[:1], CUT_OFF, *EVENTS[1:]) if self.hosts[0].is_cabled else EVENTS
        events, victims, next_at = cycle(kinds), cycle(self.hosts), self.every
        while self._any_runs():
            if time.monotonic() - begun > DEADLINE:
                raise TimeoutError(f"{DEADLINE:.0f} s are over; exit codes {self.codes}")
            time.sleep(0.5)
            trials = self._look()
            if sum(map(is_counted, trials)) < next_at or next_at >= self.trials:
                continue
            event = next(events)
            if event == "host killed":
                self._kill(next(victims))
            elif event == CUT_OFF:
                self._cut_off(next(victims))
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

    def _trial_of(self, host: Host) -> int | None:
        """Wait until a host is in a trial, and return its number; None when the host has ended."""
        assert host.process is not None
        while host.process.poll() is None:
            for trial in self._look():
                if trial.state.name == "RUNNING" and host_of(trial) == host.name:
                    return trial.number
            time.sleep(0.2)
        return None

    def _kill(self, host: Host) -> None:
        """Kill a host in a trial, and start it again."""
        if self._trial_of(host) is not None:
            host.kill()
            time.sleep(2)
            host.start()

    def _cut_off(self, host: Host) -> None:
        """Pull the cable of a host in a trial for longer than a lease, and until it is replaced."""
        while (number := self._trial_of(host)) is not None:
            said = self._times_dead(host)
            network.cut(host.name)
            begun = time.monotonic()
            time.sleep(1)
            if self._look()[number].state.name == "RUNNING":
                break
            network.mend(host.name)  # it had ended just before
        if number is None:
            return
        while time.monotonic() - begun < LEASE + 10 or not self._is_replaced(number, host):
            self._look()
            if time.monotonic() - begun > 10 * LEASE:
                break  # the check of the cut says what is wrong
            time.sleep(0.5)
        network.mend(host.name)
        mended = time.monotonic()
        while self._times_dead(host) == said and time.monotonic() - mended < 20 * LEASE:
            self._look()
            time.sleep(0.5)
        again = time.monotonic() - mended if self._times_dead(host) > said else None
        self.cut_off.append(CutOff(host.name, number, mended - begun, again))

    def _is_replaced(self, number: int, host: Host) -> bool:
        """Whether another host has begun to try a trial again."""
        return any(
            trial.user_attrs.get(RETRY_OF) == number and host_of(trial) not in (host.name, "")
            for trial in self._look()
            if trial.state.name != "WAITING"
        )

    def _times_dead(self, host: Host) -> int:
        return host.log.read_text(encoding="utf-8", errors="replace").count(TAKEN_FOR_DEAD)

    def _disturb_server(self, event: str) -> None:
        if event == "MLflow restarted":
            stop(self.server, signal.SIGKILL)
            time.sleep(5)
            self.server = start_mlflow(self.directory, self.port, self.address)
        elif event == "MLflow frozen":
            os.killpg(self.server.pid, signal.SIGSTOP)
            time.sleep(15)
            os.killpg(self.server.pid, signal.SIGCONT)
        else:
            self.postgres.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = '{self.database}'"
            )


def check_cut_off(cut_off: Sequence[CutOff], trials: Sequence[FrozenTrial], faults: Faults) -> None:
    """Note each trial of a host that was cut off which was not closed once and tried elsewhere."""
    for cut in cut_off:
        again = [t for t in trials if t.user_attrs.get(RETRY_OF) == cut.trial]
        where = [host_of(trial) for trial in again]
        if trials[cut.trial].user_attrs.get(INTERRUPTED) != RETRY:
            faults.other.append(f"trial {cut.trial} of {cut.host}, cut off, was not closed")
        if len(again) != 1 or cut.host in where:
            faults.other.append(f"trial {cut.trial} of {cut.host} is tried again on {where}")
        if cut.again is None:
            faults.other.append(f"{cut.host} did not discard its trial {cut.trial}")
