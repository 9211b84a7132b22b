"""Who survives rungs that compare trials of all mappings, or only those of one mapping?

python benchmarks/rung_survival.py              # the tables of docs/performance.md

On the learning curves of curves.csv. Of the configurations that are finally the best 15%: how many
are among the best quarter at the first rung? And in replayed studies (`replay.py`): how often is
the best configuration of a mapping, of those that the study tried, stopped for good?
"""

import argparse
from math import sqrt
from pathlib import Path

import numpy as np
from optuna.trial import TrialState
from scipy.stats import fisher_exact
from study import machine
from time_to_target import RANDOM, TPE, halving, promotion, quantile

from harness.replay import Method, Replay, Table, read_table

TABLE = Path(__file__).with_name("curves.csv")
FACTOR = 4
BEST = 0.15
TARGET = 0.4713
"""That of time_to_target.py."""

RULES = {"all trials": 0, "own mapping, then all": 1, "own mapping": 9}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--trials", type=int, default=50)
    given = parser.parse_args()
    table = read_table(TABLE)
    print(f"{len(table.params)} configurations, {given.seeds} replays a cell, on {machine()}.\n")
    print_survival(table)
    print_target(table, given.seeds)
    print_lost(table, given.seeds, given.trials)


def mappings_of(table: Table) -> np.ndarray:
    return np.array([str(params["mapping"]) for params in table.params])


def print_survival(table: Table) -> None:
    """Say who of the finally best is among the best quarter at epochs 1 and 4."""
    final, mapping = table.curves.max(axis=1), mappings_of(table)
    best = final >= np.quantile(final, 1 - BEST)
    names = sorted(set(mapping))
    print(f"| rung | compared with | {' | '.join(names)} | Fisher p |\n|---|---|---|---|---|")
    for epoch in (1, FACTOR):
        values = table.curves[:, epoch - 1]
        for rule in ("all trials", "own mapping"):
            fields = mapping if rule == "own mapping" else np.full(len(mapping), "")
            survives = np.zeros(len(mapping), bool)
            for field in set(fields):
                own = fields == field
                bar = np.sort(values[own])[::-1][max(own.sum() // FACTOR, 1) - 1]
                survives |= own & (values >= bar)
            counts = [[(best & survives & (mapping == n)).sum() for n in names]]
            totals = [(best & (mapping == n)).sum() for n in names]
            p = fisher_exact([counts[0], np.subtract(totals, counts[0])]).pvalue
            cells = [f"{c} of {t}" for c, t in zip(counts[0], totals, strict=True)]
            print(f"| epoch {epoch} | {rule} | {' | '.join(cells)} | {p:.3f} |")
    print()


def print_lost(table: Table, seeds: int, trials: int) -> None:
    """Say how often the best configuration of each mapping among the tried ones is stopped."""
    names = sorted(set(mappings_of(table)))
    print(
        f"| {trials} trials | rungs compare with | {' | '.join(f'lost, {n}' for n in names)} "
        "| lost, best of all | best of study, mean | epochs, mean |"
    )
    print("|---" * (len(names) + 5) + "|")
    for title, sampler, pruner in (
        ("random, halving 4", RANDOM, halving),
        ("TPE, promotion 4", TPE, promotion),
    ):
        for rule, within in RULES.items():
            method = Method(title, sampler, pruner(FACTOR, within_rungs=within))
            rows = np.array([outcome(table, method, s, trials, names) for s in range(seeds)])
            means = np.nanmean(rows, axis=0)
            error = sqrt(0.25 / seeds)
            cells = [f"{m:.0%}" for m in means[:-2]]
            print(
                f"| {title} | {rule} | {' | '.join(cells)} | {means[-2]:.4f} | {means[-1]:.0f} |",
                flush=True,
            )
    print(f"\nStandard error of a share: at most {error:.1%}.")


def outcome(table: Table, method: Method, seed: int, trials: int, names: list[str]) -> list[float]:
    """Run a study; return what it lost by mapping and of all, its best, and its epochs."""
    replay = Replay(table, method, seed)
    epochs = replay.advance(trials)
    final, mapping = table.curves.max(axis=1), mappings_of(table)
    ended = [t for t in replay.study.trials if t.state == TrialState.COMPLETE]
    complete = {table.params.index(dict(t.params)) for t in ended}

    def is_lost(rows: list[int]) -> float:
        return float(max(rows, key=lambda row: final[row]) not in complete) if rows else np.nan

    lost = [is_lost([row for row in replay.taken if mapping[row] == name]) for name in names]
    return [*lost, is_lost(replay.taken), max(t.value or 0.0 for t in ended), epochs]


def print_target(table: Table, seeds: int) -> None:
    """Say how many epochs it takes until a trial that is complete reaches the target."""
    print(f"| TPE, promotion 4, baseline first | epochs to {TARGET}: quartiles | missed in 450 |")
    print("|---|---|---|")
    for rule, within in RULES.items():
        method = Method(rule, TPE, promotion(FACTOR, within_rungs=within), baseline_first=True)
        epochs = np.array(
            [Replay(table, method, s).run(TARGET, 450, 0).epochs for s in range(seeds)]
        )
        low, middle, high = (quantile(epochs, share) for share in (0.25, 0.5, 0.75))
        cells = f"{low:.0f}, {middle:.0f}, {high:.0f} | {np.isinf(epochs).mean():.0%}"
        print(f"| {rule} | {cells} |", flush=True)
    print()


if __name__ == "__main__":
    main()
