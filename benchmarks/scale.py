"""How many trials a second one study bears, on one storage with ever more processes, as Markdown.

python benchmarks/scale.py                                # PostgreSQL, 1 to 64 processes, 0 and 1 s
python benchmarks/scale.py --storage proxy                # the same behind Optuna's gRPC proxy
python benchmarks/scale.py --storage sqlite --processes 1 2 4 8 --seconds 0
python benchmarks/scale.py --processes 1 8 --ended 10000   # in a study of many trials
python benchmarks/scale.py --simulate 8 256 1024          # with the costs that were measured here

A trial trains nothing: it reports three epochs, in the seconds given, and ends. All else is real:
sampling (TPE), the study's lock, the pruner, what Optuna's storage is told. MLflow is left out, as
its records are sent by another thread. The processes are of `--hosts` project directories.
Each process runs one more trial before the common start. The database server runs on the same cores
as the processes, and so does this script: what is printed for more processes than cores is a bound
from below. Processor time is that of the processes, and of all else that ran meanwhile, which is
the server on a machine that is otherwise idle.
"""

import argparse
import heapq
import json
import multiprocessing
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psutil
from study import machine

import harness.project  # noqa: F401 - one thread
from harness.crash_study import lay_out
from harness.ended_trials import ended_trials, insert_trials
from harness.null_trials import plant_no_records, plant_null_trials
from harness.postgres import PostgresServer, running_server
from harness.tracking_server import free_port
from segexp.data.open import open_data
from segexp.study import next_trial
from segexp.study.config import read_study
from segexp.study.definition import definition
from segexp.study.next_trial import run_next_trial
from segexp.study.open import OpenStudy, open_study
from segexp.study.plan import SearchPlan, plan_study
from segexp.study.read_space import read_space
from segexp.study.storage.open import open_storage
from tests.tiny_study import Said

STUDY = """\
name: scale
sampler: {name: tpe, seed: 0}
pruner: {name: successive_halving, options: {reduction_factor: 4, promotion: true}}
space:
  learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
MORE
config: {mapping: merged10, training.epochs: 3}
"""
SIMULATED_SECONDS = (0, 1, 10, 60)
MORE = """\
  augmentation: {low: 0.0, high: 1.0}
  schedule: [constant, cosine, poly, onecycle, step]
  loss: [cross_entropy, ce_dice, focal]
  loss_weighting: [none, inverse_frequency, median_frequency, effective_number, enet_log]"""


@dataclass(frozen=True)
class Load:
    """What many processes did to one study.

    Attributes:
        ask: How long each trial took to be taken, in seconds.
        tell: The same, to be ended.
        held: How long each had the study's lock in all.
        wall: From the common start to the last end, in seconds.
        connections: The most that the server had at a time; 0 where there is no server.
        transactions: Of the server, a trial; 0 where there is no server.
        own: Processor time of the processes, a trial, in seconds.
        other: The same of all else on this machine.
    """

    processes: int
    ask: list[float]
    tell: list[float]
    held: list[float]
    wall: float
    connections: int = 0
    transactions: float = 0.0
    own: float = 0.0
    other: float = 0.0

    @property
    def rate(self) -> float:
        """Trials a second."""
        return len(self.ask) / self.wall


@dataclass(frozen=True)
class Work:
    """What each process does.

    Attributes:
        url: Of the storage; None for the project's own.
        trials: How many the study is to have.
        seconds: How long one takes.
        most: How many the process runs, at most.
    """

    url: str | None
    trials: int
    seconds: float
    most: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--storage", choices=["postgresql", "proxy", "sqlite"], default="postgresql"
    )
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--seconds", type=float, nargs="+", default=[0.0, 1.0], help="of a trial")
    parser.add_argument("--trials", type=int, default=384, help="of all processes together")
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--ended", type=int, default=0, help="trials that have ended before")
    parser.add_argument("--simulate", type=int, nargs="*", default=[])
    given = parser.parse_args()
    print(f"{given.storage}, {given.hosts} project directories, on {machine()}.\n")
    print(
        "| trial, s | processes | trials/s | of one, times | ask p50, p99, ms | tell p50, p99, ms "
        "| lock held, ms | lock held, of the time | connections | transactions a trial "
        "| processor ms a trial: processes, else |\n|" + "---|" * 11
    )
    loads: dict[float, list[Load]] = {}
    with storage_server(given.storage) as server:
        for seconds in given.seconds:
            for processes in given.processes:
                load = measure(server, processes, seconds, given)
                loads.setdefault(seconds, []).append(load)
                print(line(load, seconds, loads[seconds][0]), flush=True)
    one = loads[given.seconds[0]][0]
    if given.simulate and one.processes == 1 and given.seconds[0] == 0:
        show_simulated(one, given.simulate)


def show_simulated(one: Load, of_workers: Sequence[int]) -> None:
    """Print what many workers would do whose trials cost what those of one process did."""
    print("\nSimulated from the costs of one process:\n")
    print("| trial, s | workers | trials/s | of one, times | ask p99, ms |\n|---|---|---|---|---|")
    for seconds in SIMULATED_SECONDS:
        alone, _ = simulate(one, 1, seconds)
        for workers in of_workers:
            rate, p99 = simulate(one, workers, seconds)
            times = rate / alone
            print(f"| {seconds:g} | {workers:,} | {rate:.1f} | {times:.1f} | {1000 * p99:.0f} |")


def line(load: Load, seconds: float, first: Load) -> str:
    cells = [
        f"{seconds:g}",
        str(load.processes),
        f"{load.rate:.1f}",
        f"{load.rate / first.rate:.1f}",
        in_ms(load.ask),
        in_ms(load.tell),
        f"{1000 * statistics.median(load.held):.0f}",
        f"{sum(load.held) / load.wall:.2f}",
        str(load.connections or "-"),
        f"{load.transactions:.0f}" if load.transactions else "-",
        f"{1000 * load.own:.0f}, {1000 * load.other:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def in_ms(seconds: Sequence[float]) -> str:
    return f"{1000 * quantile(seconds, 0.5):.0f}, {1000 * quantile(seconds, 0.99):.0f}"


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


@contextmanager
def storage_server(storage: str) -> Iterator[PostgresServer | None]:
    if storage == "sqlite":
        yield None
        return
    with running_server() as server:
        yield server


@contextmanager
def proxy_before(url: str) -> Iterator[str]:
    """Yield the URL of a proxy that answers for a storage."""
    port = free_port()
    words = [sys.executable, "-m", "segexp", "storage-proxy", "--port", str(port)]
    environment = {**os.environ, "SEGEXP_STORAGE": url}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, env=environment, stdout=quiet, stderr=quiet) as process:
        try:
            deadline = time.monotonic() + 60
            while not is_listening(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("the proxy does not listen")
                time.sleep(0.1)
            yield f"grpc://127.0.0.1:{port}"
        finally:
            process.terminate()


def is_listening(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def measure(
    server: PostgresServer | None, processes: int, seconds: float, given: argparse.Namespace
) -> Load:
    hosts, ended = given.hosts, given.ended
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="segexp-scale-") as directory:
        count = min(hosts, processes) if server else 1
        projects = [Path(directory) / f"host{number}" for number in range(count)]
        url = server.make_database() if server else None
        if url and given.storage == "proxy":
            url = stack.enter_context(proxy_before(url))
        for project in projects:
            lay_out(project)
            # Trials that have ended before have a learning rate alone.
            text = STUDY.replace("MORE", "" if ended else MORE)
            (project / "studies" / "scale.yaml").write_text(text, encoding="utf-8")
        context = multiprocessing.get_context("fork")
        alone = context.Process(target=prepare, args=(projects, url, ended))
        alone.start()
        alone.join()
        if alone.exitcode:
            sys.exit("the study could not be opened")
        # Each process warms up by one trial, and waits for the others.
        begin = context.Barrier(processes + 1)
        work_of_one = Work(
            url,
            ended + processes + given.trials,
            seconds,
            # Of 10,000 trials hundreds are to be resumed, which count towards no budget.
            given.trials // processes if ended else given.trials,
        )
        places = [Path(directory) / f"times-{number}.json" for number in range(processes)]
        team = [
            context.Process(
                target=work,
                args=(projects[n % count], work_of_one, begin, places[n]),
            )
            for n in range(processes)
        ]
        for process in team:
            process.start()
        begin.wait()
        before, began, busy = transactions(server), time.time(), busy_seconds()
        connections = watch(server, team)
        busy = busy_seconds() - busy
        if any(process.exitcode for process in team):
            sys.exit(f"exit codes {[process.exitcode for process in team]}")
        done = [json.loads(place.read_text(encoding="utf-8")) for place in places]
        ask, tell, held = (
            [t for one in done for t in one[name]] for name in ("ask", "tell", "held")
        )
        own = sum(one["busy"] for one in done)
        return Load(
            processes,
            ask,
            tell,
            held,
            wall=max(one["end"] for one in done) - began,
            connections=connections,
            transactions=(transactions(server) - before) / len(ask),
            own=own / len(ask),
            other=(busy - own) / len(ask),
        )


def busy_seconds() -> float:
    """Processor time of all that ever ran on this machine."""
    spent = psutil.cpu_times()
    return float(spent.user + spent.system)


def watch(server: PostgresServer | None, team: Sequence[Any]) -> int:
    """Wait for the processes, and return the most connections that were open meanwhile."""
    most = 0
    while any(process.is_alive() for process in team):
        if server:
            count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            most = max(most, int(server.execute(count)[0][0]) - 1)
        time.sleep(0.2)
    return most


def transactions(server: PostgresServer | None) -> int:
    if server is None:
        return 0
    return int(
        server.execute("SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database")[0][0]
    )


def prepare(projects: Sequence[Path], url: str | None, ended: int) -> None:
    for project in projects:
        study = open_one(project, url, 10**6).study
    if ended:
        insert_trials(study, ended_trials(ended, 0.1))
    os._exit(0)


def open_one(project: Path, url: str | None, trials: int) -> OpenStudy:
    overrides = {"trials": trials, **({"storage": url} if url else {})}
    path, study, config = read_study(project, "scale", overrides)
    space = read_space(str(path), study, config)
    plan: SearchPlan = plan_study(project, str(path), study, config, space)
    data = open_data(project, config, plan.base.source, lambda done, total: None)
    storage = open_storage(url, project)
    return open_study(plan, data, storage, definition(plan.base, data), plant_no_records())


def work(project: Path, given: Work, begin: Barrier, place: Path) -> None:
    opened = open_one(project, given.url, given.trials)
    plant_null_trials(seconds=given.seconds)
    times: dict[str, Any] = {"ask": [], "tell": [], "held": []}
    timed(next_trial, "ask", times["ask"])
    timed(next_trial, "_end", times["tell"])
    deciding = OpenStudy.deciding

    @contextmanager
    def timed_lock(self: OpenStudy) -> Iterator[None]:
        with deciding(self):
            began = time.perf_counter()
            yield
        times["held"].append(time.perf_counter() - began)

    setattr(OpenStudy, "deciding", timed_lock)  # noqa: B010 - a frozen dataclass's method
    run_next_trial(opened, Said())
    for of_one in times.values():
        of_one.clear()
    begin.wait()
    before = time.process_time()
    while len(times["tell"]) < given.most and run_next_trial(opened, Said()):
        pass
    for name in ("ask", "held"):
        del times[name][len(times["tell"]) :]  # of the trial that was not there any more
    spent = {"end": time.time(), "busy": time.process_time() - before}
    place.write_text(json.dumps({**times, **spent}), encoding="utf-8")
    os._exit(0)


def timed(module: Any, name: str, seconds: list[float]) -> None:
    function = getattr(module, name)

    def measured(*given: Any) -> Any:
        began = time.perf_counter()
        result = function(*given)
        seconds.append(time.perf_counter() - began)
        return result

    setattr(module, name, measured)


def simulate(one: Load, workers: int, seconds: float, trials: int = 20_000) -> tuple[float, float]:
    """Return trials/s and the 99th percentile of the seconds to take one, for ever more workers.

    Workers compute on cores of their own; the study's lock is held by one at a time, for as long as
    the process that was measured alone held it. What else is asked of the storage is answered to
    all at once: the server is taken to have cores enough. So the lock is what saturates.
    """
    draw = random.Random(0)
    outside = [max(0.0, ask - held) for ask, held in zip(one.ask, one.held, strict=True)]
    other = one.wall / len(one.ask) - statistics.mean(one.ask) - statistics.mean(one.tell)
    ready = [(draw.uniform(0, seconds + other), n) for n in range(workers)]  # (when it asks, which)
    heapq.heapify(ready)
    free, asks, end = 0.0, [], 0.0
    for _ in range(trials):
        asked, worker = heapq.heappop(ready)
        begun = max(asked, free)
        free = begun + draw.choice(one.held)
        taken = free + draw.choice(outside)
        asks.append(taken - asked)
        end = taken + seconds + other + draw.choice(one.tell)
        heapq.heappush(ready, (end, worker))
    return trials / end, quantile(asks, 0.99)


if __name__ == "__main__":
    main()
