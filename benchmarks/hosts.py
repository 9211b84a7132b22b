"""Let hosts run one study on PostgreSQL and an MLflow server, kill some, and print what is left.

python benchmarks/hosts.py                          # two hosts and four, 16 trials; one is killed
python benchmarks/hosts.py --hosts 3 --trials 30 --no-kill
python benchmarks/hosts.py --disturb                # two hosts, 40 trials, an event every 3 trials

A host is a `segexp tune` in its own project directory, with its own home, host name (`unshare
--uts`) and locks; all start at the same moment. A lease is 15 s. With `--disturb` one host after
the other is killed in a trial and comes back, the MLflow server is killed and started again, and
stopped (SIGSTOP) for 15 s, and all connections to the database are ended. Prints Markdown, and ends
with 1 when anything was lost, doubled or left open.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import optuna
from mlflow import MlflowClient
from optuna.trial import FrozenTrial

from harness.crash_check import Faults, check_records, is_counted, read_runs
from harness.crash_study import Study
from harness.disturbance import Disturbance
from harness.hosts import Host, lay_out_host
from harness.postgres import running_server
from harness.tracking_server import free_port, start_mlflow, stop, wait_until_ready
from segexp.study.attributes import INTERRUPTED, host_of
from segexp.study.budget import counts_towards_budget
from segexp.study.promotion import is_promotion
from segexp.study.storage.open import open_storage


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, nargs="+")
    parser.add_argument("--trials", type=int)
    parser.add_argument("--sampler", default="random")
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--disturb", action="store_true")
    given = parser.parse_args()
    if given.disturb:
        for hosts in given.hosts or [2]:
            run_disturbed(hosts, given.trials or 40, given.sampler)
        return
    print(
        "| hosts | killed | exit codes | finished | interrupted | promoted | same params twice "
        "| study runs | trial runs below it | open runs | seconds |\n|" + "---|" * 11,
        flush=True,
    )
    for hosts in given.hosts or [2, 4]:
        run(hosts, given.trials or 16, given.sampler, kill=not given.no_kill)


def run(hosts: int, trials: int, sampler: str, *, kill: bool) -> None:
    directory = Path(tempfile.mkdtemp(prefix="segexp-hosts-"))
    port = free_port()
    server = start_mlflow(directory, port)
    try:
        wait_until_ready(port)
        with running_server() as postgres:
            url, uri = postgres.make_database(), f"http://127.0.0.1:{port}"
            all_hosts = lay_out_hosts(directory, hosts, trials, sampler, url, uri)
            begun = time.monotonic()
            codes = " ".join(map(str, run_hosts(all_hosts, url, trials, kill=kill)))
            seconds = round(time.monotonic() - begun)
            row = [hosts, int(kill), codes, *counts(url, directory, uri), seconds]
    finally:
        stop(server, signal.SIGTERM)
    print(f"| {' | '.join(map(str, row))} |", flush=True)
    print(f"logs in {directory}", file=sys.stderr)


def run_disturbed(hosts: int, trials: int, sampler: str) -> None:
    directory = Path(tempfile.mkdtemp(prefix="segexp-hosts-"))
    print(f"logs in {directory}", file=sys.stderr)
    port = free_port()
    server = start_mlflow(directory, port)
    with running_server() as postgres:
        url, uri = postgres.make_database(), f"http://127.0.0.1:{port}"
        disturbance = Disturbance(
            lay_out_hosts(directory, hosts, trials, sampler, url, uri),
            postgres,
            url.rpartition("/")[2],
            directory,
            port,
            server,
            lambda: read_trials(url, directory),
        )
        begun = time.monotonic()
        try:
            wait_until_ready(port)
            disturbance.run()
            seconds = time.monotonic() - begun
            wait_until_ready(port)
            unsent = [host.name for host in disturbance.hosts if host.run("sync") != 0]
            left = count_running(directory)
            disturbance.hosts[0].run("best", "hosts")  # closes what a killed host left open
        finally:
            stop(disturbance.server, signal.SIGTERM)
        study = Study(directory, url, trials, "hosts")
        report(study, read_trials(url, directory), disturbance, unsent, left, seconds)


def report(
    study: Study,
    trials: list[FrozenTrial],
    disturbance: Disturbance,
    unsent: list[str],
    left: int,
    seconds: float,
) -> None:
    faults = Faults()
    runs = read_runs(study.project / "server.db", study.name)
    check_records(study, trials, [r for r in runs if "segexp.kind" in r.tags], faults)
    faults.other += [f"{host} has records that it could not send" for host in unsent]
    now = {trial.number: trial for trial in trials}
    for number, seen in disturbance.seen.items():
        told = [(t.state, t.values, t.params, t.intermediate_values) for t in (seen, now[number])]
        if told[0] != told[1]:
            faults.lost.append(f"trial {number} was {told[0]} and is {told[1]}")
    own = [trial for trial in trials if counts_towards_budget(trial)]
    params = Counter(tuple(sorted(trial.params.items())) for trial in own)
    rows = {
        **disturbance.done,
        "exit codes other than 0": " ".join(map(str, disturbance.codes)) or 0,
        "trials finished": len(own),
        "of which on each host": ", ".join(
            str(n) for _, n in sorted(Counter(map(host_of, own)).items())
        ),
        "trials interrupted": sum(INTERRUPTED in t.user_attrs for t in trials),
        "trials failed": sum(is_counted(t) and t.state.name == "FAIL" for t in trials),
        "metric points": sum(len(steps) for run in runs for steps in run.steps.values()),
        "lost": len(faults.lost),
        "doubled": len(faults.doubled),
        "same params twice": sum(n - 1 for n in params.values()),
        "RUNNING left in Optuna": len(faults.running_optuna),
        "RUNNING left in MLflow until the next command": left,
        "RUNNING left in MLflow after it": len(faults.running_mlflow),
        "other faults": len(faults.other),
        "seconds": round(seconds),
    }
    print(f"| {len(disturbance.hosts)} hosts, {study.budget} trials | |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    for fault in faults.all():
        print(fault, file=sys.stderr)
    if faults.all() or len(params) != len(own):
        sys.exit(1)


def count_running(directory: Path) -> int:
    return sum(run.status == "RUNNING" for run in read_runs(directory / "server.db", "hosts"))


def lay_out_hosts(
    directory: Path, hosts: int, trials: int, sampler: str, url: str, uri: str
) -> list[Host]:
    for number in range(hosts):
        lay_out_host(directory / f"host-{number}", url, uri, sampler)
    return [Host(directory / f"host-{number}", trials) for number in range(hosts)]


def run_hosts(hosts: list[Host], url: str, trials: int, *, kill: bool) -> list[int]:
    """Run all hosts to their end, or kill the last one in a trial; return the exit codes."""
    for host in hosts:
        host.start()
    if kill:
        wait_for_trials(url, hosts[-1], trials // 2)
        hosts[-1].kill()
    return [host.process.wait() for host in hosts if host.process is not None]


def wait_for_trials(url: str, host: Host, count: int) -> None:
    """Wait until so many trials are finished, and a host has one under way."""
    while True:
        time.sleep(0.5)
        trials = read_trials(url, host.project)
        owners = [host_of(t) for t in trials if t.state.name == "RUNNING"]
        if sum(t.state.is_finished() for t in trials) >= count and host.name in owners:
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
