"""What does a study cost beside its training and validation?

python benchmarks/study_overhead.py                 # 50 trials of the default study's space
python benchmarks/study_overhead.py --trials 10 --repeats 3
python benchmarks/study_overhead.py --workers 8 --trials 24 --epochs 10 --data CAMVID

segexp's side is a whole `segexp tune` with one worker, from its start to its page: random search
without pruning, so that every trial trains all of its epochs. The other side is a process that
trains and validates the same configurations for as many epochs on the same images, and does
nothing else: no Optuna, no MLflow, no checkpoints, pictures, bundles or held-out images. The sides
take turns; they end with an error where they do not reach the same scores. With a few short trials
most of the time is the start.

With several workers there is no other side: their time is what is between the first trial's start
and the last one's end of each.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import optuna
from mlflow import MlflowClient
from optuna.trial import FrozenTrial
from study import forget_studies, machine, segexp, write_random_study

from segexp.study.attributes import OWNER
from segexp.study.engines.workers import HUGE_PAGES, TUNABLES
from segexp.study.storage.open import open_storage

STUDY = "independent"
GOAL = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--data", help="a data set to train on, with several workers")
    given = parser.parse_args()
    print(f"{given.trials} trials of {given.epochs} epochs on {machine()}.\n")
    if given.workers > 1:
        show_workers(given.trials, given.epochs, given.workers, given.data)
        return
    if given.data is not None:
        parser.error("--data is for several --workers")
    rows = [measure(given.trials, given.epochs) for _ in range(given.repeats)]
    print("| part of a study | seconds | of its wall time |\n|---|---|---|")
    for part in rows[0]:
        seconds = [row[part] for row in rows]
        shares = [row[part] / row["all of it"] for row in rows]
        spread = f" ({min(seconds):.1f} to {max(seconds):.1f})" if len(rows) > 1 else ""
        print(f"| {part} | {statistics.median(seconds):.1f}{spread} | {median(shares)} |")
    own = [1 - row["steps: training and validation"] / row["all of it"] for row in rows]
    bare = [row["all of it"] / row["the bare loop"] - 1 for row in rows]
    for what, shares in (("not in steps", own), ("longer than the bare loop", bare)):
        reached = "reached" if statistics.median(shares) <= GOAL else "**missed**"
        print(f"\n{what}: {median(shares)} (goal {GOAL:.0%}, {reached})")


def median(shares: Sequence[float]) -> str:
    return f"{statistics.median(shares):.1%}"


def show_workers(trials: int, epochs: int, workers: int, data: str | None) -> None:
    """Run a study by several workers, and print what their time was spent on."""
    with tempfile.TemporaryDirectory(prefix="segexp-study-overhead-") as directory:
        project = Path(directory) / "project"
        run_study(project, trials, epochs, workers, data)
        ran = trials_of(project)
        steps = steps_of(project)
    times: dict[int, list[tuple[float, float]]] = {}
    for trial in ran:
        assert trial.datetime_start is not None
        assert trial.datetime_complete is not None
        of_one = times.setdefault(trial.user_attrs[OWNER]["pid"], [])
        of_one.append((trial.datetime_start.timestamp(), trial.datetime_complete.timestamp()))
    whole = sum(max(e for _, e in of_one) - min(b for b, _ in of_one) for of_one in times.values())
    inside = sum(end - start for of_one in times.values() for start, end in of_one)
    print(f"| part of the time of {len(times)} workers | seconds | share |\n|---|---|---|")
    for part, seconds in (
        ("steps: training and validation", steps),
        ("trials, beside their steps", inside - steps),
        ("between trials", whole - inside),
    ):
        print(f"| {part} | {seconds:.1f} | {seconds / whole:.1%} |")
    print(f"\n{(whole - steps) / len(ran):.2f} s a trial beside its steps")


def run_study(
    project: Path, trials: int, epochs: int, workers: int, data: str | None = None
) -> tuple[float, float]:
    """Lay a project out and run a study in it; return when it began, and its seconds."""
    segexp("init", str(project), *(() if data is None else ("--data", data)))
    write_random_study(project, STUDY)
    tune = ["tune", STUDY, "--workers", str(workers), "--project", str(project)]
    segexp(*tune, "--trials", "1", "--set", "epochs=1")  # reads the images
    forget_studies(project)
    begun = time.time()
    segexp(*tune, "--trials", str(trials), "--set", f"epochs={epochs}")
    return begun, time.time() - begun


def measure(trials: int, epochs: int) -> dict[str, float]:
    """Run a study and what it is measured against; return seconds by part of the study."""
    with tempfile.TemporaryDirectory(prefix="segexp-study-overhead-") as directory:
        project = Path(directory) / "project"
        begun, wall = run_study(project, trials, epochs, 1)
        ran = trials_of(project)
        if len(ran) != trials:
            sys.exit(f"{len(ran)} trials ran, not {trials}")
        configs = [{**trial.params, "epochs": epochs} for trial in ran]
        begun_bare = time.time()
        script = str(Path(__file__).with_name("bare_study.py"))
        command = [sys.executable, script, STUDY, str(project)]
        answer = subprocess.run(
            command,
            input=json.dumps(configs),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={TUNABLES: HUGE_PAGES, **os.environ},  # as workers have it
        )
        bare = time.time() - begun_bare
        scores = [trial.intermediate_values[epochs] for trial in ran]
        if json.loads(answer.stdout) != scores:
            sys.exit(f"the sides differ: {scores} in the study, {answer.stdout} in the bare loop")
        starts, ends = (
            [moment.timestamp() for moment in moments if moment is not None]
            for moments in zip(*((t.datetime_start, t.datetime_complete) for t in ran), strict=True)
        )
        steps = steps_of(project)
        inside = sum(ends) - sum(starts)
        return {
            "start, to the first trial": starts[0] - begun,
            "steps: training and validation": steps,
            "trials, beside their steps": inside - steps,
            "between trials": ends[-1] - starts[0] - inside,
            "after the last trial": begun + wall - ends[-1],
            "all of it": wall,
            "the bare loop": bare,
        }


def trials_of(project: Path) -> list[FrozenTrial]:
    return optuna.load_study(study_name=STUDY, storage=open_storage(None, project)).trials


def steps_of(project: Path) -> float:
    """Sum the seconds that training and validation took, as every epoch has recorded them."""
    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, "tags.`segexp.kind` = 'trial'", max_results=5_000)
    histories = [client.get_metric_history(run.info.run_id, "time/epoch_s") for run in runs]
    return sum(point.value for history in histories for point in history)


if __name__ == "__main__":
    main()
