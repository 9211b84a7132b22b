"""The command line in this process, and what it left in Optuna and in MLflow."""

import io
import json
import signal
import sys
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from mlflow import MlflowClient
from mlflow.entities import Run

from segexp.cli import main

TINY_STUDY = """\
name: tiny
trials: 2
sampler: {name: random, seed: 0}
pruner: none
space:
  mapping: [cityscapes19, merged10]
  learning_rate: {low: 1e-4, high: 1e-2, log: true}
"""


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit code and its two outputs."""

    code: int
    out: str
    err: str


def segexp(directory: Path, *words: str) -> Outcome:
    """Run ``segexp WORDS`` in a directory, as a shell does but in this process."""
    out, err = io.StringIO(), io.StringIO()
    argv, code = sys.argv, 0
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with ExitStack() as stack:
        for entered in (chdir(directory), redirect_stdout(out), redirect_stderr(err)):
            stack.enter_context(entered)
        sys.argv = ["segexp", *words]
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            sys.argv = argv
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return Outcome(code, out.getvalue(), err.getvalue())


def read(outcome: Outcome) -> dict[str, Any]:
    """The object that a command with --json printed."""
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert isinstance(found, dict)
    return found


def for_people(outcome: Outcome) -> str:
    """The answer of a command without --json: on standard output, and nothing beside it."""
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.out


def the_fault(outcome: Outcome) -> str:
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.strip().splitlines()
    assert line.startswith("error: ")
    return line


def write_study(project: Path, text: str = TINY_STUDY, name: str = "tiny") -> Path:
    path = project / "studies" / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def study_of(project: Path, name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{project}/studies/optuna.db")


def study_names(project: Path) -> list[str]:
    if not (project / "studies" / "optuna.db").is_file():
        return []
    return optuna.get_all_study_names(f"sqlite:///{project}/studies/optuna.db")


def client_of(project: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=f"sqlite:///{project}/mlflow.db")


def runs_of(project: Path, experiment: str) -> tuple[list[Run], list[Run]]:
    """The study's runs, and its trials' runs by trial number."""
    client = client_of(project)
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id]) if found else []
    studies = [r for r in runs if r.data.tags["segexp.kind"] == "study"]
    trials = [r for r in runs if r.data.tags["segexp.kind"] == "trial"]
    return studies, sorted(trials, key=lambda r: int(r.data.tags["segexp.trial"]))
