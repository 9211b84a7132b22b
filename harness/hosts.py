"""Hosts of one study on one machine: each has its own host name, home and project directory.

What they share is a PostgreSQL server and an MLflow server. For benchmarks/hosts.py.
"""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.crash_study import ENVIRONMENT, STUDIES, lay_out
from harness.project import ROOT

LEASE = 15  # seconds


@dataclass
class Host:
    """One host, which runs `segexp tune` in its own process.

    Attributes:
        project: Its project directory, which has its name.
        trials: How many the study is to have.
    """

    project: Path
    trials: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def name(self) -> str:
        """The name that its trials have as their host."""
        return self.project.name

    def start(self) -> None:
        """Begin, or come back after a kill."""
        segexp = [sys.executable, "-m", "segexp"]
        home = self.project.with_name(f"home-of-{self.name}")
        home.mkdir(exist_ok=True)
        mapped = ["--map-root-user"] if os.geteuid() else []  # to set a host name without root
        self.process = _logged(
            [
                *("unshare", *mapped, "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.name),
                *(*segexp, "tune", "hosts", "--trials", str(self.trials), "--workers", "0"),
            ],
            self.project,
            {"HOME": str(home), "SEGEXP_LEASE_SECONDS": str(LEASE)},
        )

    def kill(self) -> None:
        """End it as a power cut does, with all its processes."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def run(self, *words: str) -> int:
        """Run another command of segexp to its end; return the exit code."""
        return _logged([sys.executable, "-m", "segexp", *words], self.project, {}).wait()


def lay_out_host(project: Path, storage: str, tracking: str, sampler: str = "random") -> None:
    """Make the project of a host, for the study `hosts`."""
    lay_out(project)
    study = STUDIES["hosts"].replace("name: random", f"name: {sampler}")
    (project / "studies" / "hosts.yaml").write_text(study, encoding="utf-8")
    config = yaml.safe_load((project / "config.yaml").read_text(encoding="utf-8"))
    config |= {"storage": storage, "tracking": {"uri": tracking, "experiment": None}}
    (project / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def _logged(words: list[str], project: Path, more: dict[str, str]) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(ROOT), **more}
    with project.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            words, cwd=project, env=environment, stdout=log, stderr=log, start_new_session=True
        )
