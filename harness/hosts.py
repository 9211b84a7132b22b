"""Hosts of one study on one machine: each has its own host name, home and project directory.

What they share is a PostgreSQL server and an MLflow server. For benchmarks/hosts.py.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from harness.crash_study import ENVIRONMENT, STUDIES, lay_out
from harness.network import inside
from harness.project import ROOT

LEASE = 15  # seconds


@dataclass
class Host:
    """One host, which runs a command of segexp in its own process.

    Attributes:
        project: Its project directory, which has its name.
        words: The command, after ``segexp``.
        is_cabled: Whether it is in the network namespace of its name; see `harness.network`.
        variables: More of its environment.
    """

    project: Path
    words: Sequence[str]
    is_cabled: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def name(self) -> str:
        """The name that its trials have as their host."""
        return self.project.name

    @property
    def log(self) -> Path:
        """What it has printed, of all of its commands."""
        return self.project.with_suffix(".log")

    def start(self) -> None:
        """Begin, or come back after a kill."""
        self.process = self._popen(self.words)

    def kill(self) -> None:
        """End it as a power cut does, with all its processes."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def run(self, *words: str) -> int:
        """Run another command of segexp to its end; return the exit code."""
        return self._popen(words).wait()

    def end(self) -> None:
        """Leave nothing behind that runs."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def _popen(self, words: Sequence[str]) -> "subprocess.Popen[bytes]":
        home = self.project.with_name(f"home-of-{self.name}")
        home.mkdir(exist_ok=True)
        mapped = ["--map-root-user"] if os.geteuid() else []  # to set a host name without root
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [
                    *(inside(self.name) if self.is_cabled else []),
                    *("unshare", *mapped, "--uts", "sh", "-c", 'hostname "$0" && exec "$@"'),
                    *(self.name, sys.executable, "-m", "segexp", *words),
                ],
                cwd=self.project,
                env={
                    **os.environ,
                    **ENVIRONMENT,
                    "PYTHONPATH": str(ROOT),
                    "HOME": str(home),
                    "SEGEXP_LEASE_SECONDS": str(LEASE),
                    "COLUMNS": "300",  # a line is a line
                    **self.variables,
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def lay_out_host(project: Path, storage: str, tracking: str, sampler: str = "random") -> None:
    """Make the project of a host, for the study `hosts`."""
    lay_out(project)
    study = STUDIES["hosts"].replace("name: random", f"name: {sampler}")
    (project / "studies" / "hosts.yaml").write_text(study, encoding="utf-8")
    config = yaml.safe_load((project / "config.yaml").read_text(encoding="utf-8"))
    config |= {"storage": storage, "tracking": {"uri": tracking, "experiment": None}}
    (project / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def lay_out_reader_of(place: Path, project: Path) -> Path:
    """Make a directory that has the two URLs of a project whose databases are files of its own."""
    lay_out_reader(
        place, f"sqlite:///{project}/studies/optuna.db", f"sqlite:///{project}/mlflow.db"
    )
    return place


def lay_out_reader(project: Path, storage: str, tracking: str) -> None:
    """Make a directory that has a `config.yaml` with the two URLs, and nothing else."""
    project.mkdir()
    config = {"storage": storage, "tracking": {"uri": tracking}}
    (project / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
