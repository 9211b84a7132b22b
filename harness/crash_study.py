"""A study of tiny trials that can be killed, and processes that run the command line at once.

Importing torch, optuna and mlflow takes seconds. `Warm` is a process that has imported them, and
forks one for each command: what is killed is a whole `segexp` process, which starts at once.

For tests/test_crashes.py and benchmarks/kills.py.
"""

import atexit
import gc
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import SpawnContext
from pathlib import Path
from typing import Any, NoReturn

import yaml

from harness.project import PRECISION, ROOT, copy_database

STUDIES = {
    # Some trials are complete, some pruned, and one fails: no loss survives a rate of 100.
    "tiny": """\
name: tiny
sampler: {name: random, seed: 3}
pruner: {name: percentile, options: {percentile: 50.0, n_startup_trials: 1}}
space: {learning_rate: [1.0e-4, 1.0e-3, 1.0e-2, 3.0e-2, 100.0], augmentation: [0.0, 0.5, 1.0]}
config: {mapping: merged10, training.epochs: 3, training.augmentation: 0.0}
""",
    # Stopped trials are resumed later, from the checkpoints of others.
    "promotion": """\
name: promotion
sampler: {name: random, seed: 3}
pruner: {name: successive_halving, options: {reduction_factor: 2, promotion: true}}
space: {learning_rate: [1.0e-4, 1.0e-3, 1.0e-2, 3.0e-2, 100.0], augmentation: [0.0, 0.5, 1.0]}
config: {mapping: merged10, training.epochs: 3, training.augmentation: 0.0}
""",
    # Of several hosts, which are never to train the same params.
    "hosts": """\
name: hosts
sampler: {name: random, seed: 1}
pruner: {name: successive_halving, options: {reduction_factor: 2, promotion: true}}
space: {learning_rate: {low: 1.0e-4, high: 1.0e-1, log: true}, augmentation: {low: 0, high: 1}}
config: {mapping: merged10, training.epochs: 3}
""",
    # Of trials that take seconds: what befalls the cluster that they run on befalls a trial.
    "long": """\
name: long
sampler: {name: random, seed: 1}
pruner: none
space: {learning_rate: {low: 1.0e-4, high: 1.0e-1, log: true}, augmentation: {low: 0, high: 1}}
config: {mapping: merged10, training.epochs: 20}
""",
    # As many trials a second as there can be.
    "crowd": """\
name: crowd
sampler: {name: random, seed: 1}
pruner: none
space: {learning_rate: {low: 1.0e-4, high: 1.0e-1, log: true}}
config: {mapping: merged10, training.epochs: 1}
""",
}

TINY: dict[str, dict[str, Any]] = {
    "data": {"image_size": [32, 64], "synthetic": {"train": 6, "val": 3, "test": 3, "seed": 0}},
    # 0.4 million weights, and dropout, which draws from the random state that a checkpoint has.
    "model": {"arch": "FPN", "encoder": "tu-mobilenetv3_small_050", "decoder_width": 0.25},
    "training": {"batch_size": 6, "precision": PRECISION},
}

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "SEGEXP_CHECKPOINT_SECONDS": "0",  # after every epoch
}

PLANTED = "harness.planted_in_crashes"
"""The module that plants scores in the process that imports it."""

STORAGES = {"sqlite": "sqlite:///studies/optuna.db", "journal": "journal:studies/optuna.log"}


@dataclass(frozen=True)
class Study:
    """A study in its own project.

    Attributes:
        project: The project directory.
        storage: Optuna's storage as `--storage` takes it.
        budget: How many trials it is to have.
        name: Of the study, in `STUDIES`.
    """

    project: Path
    storage: str
    budget: int
    name: str = "tiny"

    @property
    def epochs(self) -> int:
        """How many epochs a trial has that is not pruned."""
        return int(yaml.safe_load(STUDIES[self.name])["config"]["training.epochs"])

    def tune(self, workers: int = 0) -> list[str]:
        """Return the arguments of the command that runs it, and resumes it."""
        options = {"--trials": self.budget, "--storage": self.storage, "--workers": workers}
        return ["tune", self.name, *(str(part) for pair in options.items() for part in pair)]


def lay_out(project: Path, template: Path | None = None) -> None:
    """Make a project of tiny scenes, or one with the decoded scenes and the `mlflow.db` of another.

    To migrate a new `mlflow.db` takes seconds.
    """
    project.mkdir(parents=True)
    shutil.copytree(ROOT / "mappings", project / "mappings")
    (project / "studies").mkdir()
    for name, content in STUDIES.items():
        (project / "studies" / f"{name}.yaml").write_text(content, encoding="utf-8")
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for section, values in TINY.items():
        config[section] |= values
    (project / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    if template is not None:
        copy_database(template / "mlflow.db", project / "mlflow.db")
        shutil.copytree(template / ".segexp" / "cache", project / ".segexp" / "cache")


def make_template(project: Path, warm: "Warm") -> None:
    """Make a project that others can be laid out from."""
    lay_out(project)
    study = Study(project, STORAGES["sqlite"], 1)
    run = warm.run([*study.tune(), "--study-name", "template"], project)
    assert run.wait() == 0, run.said()


@dataclass(frozen=True)
class Running:
    """A command under way.

    Attributes:
        warm: What it was forked from.
        pid: Its process.
        log: What it says.
    """

    warm: "Warm"
    pid: int
    log: Path

    def kill(self) -> None:
        """Kill the process, unless it has ended."""
        self.warm.ask(kill=self.pid)

    def ended(self, timeout: float) -> int | None:
        """Wait for the end: return the exit code, or the negative number of the signal.

        None is returned when it takes longer.
        """
        code: int | None = self.warm.ask(wait=self.pid, timeout=timeout)["code"]
        return code

    def wait(self, timeout: float = 180) -> int:
        """Wait for the end as `ended` does.

        Raises:
            TimeoutError: When it takes longer; it is killed then, and the message has its log.
        """
        code = self.ended(timeout)
        if code is None:
            self.kill()
            raise TimeoutError(f"{timeout} s are over:\n{self.said()}")
        return code

    def said(self) -> str:
        """Return what the command has printed."""
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:  # killed before it could say anything
            return ""


class Warm:
    """A process that has imported all of segexp, and starts commands.

    Use `warm` to make one.
    """

    def __init__(self, process: "subprocess.Popen[str]", directory: Path) -> None:
        self._process = process
        self._directory = directory
        self._runs = 0
        self.forkserver: int | None = self._answer()["forkserver"]

    def run(
        self, arguments: Sequence[str], project: Path, environment: Mapping[str, str] | None = None
    ) -> Running:
        """Start a command of `segexp` in a project, with further environment variables."""
        self._runs += 1
        log = self._directory / f"{self._runs:05d}.log"
        log.touch()  # the command may be killed before it says anything
        asked = self.ask(
            run=list(arguments), project=str(project), environment=environment or {}, log=str(log)
        )
        return Running(self, asked["pid"], log)

    def workers(self) -> list[int]:
        """Return the pids of the worker processes that live, of all commands."""
        import psutil

        if self.forkserver is None:
            return []
        children = psutil.Process(self.forkserver).children()
        return [child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE]

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the warm process has ended; its messages are above"
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def warm(directory: Path, *, with_workers: bool = False) -> Iterator[Warm]:
    """Keep a warm process while the block runs.

    Args:
        directory: For the logs of its commands; made where it is missing.
        with_workers: Whether commands may have workers. These are forked from one process for
            all commands; otherwise each command has its own.
    """
    directory.mkdir(parents=True, exist_ok=True)
    temporary = directory / "tmp"  # what a kill leaves in a temporary directory is deleted with it
    temporary.mkdir(exist_ok=True)
    path = str(ROOT)
    environment = os.environ | ENVIRONMENT | {"PYTHONPATH": path, "TMPDIR": str(temporary)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, __file__, *(["--with-workers"] if with_workers else [])]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Warm(process, directory)
        finally:
            assert process.stdin is not None
            process.stdin.close()  # it ends when its input is closed
            process.wait()


def _serve() -> None:
    """Start commands as they are asked for; the body of the warm process."""
    forkserver = _start_forkserver() if "--with-workers" in sys.argv else None
    _import_all()
    living: set[int] = set()
    answer: dict[str, Any] = {"forkserver": forkserver}
    while True:
        print(json.dumps(answer), flush=True)
        line = sys.stdin.readline()
        if not line:
            break
        request = json.loads(line)
        if "run" in request:
            pid = os.fork()
            if pid == 0:
                _become_command(request)
            living.add(pid)
            answer = {"pid": pid}
        elif "wait" in request:
            code = _wait(request["wait"], request["timeout"])
            if code is not None:
                living.discard(request["wait"])
            answer = {"code": code}
        else:
            if request["kill"] in living:  # else another process may have the pid by now
                os.kill(request["kill"], signal.SIGKILL)
            answer = {}
    for pid in living:
        os.kill(pid, signal.SIGKILL)
    os._exit(0)  # taking apart all that was imported takes longer than a run


def _wait(pid: int, timeout: float) -> int | None:
    deadline = time.monotonic() + timeout
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.002)


def _become_command(request: Mapping[str, Any]) -> NoReturn:
    """Run the command line in a process that was just forked; does not return."""
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
        os.dup2(file, number)
    os.chdir(request["project"])
    os.environ.update(request["environment"])
    random.seed()  # two commands must not wait for the same random times
    sys.argv = ["segexp", *request["run"]]
    from segexp.cli import main

    try:
        main()
    except SystemExit as ended:
        # What the interpreter does at its end, but for taking apart all that was imported.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stderr.flush()
        os._exit(int(ended.code or 0))
    finally:
        os._exit(99)  # never back into the loop that it was forked in


def _import_all() -> None:
    """Import what the commands import, and start no thread: none would survive the fork."""
    names = (
        "segexp.study.run",
        "segexp.study.best",
        "segexp.cli.predict",
        "alembic.autogenerate",
        "matplotlib.pyplot",
        "optuna.visualization",
        "optuna.visualization.matplotlib",
        "mlflow.store.tracking.sqlalchemy_store",
    )
    for name in names:
        importlib.import_module(name)
    importlib.import_module(PLANTED)
    assert threading.active_count() == 1
    gc.freeze()  # a collection in a fork would copy all pages


def _start_forkserver() -> int:
    """Start the process that workers are forked from, and let all commands use this one."""
    from multiprocessing import forkserver

    from segexp.study.engines import workers as of_segexp

    context = of_segexp.process_context()
    assert not isinstance(context, SpawnContext)
    context.set_forkserver_preload(["segexp.study.engines._preloaded", PLANTED])
    # It would choose anew what is loaded.
    of_segexp.process_context = lambda: context
    of_segexp.prepare()
    # A command is forked from this process, and would take its forkserver for a child.
    server: Any = forkserver._forkserver
    server.ensure_running = forkserver.ensure_running = lambda: None
    return int(server._forkserver_pid)


if __name__ == "__main__":
    _serve()
