"""Run a study with several seeds: after how many epochs does a trial reach a target?

python benchmarks/real_studies.py --target 0.4713                 # the default study, 5 seeds
python benchmarks/real_studies.py --pruner median --seeds 1 2     # with another pruner

It confirms what benchmarks/time_to_target.py replays: the seeds are the sampler's, and a stopped
trial that is resumed trains its later epochs only. One worker, so that epochs have an order.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import optuna
from optuna.trial import TrialState
from study import machine, segexp

from segexp.study.attributes import is_interrupted
from segexp.study.promotion import epochs_judged
from segexp.study.storage.open import open_storage


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", default="default")
    parser.add_argument("--target", type=float, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--pruner", help="another one, with Optuna's options")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    print(f"{given.trials} trials of study {given.study} on {machine()}.\n")
    print("| seed | epochs to target | best | epochs in all | complete | resumed |")
    print("|---|---|---|---|---|---|", flush=True)
    reached, bests = [], []
    with tempfile.TemporaryDirectory(prefix="segexp-real-") as directory:
        project = Path(directory) / "project"
        segexp("init", str(project))
        for seed in given.seeds:
            name = f"{given.study}-seed-{seed}"
            other = ["--set", f"pruner={given.pruner}"] if given.pruner else []
            budget = ["--trials", str(given.trials), "--workers", str(given.workers)]
            named = ["--study-name", name, "--set", f"sampler.seed={seed}", *other]
            segexp("tune", given.study, *budget, *named, "--project", str(project))
            study = optuna.load_study(study_name=name, storage=open_storage(None, project))
            epochs, best, complete, resumed = follow(study.trials, given.target)
            reached.append(epochs)
            bests.append(best)
            row = [seed, epochs or "missed", f"{best:.4f}", spent(study.trials), complete, resumed]
            print("|", " | ".join(map(str, row)), "|", flush=True)
    found = [epochs for epochs in reached if epochs is not None]
    print(
        f"\nReached by {len(found)} of {len(reached)}"
        + (f", after {statistics.median(found):.0f} epochs (median of these)" if found else "")
        + f"; best, median: {statistics.median(bests):.4f}."
    )
    if not found:
        sys.exit(1)


def follow(
    trials: list[optuna.trial.FrozenTrial], target: float
) -> tuple[int | None, float, int, int]:
    """Return the epochs to the target, the best value, and how many are complete and promoted."""
    ended = sorted(
        (t for t in trials if t.state.is_finished() and not is_interrupted(t)),
        key=lambda t: t.datetime_complete.timestamp() if t.datetime_complete else 0.0,
    )
    values = {t.number: t.value for t in ended if t.state == TrialState.COMPLETE and t.value}
    first = next((n for n, t in enumerate(ended) if values.get(t.number, -1) >= target), None)
    epochs = None if first is None else sum(trained(t, trials) for t in ended[: first + 1])
    resumed = sum(epochs_judged(t, trials) > 0 for t in ended)
    return epochs, max(values.values()), len(values), resumed


def spent(trials: list[optuna.trial.FrozenTrial]) -> int:
    return sum(trained(trial, trials) for trial in trials)


def trained(trial: optuna.trial.FrozenTrial, trials: list[optuna.trial.FrozenTrial]) -> int:
    """Return how many epochs a trial trained itself."""
    return len(trial.intermediate_values) - epochs_judged(trial, trials)


if __name__ == "__main__":
    main()
