"""Let processes run tiny trials of one study on each storage, and print what is left, as Markdown.

python benchmarks/storage_load.py                      # 8 processes x 100 trials
python benchmarks/storage_load.py --processes 4 --trials 20
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
from harness.load import run_together
from harness.postgres import running_server
from harness.server_directory import NotInstalledError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--trials", type=int, default=100, help="of each process")
    given = parser.parse_args()
    print(f"{given.processes} processes x {given.trials} trials, {os.cpu_count()} cores.\n")
    print("| storage | exit codes | trials | non-terminal | duplicate numbers | seconds |")
    print("|---|---|---|---|---|---|")
    for name, url in storages():
        with tempfile.TemporaryDirectory(prefix="segexp-") as directory:
            began = time.perf_counter()
            codes, trials = run_together(url, Path(directory), given.processes, given.trials)
            seconds = time.perf_counter() - began
        open_still = sum(not trial.state.is_finished() for trial in trials)
        doubled = len(trials) - len({trial.number for trial in trials})
        shown = ", ".join(sorted({str(code) for code in codes}))
        print(f"| {name} | {shown} | {len(trials)} | {open_still} | {doubled} | {seconds:.1f} |")


def storages() -> Iterator[tuple[str, str]]:
    yield "SQLite", "sqlite:///studies/optuna.db"
    yield "journal file", "journal:studies/optuna.log"
    with postgresql() as url:
        if url:
            yield "PostgreSQL", url


@contextmanager
def postgresql() -> Iterator[str | None]:
    try:
        with running_server() as server:
            yield server.make_database()
    except NotInstalledError as error:
        print(f"PostgreSQL left out: {error}", file=sys.stderr)
        yield None


if __name__ == "__main__":
    main()
