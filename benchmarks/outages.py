"""Record trials on a real MLflow server that is killed, frozen and started again meanwhile.

python benchmarks/outages.py                             # 5 kills, 2 freezes, 2 workers
python benchmarks/outages.py --kills 20 --seed 1

Prints what the server should have and what it has, point by point, and the longest call beside
the longest write of a few bytes to the same disk: a call cannot be faster than that.
"""

import argparse
import multiprocessing
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, TypeVar

from mlflow.entities import Run, ViewType

from harness.tracking_server import free_port, start_mlflow, stop, wait_until_ready
from segexp import tracking
from segexp.core.files import write_atomic

T = TypeVar("T")
METRICS = ("train/loss", "val/miou", "val/miou_common")


@dataclass(frozen=True)
class Load:
    """What the workers record: at least so many trials each, until the server is left alone."""

    experiment: tracking.Experiment
    trials: int
    epochs: int
    pause: float  # seconds between epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--freezes", type=int, default=2)
    parser.add_argument("--trials", type=int, default=10, help="at least, of each worker")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pause", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="segexp-outages-"))
    port = free_port()
    server = start_mlflow(directory, port)
    try:
        wait_until_ready(port)
        experiment = tracking.open_experiment(directory, f"http://127.0.0.1:{port}", "outages")
        load = Load(experiment, given.trials, given.epochs, given.pause)
        context = multiprocessing.get_context("spawn")
        is_over, answers = context.Event(), context.Queue()
        workers = [
            context.Process(target=record_trials, args=(load, f"worker{n}", is_over, answers))
            for n in range(given.workers)
        ]
        for worker in workers:
            worker.start()
        outages = ["kill"] * given.kills + ["freeze"] * given.freezes
        server, seconds = disturb(server, directory, port, outages, random.Random(given.seed))
        is_over.set()
        recorded = [answers.get() for _ in workers]
        for worker in workers:
            worker.join()
        waiting = tracking.pending_records(directory, experiment.uri)
        left = tracking.drain(directory, experiment.uri, 300)
        print(f"{given.kills} kills and {given.freezes} freezes, seed {given.seed}.", end=" ")
        print(f"The server was away for {seconds:.0f} s.")
        print(f"{waiting} records waited at the end of the load, {left} after it was sent.\n")
        report(experiment, given.epochs, dict(recorded))
    finally:
        stop(server, signal.SIGKILL)


def record_trials(load: Load, worker: str, is_over: Event, answers: Queue[Any]) -> None:
    """Record trials as a study does; answer how many, and how long the longest calls took."""
    longest: dict[str, float] = {}
    trial = 0
    alone = load.experiment.project / f"{worker}.txt"

    def timed(call: Callable[..., T], *arguments: Any, **named: Any) -> T:
        started = time.perf_counter()
        answer = call(*arguments, **named)
        seconds = time.perf_counter() - started
        longest[call.__name__] = max(longest.get(call.__name__, 0.0), seconds)
        return answer

    while trial < load.trials or not is_over.is_set():
        run = timed(tracking.start_run, load.experiment, f"{worker}-{trial}", {}, {"trial": trial})
        for epoch in range(1, load.epochs + 1):
            time.sleep(load.pause)
            metrics = {name: value(trial, epoch, name) for name in METRICS}
            timed(tracking.log_metrics, run, metrics, step=epoch)
            timed(write_atomic, alone, "x" * 300)
        timed(tracking.log_table, run, {"class": ["road"], "iou": [0.5]}, "iou_table.json")
        timed(tracking.log_text, run, f"{worker}-{trial}", "trial.txt")
        timed(tracking.close_run, run, "FINISHED", "COMPLETE")
        trial += 1
    answers.put((worker, (trial, longest)))


def value(trial: int, epoch: int, name: str) -> float:
    return random.Random(f"{trial} {epoch} {name}").random()


def disturb(
    server: subprocess.Popen[bytes],
    directory: Path,
    port: int,
    outages: list[str],
    chance: random.Random,
) -> tuple[subprocess.Popen[bytes], float]:
    """Kill or freeze the server at random moments; return the last one, and how long it was away.

    A kill is a SIGKILL of all of its processes, whatever they are doing.
    """
    chance.shuffle(outages)
    away = 0.0
    for outage in outages:
        time.sleep(chance.uniform(0.5, 6))
        started = time.perf_counter()
        if outage == "kill":
            stop(server, signal.SIGKILL)
            time.sleep(chance.uniform(0, 4))
            server = start_mlflow(directory, port)
            wait_until_ready(port)
        else:
            os.killpg(server.pid, signal.SIGSTOP)
            time.sleep(chance.uniform(5, 15))
            os.killpg(server.pid, signal.SIGCONT)
        away += time.perf_counter() - started
    return server, away


def report(
    experiment: tracking.Experiment, epochs: int, recorded: dict[str, tuple[int, dict[str, float]]]
) -> None:
    client = experiment.client
    page = client.search_runs([experiment.id], run_view_type=ViewType.ALL)
    runs: list[Run] = list(page)
    while page.token:
        page = client.search_runs(
            [experiment.id], run_view_type=ViewType.ALL, page_token=page.token
        )
        runs += page
    names = Counter(run.info.run_name for run in runs)
    wanted = {f"{w}-{trial}": trial for w, (n, _) in recorded.items() for trial in range(n)}
    expected = len(wanted) * len(METRICS) * epochs
    missing = len(wanted.keys() - names.keys()) * len(METRICS) * epochs
    found = doubled = disordered = 0
    for run in runs:
        trial = wanted.get(run.info.run_name, -1)
        for name in METRICS:
            points = client.get_metric_history(run.info.run_id, name)
            points.sort(key=lambda point: point.timestamp)
            have = Counter((p.step, p.value) for p in points)
            want = Counter((e, value(trial, e, name)) for e in range(1, epochs + 1))
            found, missing = found + have.total(), missing + (want - have).total()
            doubled += (have - want).total()
            disordered += [p.step for p in points] != sorted(p.step for p in points)
    files = sum(
        {f.path for f in client.list_artifacts(run.info.run_id)} == {"iou_table.json", "trial.txt"}
        for run in runs
    )
    print("| what | count |\n|---|---|")
    print(f"| runs: expected | {len(wanted)} |")
    print(f"| runs: missing | {len(wanted.keys() - names.keys())} |")
    print(f"| runs: twice | {sum(count - 1 for count in names.values())} |")
    print(f"| runs: not FINISHED | {sum(r.info.status != 'FINISHED' for r in runs)} |")
    print(f"| runs: without all files or params | {len(runs) - files + without_params(runs)} |")
    print(f"| metric points: expected | {expected} |")
    print(f"| metric points: found | {found} |")
    print(f"| metric points: missing | {missing} |")
    print(f"| metric points: twice or wrong | {doubled} |")
    print(f"| metrics out of order | {disordered} |")
    longest: Counter[str] = Counter()
    for _, calls in recorded.values():
        longest |= Counter(calls)
    write = longest.pop("write_atomic")
    for call, seconds in longest.most_common():
        print(f"| longest {call} | {seconds:.2f} s |")
    print(f"| longest write of 300 bytes beside them | {write:.2f} s |")


def without_params(runs: list[Run]) -> int:
    return sum("trial" not in run.data.params for run in runs)


if __name__ == "__main__":
    main()
