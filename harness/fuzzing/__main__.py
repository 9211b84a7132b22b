"""Feed hostile files and names to segexp, with fixed seeds, and print what became of them.

python -m harness.fuzzing                                   # all targets of harness/fuzzing
python -m harness.fuzzing --share 0.1 --target yaml_files   # a tenth of one
python -m harness.fuzzing --target names --case 17          # one case, with its traceback

Each target runs in its own process, so that its memory can be measured. Exit code 1 when any case
ends in a traceback, writes outside its output directory, takes 5 s, or a target takes 1 GB.
"""

import argparse
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from harness.project import ROOT

MAX_SECONDS = 5.0
MAX_MEGABYTES = 1024
HUNG_AFTER = 60  # seconds: then a case is given up
KEPT = 5  # failures that are shown for a target

COLUMNS = ("cases", "refused", "accepted", "tracebacks", "outside", "slowest_s", "peak_mb")


class HungError(Exception):
    """A case does not end."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=1.0, help="of each target's cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", help="a module; all by default")
    parser.add_argument("--case", type=int, help="only this case, in this process")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    names = given.target or target_names()
    if given.case is not None:
        run_one(names[0], given.seed, given.case)
        return
    if given.child:
        print(json.dumps({name: run_cases(name, given.share, given.seed) for name in names}))
        return
    results: dict[str, dict[str, Any]] = {}
    for name in names:
        results |= in_a_process([name], given.share, given.seed)
    if given.json:
        print(json.dumps(results))
    else:
        print_table(results)
    sys.exit(any(has_failed(result) for result in results.values()))


def target_names() -> list[str]:
    """The modules of harness/fuzzing that have cases."""
    folder = Path(__file__).parent
    return sorted(p.stem for p in folder.glob("*.py") if "\ndef run_case(" in p.read_text("utf-8"))


def has_failed(result: dict[str, Any]) -> bool:
    return bool(
        result["tracebacks"]
        or result["outside"]
        or result["slowest_s"] >= MAX_SECONDS
        or result["peak_mb"] >= MAX_MEGABYTES
    )


def in_a_process(names: list[str], share: float, seed: int) -> dict[str, dict[str, Any]]:
    """Run targets in one process, and count what became of each one's cases."""
    with tempfile.TemporaryDirectory(prefix="segexp-fuzz-") as scratch:
        environment = os.environ | {
            "HOME": f"{scratch}/home",
            "TMPDIR": f"{scratch}/tmp",
            "SEGEXP_FUZZ": scratch,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "NO_ALBUMENTATIONS_UPDATE": "1",
            "HF_HUB_OFFLINE": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
        }
        command = [sys.executable, "-m", "harness.fuzzing", "--child"]
        command += [word for name in names for word in ("--target", name)]
        command += ["--share", str(share), "--seed", str(seed)]
        for folder in ("home", "tmp", "cwd"):
            Path(scratch, folder).mkdir()
        done = subprocess.run(
            command,
            env=environment,
            cwd=f"{scratch}/cwd",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            counted: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
            return counted
        at = Path(scratch, "case")
        case = at.read_text() if at.is_file() else "none"
        reason = f"the process ended with {done.returncode} at case {case}: {done.stderr[-2000:]}"
        nothing = dict.fromkeys((*COLUMNS, "slowest_case"), 0)
        return dict.fromkeys(names, nothing | {"tracebacks": 1, "failures": [reason]})


def run_cases(name: str, share: float, seed: int) -> dict[str, Any]:
    """Run a target's cases in this process, whose memory is counted."""
    watch = importlib.import_module("harness.fuzzing")
    # A case that asks for more than this gets a MemoryError.
    resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, resource.RLIM_INFINITY))
    signal.signal(signal.SIGALRM, _give_up)
    target = importlib.import_module(f"harness.fuzzing.{name}")
    scratch = Path(os.environ["SEGEXP_FUZZ"])
    (scratch / "neighbour").mkdir(exist_ok=True)
    (scratch / "neighbour" / "file").write_text("kept")
    cases = round(target.COUNT * share)
    counts = dict.fromkeys(COLUMNS, 0)
    slowest, failures = (0.0, -1), []
    for case in range(cases):
        directory = scratch / f"case-{case:05d}"
        (scratch / "case").write_text(f"{case} of {name}")
        directory.mkdir()
        before = watch.tree(scratch, directory)
        started = time.perf_counter()
        failure = None
        signal.setitimer(signal.ITIMER_REAL, HUNG_AFTER)
        try:
            counts[target.run_case(generator(name, seed, case), directory)] += 1
        except watch.WroteOutsideError as error:
            counts["outside"] += 1
            failure = f"wrote {error}"
        except Exception as error:
            counts["tracebacks"] += 1
            at = traceback.extract_tb(error.__traceback__)[-1]
            failure = f"{type(error).__name__}: {str(error)[:200]} ({at.filename}:{at.lineno})"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        slowest = max(slowest, (time.perf_counter() - started, case))
        if changed := watch.differences(before, watch.tree(scratch, directory)):
            counts["outside"] += 1
            failure = f"wrote {', '.join(changed)}"
        if failure is not None:
            failures.append(f"case {case}: {failure}")
        shutil.rmtree(directory)
    counts["cases"] = cases
    return counts | {
        "slowest_s": round(slowest[0], 2),
        "slowest_case": slowest[1],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "failures": failures[:KEPT],
    }


def run_one(name: str, seed: int, case: int) -> None:
    directory = Path(tempfile.mkdtemp(prefix="segexp-fuzz-")) / f"case-{case:05d}"
    directory.mkdir()
    print(f"the input is in {directory}")
    target = importlib.import_module(f"harness.fuzzing.{name}")
    started = time.perf_counter()
    print(target.run_case(generator(name, seed, case), directory))
    print(f"{time.perf_counter() - started:.2f} s")


def generator(name: str, seed: int, case: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode()), case])


def print_table(results: dict[str, dict[str, Any]]) -> None:
    print("| target | cases | refused | accepted | tracebacks | outside | slowest s | peak MB |")
    print("|---|---|---|---|---|---|---|---|")
    for name, result in results.items():
        print(f"| {name} | " + " | ".join(f"{result[column]:,}" for column in COLUMNS) + " |")
    for name, result in results.items():
        print(f"{name}: the slowest is case {result['slowest_case']}")
        for failure in result["failures"]:
            print(f"{name}: {failure}")


def _give_up(signal_number: int, frame: object) -> None:
    raise HungError(f"over {HUNG_AFTER} s")


if __name__ == "__main__":
    main()
