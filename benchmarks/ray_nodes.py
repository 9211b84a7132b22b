"""Run studies on a Ray cluster of two nodes, kill a node in a trial, and print what is left.

python benchmarks/ray_nodes.py                 # undisturbed; a node killed; the head's node killed
python benchmarks/ray_nodes.py --events head --trials 30    # longer than Ray waits for its head

A node has a host name and an address of its own, in a network namespace without a way out. The
second node comes back 5 s after it was killed; the head's 5 s after `segexp tune` has ended, and
then the same command goes on. Prints Markdown, and ends with 1 when anything was lost, doubled or
left open. Needs root, `ray[default]`, PostgreSQL and two cores; takes some 10 minutes.
"""

import argparse
import secrets
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

import yaml

from harness.crash_check import Faults, check_records, is_counted, read_runs
from harness.crash_study import Study, lay_out
from harness.on_ray import STUDY, OnRay
from harness.postgres import running_server
from harness.ray_nodes import Node, alone_in_a_network
from harness.tracking_server import free_port, start_mlflow, stop, wait_until_ready
from segexp.study.attributes import INTERRUPTED, host_of


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    choices = ["none", "node", "head"]
    parser.add_argument("--events", nargs="+", choices=choices, default=choices)
    parser.add_argument("--trials", type=int, default=8)
    given = parser.parse_args()
    alone_in_a_network(addresses=2)
    failed = [event for event in given.events if not run(event, given.trials)]
    if failed:
        sys.exit(1)


def run(event: str, trials: int) -> bool:
    """Run one study; return whether nothing is wrong with it."""
    directory = Path(tempfile.mkdtemp(prefix="segexp-ray-"))
    print(f"logs in {directory}", file=sys.stderr, flush=True)
    port = free_port()
    server = start_mlflow(directory, port)
    environment = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_TMPDIR": str(directory),  # another cluster on this machine is none of ours
    }
    nodes = [Node(number, directory, environment) for number in range(2)]
    try:
        with running_server() as postgres:
            url = postgres.make_database()
            lay_out(directory / "project")
            write_config(directory / "project", url, f"http://127.0.0.1:{port}")
            wait_until_ready(port)
            on_ray = OnRay(directory, url, trials, nodes, environment)
            on_ray.start_cluster()
            on_ray.go(event)
            return report(event, on_ray)
    finally:
        for node in reversed(nodes):
            node.stop()
        stop(server, signal.SIGTERM)


def write_config(project: Path, storage: str, tracking: str) -> None:
    path = project / "config.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config |= {"storage": storage, "tracking": {"uri": tracking, "experiment": None}}
    path.write_text(yaml.safe_dump(config), encoding="utf-8")


def report(event: str, on_ray: OnRay) -> bool:
    faults, trials = Faults(), on_ray.look()
    study = Study(on_ray.directory / "project", on_ray.url, on_ray.trials, STUDY)
    runs = read_runs(on_ray.directory / "server.db", STUDY)
    check_records(study, trials, [r for r in runs if "segexp.kind" in r.tags], faults)
    for number, seen in on_ray.seen.items():
        told = [(t.state, t.values, t.params) for t in (seen, trials[number])]
        if told[0] != told[1]:
            faults.lost.append(f"trial {number} was {told[0]} and is {told[1]}")
    own = [trial for trial in trials if is_counted(trial)]
    params = Counter(tuple(sorted(trial.params.items())) for trial in own)
    rows = {
        **on_ray.rows,
        "trials finished": len(own),
        "of which on each node": ", ".join(
            f"{n} {name}" for name, n in sorted(Counter(map(host_of, own)).items())
        ),
        "trials interrupted": sum(INTERRUPTED in t.user_attrs for t in trials),
        "lost": len(faults.lost),
        "doubled": len(faults.doubled),
        "same params twice": sum(n - 1 for n in params.values()),
        "RUNNING left in Optuna": len(faults.running_optuna),
        "RUNNING left in MLflow": len(faults.running_mlflow),
        "other faults": len(faults.other),
    }
    print(f"| {event}: {on_ray.trials} trials | |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |", flush=True)
    for fault in faults.all():
        print(fault, file=sys.stderr)
    return not faults.all() and len(params) == len(own) and on_ray.rows["exit code"] == 0


if __name__ == "__main__":
    main()
