"""Record full learning curves of random configurations of the default study, for a replay.

python benchmarks/record_curves.py --project DIR            # 160 configurations, about 45 minutes
python benchmarks/record_curves.py --project DIR --export-only   # writes what is there so far

The configurations are trained by `segexp tune` in their own project, drawn at random and never
pruned; run again on the same directory, it resumes. Then each that is complete becomes a line of
`benchmarks/curves.csv`: its params, the seconds that it took, and the objective after each epoch.
`benchmarks/time_to_target.py` replays that file.
"""

import argparse
import csv
import io
import json
import sys
from collections import Counter
from datetime import date
from importlib.metadata import version
from pathlib import Path

import optuna
from optuna.trial import TrialState
from study import machine, segexp, write_random_study

from segexp.core.files import write_atomic
from segexp.study.attributes import DEFINITION, RESULT
from segexp.study.budget import counts_towards_budget, params_of
from segexp.study.storage.open import open_storage

STUDY = "curves"
TABLE = Path(__file__).with_name("curves.csv")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--project", type=Path, required=True, help="made where it is not there")
    parser.add_argument("--trials", type=int, default=160)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--export-only", action="store_true", help="train nothing more")
    given = parser.parse_args()
    if not given.export_only:
        record(given.project, given.trials, given.workers, given.set)
    rows = export(given.project, given.table)
    print(f"{given.table}: {rows} configurations, {given.table.stat().st_size:,} bytes")


def record(project: Path, trials: int, workers: int, overrides: list[str]) -> None:
    """Train random configurations of the default study's space until there are enough."""
    if not (project / "config.yaml").is_file():
        segexp("init", str(project))
    write_random_study(project, STUDY)
    numbers = ["--trials", str(trials), "--workers", str(workers)]
    settings = [part for override in overrides for part in ("--set", override)]
    segexp("tune", STUDY, *numbers, *settings, "--project", str(project))
    # What was run, for the table's head: the export may be another day's.
    command = " ".join(["segexp tune", STUDY, *numbers, *settings])
    noted = {"recorded": str(date.today()), "command": command, "machine": machine()}
    (project / "curves.json").write_text(json.dumps(noted))


def export(project: Path, table: Path) -> int:
    """Write the complete trials of a recording as a table; return how many there are."""
    study = optuna.load_study(study_name=STUDY, storage=open_storage(None, project))
    trials = study.get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if not complete:
        sys.exit(f"{project}: no trial is complete yet")
    names = list(complete[0].params)
    # The first in line is the study's baseline, whatever number it was completed under.
    baseline = params_of(trials[0])
    epochs = len(complete[0].intermediate_values)
    written = io.StringIO()
    for line in head(project, study):
        written.write(f"# {line}\n")
    out = csv.writer(written, lineterminator="\n")
    out.writerow(["origin", *names, "seconds", *(f"epoch_{e}" for e in range(1, epochs + 1))])
    for trial in complete:
        values = [trial.intermediate_values[epoch] for epoch in range(1, epochs + 1)]
        out.writerow(
            [
                "baseline" if trial.params == baseline else "random",
                *(f"{v:.6g}" if isinstance(v, float) else v for v in trial.params.values()),
                f"{trial.user_attrs[RESULT]['seconds']:.1f}",
                *(f"{value:.5f}" for value in values),
            ]
        )
    write_atomic(table, written.getvalue().encode())
    return len(complete)


def head(project: Path, study: optuna.Study) -> list[str]:
    """Say where the table comes from."""
    meaning = study.user_attrs[DEFINITION]
    finished = [t for t in study.get_trials(deepcopy=False) if counts_towards_budget(t)]
    states = Counter(trial.state.name.lower() for trial in finished)
    noted = project / "curves.json"
    kept = json.loads(noted.read_text()) if noted.is_file() else {}
    begun = min(trial.datetime_start for trial in finished if trial.datetime_start)
    packages = ("segexp", "torch", "segmentation-models-pytorch", "optuna")
    return [
        "Learning curves, recorded by benchmarks/record_curves.py: "
        f"{meaning['objective']} after each epoch.",
        "Study: the space of studies/default.yaml at random, and its baseline; no pruning.",
        f"Command: {kept.get('command', 'segexp tune (not finished)')}",
        f"Trials: {', '.join(f'{number} {state}' for state, number in states.items())}",
        f"Date: {kept.get('recorded', begun.date())}",
        f"Machine: {kept.get('machine', machine())}",
        f"Versions: {', '.join(f'{name} {version(name)}' for name in packages)}",
        f"Data: {meaning['data']}",
        f"Common space: {meaning['common_space']}",
    ]


if __name__ == "__main__":
    main()
