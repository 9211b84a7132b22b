"""Replay recorded learning curves: how soon do samplers and pruners find a good configuration?

python benchmarks/time_to_target.py                    # the tables of docs/performance.md
python benchmarks/time_to_target.py --seeds 20 --only tpe    # a look
python benchmarks/time_to_target.py --half 1           # on half of the curves, with its own target

The target is the median, over seeds that are used for nothing else, of the best value that random
search without pruning has after 50 whole trials, which is its whole budget. It counts the
epochs until a complete trial reaches it, those of pruned trials included.
"""

import argparse
import math
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from study import machine

from harness.replay import Method, Outcome, Replay, Table, read_table
from segexp.study.config import Pruner, Sampler

Floats = NDArray[np.float64]

TABLE = Path(__file__).with_name("curves.csv")
TARGET_SEEDS = range(1_000, 1_200)
RESAMPLES = 2_000

RANDOM = Sampler(name="random")
TPE = Sampler(name="tpe")


def halving(factor: int, within_rungs: int = 0, **options: Any) -> Pruner:
    """Halving whose rungs compare all trials; from the second on only with within_rungs=1."""
    options = {"reduction_factor": factor, "within_rungs": within_rungs, **options}
    return Pruner(name="successive_halving", options=options)


def promotion(factor: int, **options: Any) -> Pruner:
    return halving(factor, promotion=True, **options)


def tpe(**options: Any) -> Sampler:
    return Sampler(name="tpe", options=options)


HYPERBAND = Pruner(name="hyperband", options={"min_resource": 1, "reduction_factor": 4})
YARDSTICK = Method("random, no pruning", RANDOM)
OPTUNA = Method("Optuna's defaults: TPE, median", TPE, Pruner(name="median"))
METHODS = [
    YARDSTICK,
    OPTUNA,
    Method("random, halving 2", RANDOM, halving(2)),
    Method("random, halving 3", RANDOM, halving(3)),
    Method("random, halving 4", RANDOM, halving(4)),
    Method("TPE, no pruning", TPE),
    Method("TPE, hyperband 4", TPE, HYPERBAND),
    Method("TPE, halving 2", TPE, halving(2)),
    Method("TPE, halving 3", TPE, halving(3)),
    Method("TPE, halving 4", TPE, halving(4)),
    Method("TPE, halving 3 from epoch 2", TPE, halving(3, min_resource=2)),
    Method("TPE, halving 3 from epoch 4", TPE, halving(3, min_resource=4)),
    Method("TPE, median from epoch 4", TPE, Pruner(name="median", options={"n_warmup_steps": 4})),
    Method("TPE after 5, no pruning", tpe(n_startup_trials=5)),
    Method("TPE after 5, halving 4", tpe(n_startup_trials=5), halving(4)),
    Method("TPE, halving 4, baseline first", TPE, halving(4), baseline_first=True),
    Method("TPE, median, baseline first", TPE, Pruner(name="median"), baseline_first=True),
    Method("random, promotion 3", RANDOM, promotion(3)),
    Method("random, promotion 4", RANDOM, promotion(4)),
    Method("TPE, promotion 2", TPE, promotion(2)),
    Method("TPE, promotion 3", TPE, promotion(3)),
    Method("TPE, promotion 4", TPE, promotion(4)),
    Method("TPE, promotion 5", TPE, promotion(5)),
    Method("TPE, promotion 2 from epoch 2", TPE, promotion(2, min_resource=2)),
    Method("TPE, promotion 3 from epoch 2", TPE, promotion(3, min_resource=2)),
    Method("TPE, promotion 4 from epoch 2", TPE, promotion(4, min_resource=2)),
    Method("TPE after 5, promotion 3", tpe(n_startup_trials=5), promotion(3)),
    Method("TPE after 5, promotion 4", tpe(n_startup_trials=5), promotion(4)),
    Method("TPE of 100 candidates, promotion 4", tpe(n_ei_candidates=100), promotion(4)),
    Method("TPE, hyperband 4, baseline first", TPE, HYPERBAND, baseline_first=True),
    Method("TPE, promotion 3, baseline first", TPE, promotion(3), baseline_first=True),
    Method("TPE, promotion 4, baseline first", TPE, promotion(4), baseline_first=True),
    Method(
        "TPE after 5, promotion 4, baseline first",
        tpe(n_startup_trials=5),
        promotion(4),
        baseline_first=True,
    ),
]
WITHIN = [
    Method("TPE, promotion 4, first rung within a mapping", TPE, promotion(4, within_rungs=1)),
    Method("TPE, promotion 4, all rungs within a mapping", TPE, promotion(4, within_rungs=9)),
    Method(
        "TPE, promotion 4, first rung within a mapping, baseline first",
        TPE,
        promotion(4, within_rungs=1),
        baseline_first=True,
    ),
]
METHODS += WITHIN
SLOW = [
    Method("GP, no pruning", Sampler(name="gp")),
    Method("GP, halving 3", Sampler(name="gp"), halving(3)),
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--half", type=int, choices=(1, 2), help="only this half of the table")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--trials", type=int, default=50, help="of a study, for a small table")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", default="", help="methods with this in their name")
    parser.add_argument("--slow", action="store_true", help="the GP sampler, too: 15 s a replay")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="segexp-curves-") as folder:
        if given.half:
            given.table = half_of(given.table, given.half, Path(folder))
        compare(given)


def half_of(path: Path, half: int, folder: Path) -> Path:
    """Write one half of a table's random configurations, with the baseline, to another file."""
    lines = path.read_text().splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if not line.startswith("#")) + 2
    middle = (first + len(lines) + 1) // 2
    rows = lines[first:middle] if half == 1 else lines[middle:]
    written = folder / f"half-{half}.csv"
    written.write_text("".join([*lines[:first], *rows]))
    return written


def compare(given: argparse.Namespace) -> None:
    table = read_table(given.table)
    budget = given.trials * table.curves.shape[1]
    methods = [
        method
        for method in METHODS + SLOW * given.slow
        if given.only.lower() in method.name.lower() or method in (YARDSTICK, OPTUNA)
    ]
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that replay
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:

        def replayed(
            method: Method, seeds: Sequence[int], target: float, workers: int
        ) -> list[Outcome]:
            common = given.table, method, target, budget, given.trials, workers
            return list(pool.map(replay, [(*common, seed) for seed in seeds], chunksize=5))

        target = float(np.median([o.best for o in replayed(YARDSTICK, TARGET_SEEDS, math.inf, 1)]))
        print_head(table, target)
        for workers in given.workers:
            print_table(
                {m.name: replayed(m, range(given.seeds), target, workers) for m in methods},
                workers,
                budget,
                given.trials,
            )


def replay(task: tuple[Path, Method, float, int, int, int, int]) -> Outcome:
    path, method, target, budget, trials, workers, seed = task
    return Replay(read_table(path), method, seed).run(target, budget, trials, workers)


def print_head(table: Table, target: float) -> None:
    proposed = [row for row in range(len(table.params)) if row != table.baseline]
    values = table.curves[proposed].max(axis=1)
    for line in table.head:
        print(f"- {line}")
    print(
        f"- Replayed with optuna {version('optuna')} and numpy {version('numpy')} on {machine()}.\n"
        f"- Target: {target:.4f}, which {np.sum(values >= target)} of {len(values)} "
        "random configurations reach.\n"
    )


def print_table(outcomes: dict[str, list[Outcome]], workers: int, budget: int, trials: int) -> None:
    epochs = {name: np.array([o.epochs for o in replays]) for name, replays in outcomes.items()}
    yardstick, defaults = epochs[YARDSTICK.name], epochs[OPTUNA.name]
    print(
        f"{len(yardstick)} seeds, {workers} worker{'s' * (workers > 1)}; intervals of 95%. "
        f"In a ratio a miss counts as {budget} epochs.\n\n"
        "| method | epochs to target, median | lower quartile | upper quartile "
        f"| times fewer than random | missed in {budget} epochs | worse than Optuna's defaults |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name, replayed in epochs.items():
        cells = [
            *(with_interval(replayed, share) for share in (0.5, 0.25, 0.75)),
            ratio_with_interval(np.minimum(yardstick, budget), np.minimum(replayed, budget)),
            f"{np.mean(np.isinf(replayed)):.0%}",
            ", ".join(worse_quartiles(replayed, defaults)) or "no",
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    print(
        f"\n| method | minutes to target, median | missed in {trials} trials "
        f"| best of {trials} trials, median | their epochs, median |\n|---|---|---|---|---|"
    )
    for name, replays in outcomes.items():
        minutes = quantile(np.array([o.seconds for o in replays]), 0.5) / 60
        cells = [
            "missed" if math.isinf(minutes) else f"{minutes:.1f}",
            f"{np.mean([o.trials > trials for o in replays]):.0%}",
            f"{np.median([o.best for o in replays]):.4f}",
            f"{np.median([o.epochs_of_first for o in replays]):.0f}",
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    print(flush=True)


def worse_quartiles(epochs: Floats, defaults: Floats) -> list[str]:
    shares = {"lower": 0.25, "median": 0.5, "upper": 0.75}
    return [w for w, share in shares.items() if quantile(epochs, share) > quantile(defaults, share)]


def with_interval(epochs: Floats, share: float) -> str:
    low, high = interval(quantile(resampled(epochs, 0), share))
    return f"{shown(quantile(epochs, share))} ({shown(low)} to {shown(high)})"


def ratio_with_interval(a: Floats, b: Floats) -> str:
    low, high = interval(quantile(resampled(a, 1), 0.5) / quantile(resampled(b, 2), 0.5))
    return f"{quantile(a, 0.5) / quantile(b, 0.5):.1f} ({low:.1f} to {high:.1f})"


def interval(resampled_values: Floats) -> tuple[float, float]:
    return quantile(resampled_values, 0.025), quantile(resampled_values, 0.975)


def quantile(values: Floats, share: float) -> Any:
    """A quantile of the last axis that is one of the values: of infinite ones there is no mean."""
    rank = max(math.ceil(share * values.shape[-1]) - 1, 0)
    return np.sort(values)[..., rank]


def resampled(values: Floats, seed: int) -> Floats:
    return np.random.default_rng(seed).choice(values, (RESAMPLES, len(values)))


def shown(epochs: float) -> str:
    return "missed" if math.isinf(epochs) else f"{epochs:.0f}"


if __name__ == "__main__":
    main()
