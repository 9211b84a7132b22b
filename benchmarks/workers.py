"""How long does a study take with one worker, and with as many as suit the machine?

python benchmarks/workers.py                            # 8 trials of 3 epochs, twice each
python benchmarks/workers.py --trials 50 --epochs 9 --repeats 1

Both sides run the same independent trials: random search without pruning over the space of
studies/default.yaml. Every run is a whole `segexp tune`, from start to page, in its own
project, whose images were read before. A single worker has all cores, as it has in `segexp tune`,
or one thread, as each of `auto` has.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import optuna
from study import forget_studies, machine, write_random_study

from segexp.study.storage.open import open_storage

STUDY = "independent"
SIDES = {"1, all cores": ("1", None), "1, one thread": ("1", "1"), "auto": ("auto", None)}
"""What `--workers` is given, and OMP_NUM_THREADS."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="segexp-workers-") as directory:
        template = make_project(Path(directory) / "template")
        tune(template, "1", None, 1, 1)  # reads the images
        forget_studies(template)
        seconds: dict[str, list[float]] = {side: [] for side in SIDES}
        params = []
        for repeat in range(given.repeats):
            for side, (workers, threads) in SIDES.items():
                project = Path(directory) / f"{repeat}-{side}"
                shutil.copytree(template, project)
                started = time.perf_counter()
                tune(project, workers, threads, given.trials, given.epochs)
                seconds[side].append(time.perf_counter() - started)
                params.append(params_of(project))
                print(f"--workers {side}: {seconds[side][-1]:.1f} s", file=sys.stderr)
    if any(other != params[0] for other in params):
        sys.exit("the sides did not run the same trials")
    print(f"{given.trials} trials of {given.epochs} epochs on {machine()}.\n")
    auto = statistics.median(seconds["auto"])
    print("| --workers | seconds, median | all | auto's, of that |\n|---|---|---|---|")
    for side, taken in seconds.items():
        median = statistics.median(taken)
        spread = ", ".join(f"{value:.1f}" for value in taken)
        print(f"| {side} | {median:.1f} | {spread} | {auto / median:.2f} |")


def make_project(project: Path) -> Path:
    segexp("init", str(project))
    write_random_study(project, STUDY)
    return project


def tune(project: Path, workers: str, threads: str | None, trials: int, epochs: int) -> None:
    budget = ["--trials", str(trials), "--set", f"epochs={epochs}"]
    environment = os.environ | ({"OMP_NUM_THREADS": threads} if threads else {})
    segexp("tune", STUDY, *budget, "--workers", workers, "--project", str(project), env=environment)


def params_of(project: Path) -> list[dict[str, Any]]:
    study = optuna.load_study(study_name=STUDY, storage=open_storage(None, project))
    return [trial.params for trial in study.trials]


def segexp(*arguments: str, env: dict[str, str] | None = None) -> None:
    command = [sys.executable, "-m", "segexp", *arguments]
    subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, env=env
    )


if __name__ == "__main__":
    main()
