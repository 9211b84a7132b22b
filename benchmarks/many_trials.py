"""What segexp does for one trial beside its training, in studies that have many, as Markdown.

python benchmarks/many_trials.py                    # studies of 500, 2,000 and 10,000 trials

The studies are in memory, so that segexp's own work is measured, without Optuna's samplers and
databases. `RungPruner.next_in_line` is asked once a trial of successive halving with
promotion, `not_taken` three times a final training of an A/B study.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import optuna
from study import machine

from harness.ended_trials import PRUNERS, ended_trials
from segexp.study.budget import not_taken
from segexp.study.rungs import RungPruner
from segexp.study.storage.open import hush_optuna

TURNS = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, nargs="+", default=[500, 2_000, 10_000])
    given = parser.parse_args()
    hush_optuna()
    print(f"On {machine()}.\n")
    print("| trials | next_in_line, ms | promotable, ms | not_taken, ms |\n|---|---|---|---|")
    for count in given.trials:
        pruner = RungPruner(**PRUNERS["successive_halving"])
        study = optuna.create_study(direction="maximize")
        study.enqueue_trial({})  # number 0, as a study's baseline
        study.add_trials(ended_trials(count, 0.1))
        trials = study.get_trials(deepcopy=False)
        listed = [trial.params for trial in trials]
        calls: list[Callable[[], Any]] = [
            partial(pruner.next_in_line, trials),
            partial(pruner.promotable, trials),
            partial(not_taken, listed, trials),
        ]
        print(f"| {count:,} | {' | '.join(f'{milliseconds(call):,.1f}' for call in calls)} |")


def milliseconds(call: Callable[[], Any]) -> float:
    """Return what a call takes, the shortest of some turns."""
    taken = []
    for _ in range(TURNS):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return 1_000 * min(taken)


if __name__ == "__main__":
    main()
