"""A study on a Ray cluster, and what befalls the cluster's nodes meanwhile.

For benchmarks/ray_nodes.py.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from harness.crash_check import is_counted
from harness.ray_nodes import HEAD, PORT, Node, start_on
from segexp.study.attributes import host_of
from segexp.study.storage.open import open_storage

DEADLINE = 300.0  # seconds, for whatever is waited for
STUDY = "long"


@dataclass
class OnRay:
    """A study on a cluster, and what befalls them.

    Attributes:
        url: Of Optuna's storage.
        environment: Of all that belongs to the cluster.
        rows: What was measured, by what it is.
        seen: Each trial that was once seen as finished.
        starts: How often `segexp tune` was started.
    """

    directory: Path
    url: str
    trials: int
    nodes: list[Node]
    environment: dict[str, str]
    rows: dict[str, object] = field(default_factory=dict)
    seen: dict[int, FrozenTrial] = field(default_factory=dict)
    starts: int = 0
    study: optuna.Study | None = None
    process: "subprocess.Popen[bytes]" = field(init=False)

    def start_cluster(self) -> None:
        begun = time.monotonic()
        for node in self.nodes:
            node.start()
            self.wait_for(r"Ray runtime started", node.name)
        self.rows["s until the cluster is up"] = round(time.monotonic() - begun)

    def go(self, event: str) -> None:
        self.tune()
        begun = time.monotonic()
        self.wait_for(r"has joined")
        self.rows["s until the first actor has joined"] = round(time.monotonic() - begun)
        self.wait_until(lambda: bool(self.running()))
        self.rows["s until the first trial"] = round(time.monotonic() - begun)
        self.wait_until(lambda: len({host_of(t) for t in self.look()}) == 2)
        self.rows["s until trials run on both nodes"] = round(time.monotonic() - begun)
        if event == "node":
            self.kill_second_node()
        if event == "head":
            self.kill_head()
        self.end()
        self.rows["s in all"] = round(time.monotonic() - begun)

    def tune(self) -> None:
        self.starts += 1
        words = [sys.executable, "-m", "segexp", "tune", STUDY, "--trials", str(self.trials)]
        words += ["--engine", "ray", "--address", f"{HEAD}:{PORT}", "--project", "project"]
        log = f"tune-{self.starts}"
        name = self.nodes[0].name
        self.process = start_on(name, words, self.directory, self.environment, log)

    def kill_second_node(self) -> None:
        self.wait_until(lambda: self.done() >= 2 and self.nodes[1].name in self.running())
        self.nodes[1].kill()
        killed = time.monotonic()
        self.wait_until(lambda: self.nodes[1].name not in self.running())
        self.rows["s until its trial is queued again"] = round(time.monotonic() - killed, 1)
        time.sleep(5)
        self.nodes[1].start()
        before = len(self.on(self.nodes[1].name))
        self.wait_until(
            lambda: len(self.on(self.nodes[1].name)) > before or self.process.poll() is not None
        )
        back = len(self.on(self.nodes[1].name)) > before
        self.rows["s until the node that came back has a trial"] = (
            round(time.monotonic() - killed - 5) if back else "never"
        )

    def kill_head(self) -> None:
        self.wait_until(lambda: self.done() >= 2 and self.nodes[0].name in self.running())
        self.nodes[0].kill()
        killed = time.monotonic()
        self.rows["exit code when the head's node is killed"] = self.process.wait(DEADLINE)
        self.rows["s until then"] = round(time.monotonic() - killed)
        self.rows["RUNNING left then"] = len(self.running())
        self.rows["the last line then"] = self.said(f"tune-{self.starts}").splitlines()[-1]
        time.sleep(5)
        self.nodes[1].stop()
        for node in self.nodes:
            (self.directory / f"{node.name}.log").unlink()
        self.start_cluster()
        self.tune()

    def end(self) -> None:
        deadline = time.monotonic() + DEADLINE
        while self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.5)
            self.look()
        self.rows["exit code"] = self.process.poll()

    def look(self) -> list[FrozenTrial]:
        if self.study is None:
            with suppress(KeyError):
                self.study = optuna.load_study(
                    study_name=STUDY, storage=open_storage(self.url, self.directory)
                )
        trials = [] if self.study is None else self.study.get_trials(deepcopy=False)
        for trial in filter(is_counted, trials):
            self.seen.setdefault(trial.number, trial)
        return trials

    def done(self) -> int:
        return sum(map(is_counted, self.look()))

    def on(self, host: str) -> list[FrozenTrial]:
        return [t for t in self.look() if host_of(t) == host]

    def running(self) -> list[str]:
        return [host_of(t) for t in self.look() if t.state.name == "RUNNING"]

    def said(self, log: str) -> str:
        path = self.directory / f"{log}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def wait_for(self, pattern: str, log: str | None = None) -> None:
        of = log or f"tune-{self.starts}"
        self.wait_until(lambda: re.search(pattern, self.said(of)) is not None)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not is_so():
            if time.monotonic() > deadline:
                raise TimeoutError(self.said(f"tune-{self.starts}"))
            time.sleep(0.2)
