"""Kill studies of tiny trials at random moments, run them again, and print what was lost.

python benchmarks/kills.py                                  # 200 kills of runs without workers
python benchmarks/kills.py --kills 50 --storage journal --workers 1

A kill is SIGKILL: of the process, and with a worker of all processes, of the worker alone or of
the supervisor alone. Ends with 1 when anything was lost, doubled, left open or torn; the project
with the fault is kept then.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.crash_kills import Ground, Tally, kill_at_random
from harness.crash_study import STORAGES, make_template, warm
from harness.postgres import running_server


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--storage", choices=[*STORAGES, "postgresql"], default="sqlite")
    parser.add_argument("--workers", type=int, choices=[0, 1], default=0)
    parser.add_argument("--trials", type=int, default=6, help="of each study")
    parser.add_argument("--study", choices=["tiny", "promotion"], default="tiny")
    given = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="segexp-kills-"))
    with (
        storages(given.storage) as storage,
        warm(directory / "logs", with_workers=given.workers > 0) as process,
    ):
        make_template(directory / "template", process)
        ground = Ground(
            process,
            directory,
            directory / "template",
            storage,
            given.workers,
            given.trials,
            given.study,
        )
        tally = kill_at_random(
            ground, given.kills, given.seed, lambda line: print(line, flush=True)
        )
    print_table(given, tally)
    faults = tally.faults.all()
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(f"the projects are kept in {directory}")


def print_table(given: argparse.Namespace, tally: Tally) -> None:
    faults = tally.faults
    rows = {
        "kills": tally.kills,
        "runs": tally.runs,
        "studies": tally.studies,
        "trials finished": tally.finished,
        "trials interrupted": tally.interrupted,
        "trials resumed from a checkpoint": tally.resumed,
        "trials given up": tally.given_up,
        "studies given up": tally.hopeless,
        "finished trials lost": len(faults.lost),
        "duplicates": len(faults.doubled),
        "RUNNING left in Optuna": len(faults.running_optuna),
        "RUNNING left in MLflow": len(faults.running_mlflow),
        "torn files": len(faults.torn),
        "other faults": len(faults.other),
        "seconds": round(tally.seconds),
    }
    setting = f"{given.storage}, {given.study}, {given.workers} workers, seed {given.seed}"
    print(f"\n| {setting} | |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")


@contextmanager
def storages(kind: str) -> Iterator[Callable[[], str]]:
    """While the block runs, name a new storage for each project."""
    if kind in STORAGES:
        yield lambda: STORAGES[kind]
        return
    with running_server() as server:
        yield server.make_database


if __name__ == "__main__":
    main()
