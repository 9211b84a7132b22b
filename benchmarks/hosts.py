"""Let hosts run one study on PostgreSQL and an MLflow server, kill one, and print what is left.

python benchmarks/hosts.py                          # two hosts and four, 16 trials; one is killed
python benchmarks/hosts.py --hosts 3 --trials 30 --no-kill

A host is a `segexp tune` in its own project directory, with its own host name and locks; all start
at the same moment. A lease is 15 s. Prints Markdown.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import optuna
import yaml
from mlflow import MlflowClient
from optuna.trial import FrozenTrial

from harness.crash_study import ENVIRONMENT, lay_out
from harness.postgres import running_server
from harness.tracking_server import free_port, start_mlflow, stop, wait_until_ready
from segexp.study.attributes import INTERRUPTED, host_of
from segexp.study.budget import counts_towards_budget
from segexp.study.promotion import is_promotion
from segexp.study.storage.open import open_storage

AS_HOST = """\
import socket, sys
name = sys.argv.pop(1)
socket.gethostname = lambda: name
from segexp.__main__ import main
main()
"""
STUDY = """\
name: hosts
sampler: {name: SAMPLER, seed: 1}
pruner: {name: successive_halving, options: {reduction_factor: 2, promotion: true}}
space: {learning_rate: {low: 1.0e-4, high: 1.0e-1, log: true}, augmentation: {low: 0, high: 1}}
config: {mapping: merged10, training.epochs: 3}
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--sampler", default="random")
    parser.add_argument("--no-kill", action="store_true")
    given = parser.parse_args()
    print(
        "| hosts | killed | exit codes | finished | interrupted | promoted | same params twice "
        "| study runs | trial runs below it | open runs | seconds |\n|" + "---|" * 11,
        flush=True,
    )
    for hosts in given.hosts:
        run(hosts, given.trials, given.sampler, kill=not given.no_kill)


def run(hosts: int, trials: int, sampler: str, *, kill: bool) -> None:
    directory = Path(tempfile.mkdtemp(prefix="segexp-hosts-"))
    port = free_port()
    server = start_mlflow(directory, port)
    try:
        wait_until_ready(port)
        with running_server() as postgres:
            url, uri = postgres.make_database(), f"http://127.0.0.1:{port}"
            text = STUDY.replace("SAMPLER", sampler)
            projects = [lay_out_host(directory / f"host-{n}", text, url, uri) for n in range(hosts)]
            begun = time.monotonic()
            codes = " ".join(map(str, run_hosts(projects, url, trials, kill=kill)))
            seconds = round(time.monotonic() - begun)
            row = [hosts, int(kill), codes, *counts(url, directory, uri), seconds]
    finally:
        stop(server, signal.SIGTERM)
    print(f"| {' | '.join(map(str, row))} |", flush=True)
    print(f"logs in {directory}", file=sys.stderr)


def lay_out_host(project: Path, study: str, url: str, uri: str) -> Path:
    lay_out(project)
    (project / "studies" / "hosts.yaml").write_text(study, encoding="utf-8")
    config = yaml.safe_load((project / "config.yaml").read_text(encoding="utf-8"))
    config |= {"storage": url, "tracking": {"uri": uri, "experiment": None}}
    (project / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return project


def run_hosts(projects: list[Path], url: str, trials: int, *, kill: bool) -> list[int]:
    """Run all hosts to their end, or kill the last one in a trial; return the exit codes."""
    processes = []
    for project in projects:
        words = [sys.executable, "-c", AS_HOST, project.name]
        words += ["tune", "hosts", "--trials", str(trials), "--workers", "0"]
        environment = {**os.environ, **ENVIRONMENT, "SEGEXP_LEASE_SECONDS": "15"}
        with project.with_suffix(".log").open("wb") as log:
            processes.append(
                subprocess.Popen(words, cwd=project, env=environment, stdout=log, stderr=log)
            )
    if kill:
        wait_for_trials(url, projects[-1], trials // 2)
        processes[-1].kill()
    return [process.wait() for process in processes]


def wait_for_trials(url: str, project: Path, count: int) -> None:
    """Wait until so many trials are finished, and a host has one under way."""
    while True:
        time.sleep(0.5)
        trials = read_trials(url, project)
        owners = [host_of(t) for t in trials if t.state.name == "RUNNING"]
        if sum(t.state.is_finished() for t in trials) >= count and project.name in owners:
            return


def read_trials(url: str, project: Path) -> list[FrozenTrial]:
    try:
        study = optuna.load_study(study_name="hosts", storage=open_storage(url, project))
    except KeyError:
        return []
    return study.get_trials(deepcopy=False)


def counts(url: str, directory: Path, uri: str) -> list[int | str]:
    """Count what is left, as the columns of the table."""
    trials = read_trials(url, directory)
    own = [t for t in trials if counts_towards_budget(t)]
    params = Counter(tuple(sorted(t.params.items())) for t in own)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("hosts")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    studies = [r for r in runs if r.data.tags.get("segexp.kind") == "study"]
    below = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == studies[0].info.run_id]
    return [
        len(own),
        sum(INTERRUPTED in t.user_attrs for t in trials),
        sum(map(is_promotion, trials)),
        sum(n - 1 for n in params.values()),
        len(studies),
        f"{len(below)} of {sum(r.data.tags.get('segexp.kind') == 'trial' for r in runs)}",
        sum(r.info.status == "RUNNING" for r in runs),
    ]


if __name__ == "__main__":
    main()
