"""`segexp best` on a large study against loading the same study with Optuna, in one run.

python benchmarks/best_of_study.py

The other side is another process: Python, `import optuna`, `load_study`, `get_trials`, and
the best value. The study has the rows of a real one: eight params, nine epochs, segexp's
attributes, and a table of scores on every other trial, which is complete; the others are pruned.
Its first hundred trials are written through Optuna; the rest are copies of their rows, since Optuna
writes about thirty trials a second. Exit status 1 when the sides do not name the same best trial.
"""

import argparse
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial
from study import machine, segexp

from harness.results import made_scores
from segexp.core.lease import this_process
from segexp.evaluation.result import SplitScores, TrialResult
from segexp.study.attributes import (
    BEAT,
    CONSTANT,
    OWNER,
    RESULT,
    RUN_ID,
)
from segexp.study.storage.open import open_storage

GOAL = 1.5  # seconds
NAME = "large"
EPOCHS, CLASSES, PARAMS = 9, 19, 8
WRITTEN = 100
ROWS = {
    "trials": ("number",),
    "trial_params": (),
    "trial_values": (),
    "trial_intermediate_values": (),
    "trial_user_attributes": (),
    "trial_system_attributes": (),
}
"""Optuna's tables that have rows of trials, and the columns that count up besides the trial's."""

LOAD = """
import optuna, sys
study = optuna.load_study(study_name=sys.argv[2], storage=sys.argv[1])
trials = study.get_trials(deepcopy=False)
values = [trial.value for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
print(max(values))
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="segexp-") as folder:
        project = Path(folder) / "project"
        segexp("init", str(project))
        write_study(project, given.trials)
        url = f"sqlite:///{project / 'studies' / 'optuna.db'}"
        load = [sys.executable, "-c", LOAD, url, NAME]
        best = [sys.executable, "-m", "segexp", "best", "--project", str(project), "--json"]
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(given.repeats):
            of_load, value = timed(load)
            of_best, found = timed(best)
            times[0].append(of_load)
            times[1].append(of_best)
    shown = json.loads(found)["scores"]["tuning"]["miou_common"]
    print(f"{machine()}, optuna {version('optuna')}. Medians of {given.repeats} (all).\n")
    print("| trials | Optuna alone, s | `segexp best`, s | more, s | goal |\n|---|---|---|---|---|")
    more = statistics.median(times[1]) - statistics.median(times[0])
    verdict = "reached" if more <= GOAL else "**missed**"
    row = [f"{given.trials:,}", *map(seconds, times), f"{more:.2f}", f"{GOAL}, {verdict}"]
    print("|", " | ".join(row), "|")
    if shown != float(value):
        sys.exit(f"the sides do not find the same best trial: {value.strip()} and {shown}")


def timed(command: Sequence[str]) -> tuple[float, str]:
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - begun, done.stdout


def write_study(project: Path, trials: int) -> None:
    """Write a study of finished trials into a project's own storage."""
    storage = open_storage(None, project)
    study = optuna.create_study(study_name=NAME, storage=storage, direction="maximize")
    study.set_user_attr(CONSTANT, {"class": "road", "val": 0.04, "heldout": 0.04})
    drawn = random.Random(0)
    study.add_trials(trial_of(drawn, number) for number in range(min(trials, WRITTEN)))
    copy_rows(project / "studies" / "optuna.db", trials)


def trial_of(drawn: random.Random, number: int) -> optuna.trial.FrozenTrial:
    params = {f"param_{i}": drawn.random() for i in range(PARAMS)}
    values = {epoch: drawn.random() for epoch in range(1, EPOCHS + 1)}
    owner = {OWNER: this_process().to_dict(), BEAT: 0.0, RUN_ID: f"{number:032x}"}
    value = max(values.values())
    is_complete = number % 2 == 0
    result = {RESULT: TrialResult(value, 9, 60.0, scores(value), None, None).to_dict()}
    return create_trial(
        state=TrialState.COMPLETE if is_complete else TrialState.PRUNED,
        value=value,
        params=params,
        distributions={name: FloatDistribution(0.0, 1.0) for name in params},
        user_attrs=owner | (result if is_complete else {}),
        intermediate_values=values if is_complete else {1: values[1], 2: values[2]},
    )


def scores(value: float) -> SplitScores:
    names = [f"class {i}" for i in range(CLASSES)]
    numbers = {key: [value / (i + 1) for i in range(CLASSES)] for key in ("iou", "f1")}
    counts = {"pixels": [10_000 + i for i in range(CLASSES)]}
    table: dict[str, list[Any]] = {"class": names, **numbers, **counts}
    return made_scores(value, value, table, in_mean=(CLASSES, CLASSES))


def copy_rows(database: Path, trials: int) -> None:
    """Copy the rows of the existing trials until there are this many."""
    connection = sqlite3.connect(database)
    with connection:
        for shift in range(WRITTEN, trials, WRITTEN):
            for table, counted in ROWS.items():
                names = [row[1] for row in connection.execute(f"pragma table_info({table})")]
                own_id = "trial_id" if table == "trials" else names[0]
                kept = [name for name in names if name != own_id or table == "trials"]
                taken = [
                    f"{name} + {shift}" if name == "trial_id" or name in counted else name
                    for name in kept
                ]
                connection.execute(
                    f"insert into {table} ({', '.join(kept)}) select {', '.join(taken)} "
                    f"from {table} where trial_id between 1 and {min(WRITTEN, trials - shift)}"
                )
    connection.close()


def seconds(times: Sequence[float]) -> str:
    shown = ", ".join(f"{value:.2f}" for value in times)
    return f"{statistics.median(times):.2f} ({shown})"


if __name__ == "__main__":
    main()
