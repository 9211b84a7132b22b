"""Let processes start one study at once in an empty project, and print what is left, as Markdown.

python benchmarks/crowd.py                       # 8 processes x 100 trials, on each storage
python benchmarks/crowd.py --processes 4 --trials 5 --storage journal

These are real trials, of one epoch on six small images. benchmarks/storage_load.py does the same
with the storage alone.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from kills import storages

from harness.crash_check import read_trials
from harness.crash_crowd import run_together
from harness.crash_study import STORAGES, Study, warm
from harness.server_directory import NotInstalledError


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--trials", type=int, default=100, help="for each process")
    parser.add_argument("--storage", choices=[*STORAGES, "postgresql", "all"], default="all")
    given = parser.parse_args()
    kinds = [*STORAGES, "postgresql"] if given.storage == "all" else [given.storage]
    print(f"{given.processes} processes x {given.trials} trials, {os.cpu_count()} cores.\n")
    print("| storage | trials | not finished | duplicates | other faults | seconds |")
    print("|---|---|---|---|---|---|", flush=True)
    is_good = True
    for kind in kinds:
        try:
            is_good &= run(kind, given.processes, given.trials)
        except NotInstalledError as error:
            print(f"PostgreSQL left out: {error}", file=sys.stderr)
    sys.exit(not is_good)


def run(kind: str, processes: int, trials: int) -> bool:
    """Run one study; tell whether all is as it should be."""
    directory = Path(tempfile.mkdtemp(prefix="segexp-crowd-"))
    with storages(kind) as storage, warm(directory / "logs") as process:
        study = Study(directory / "project", storage(), processes * trials, "crowd")
        began = time.monotonic()
        faults = run_together(process, study, processes)
        seconds = time.monotonic() - began
        counts = (
            len(read_trials(study)),
            len(faults.running_optuna) + len(faults.running_mlflow),
            len(faults.doubled),
            len(faults.lost) + len(faults.torn) + len(faults.other),
            round(seconds),
        )
    print(f"| {kind} | {' | '.join(map(str, counts))} |", flush=True)
    for fault in faults.all():
        print(fault, file=sys.stderr)
    return not faults.all()


if __name__ == "__main__":
    main()
