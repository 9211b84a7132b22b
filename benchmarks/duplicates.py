"""What a study makes of params that its sampler suggests a second time, replayed.

python benchmarks/duplicates.py     # half an hour on one core

In a space of few points a sampler soon suggests what was tried. Three answers are compared:

    again     trains it again; with a fixed seed that comes out the same, bit for bit
    reseeded  trains it with another seed, and a point's score is the mean of its seeds
    new       asks for a point that was not tried, and ends when there is none
    (segexp.study.untried)

Points have the params of the default study at two or three levels each, and the true score of the
nearest configuration in benchmarks/curves.csv. A training scores that plus a normal error of
standard deviation 0.015, which is what seeds make on this data. What counts is the true score of
the point that a study calls the best, under that of the best point.
"""

import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from harness.replay import Table, place_of, read_table
from segexp.study.config import Sampler
from segexp.study.samplers import make_sampler, suggest
from segexp.study.space import Choices, Parameter
from segexp.study.storage.open import hush_optuna
from segexp.study.untried import Points, UntriedSampler, key_of

SEED_DEVIATION = 0.015
REPEATS = 60
TRIALS = (10, 25, 50)
LEVELS = {
    "12 points": {"encoder": 2, "loss": 3, "learning_rate": 2},
    "36 points": {"encoder": 3, "loss": 3, "learning_rate": 4},
    "108 points": {"encoder": 3, "loss": 3, "learning_rate": 4, "schedule": 3},
}


def main() -> None:
    hush_optuna()
    table = read_table(Path(__file__).with_name("curves.csv"))
    print("space       sampler  trials  answer    trainings  below the best point (mean, s.e.)")
    for (label, levels), name, trials in itertools.product(
        LEVELS.items(), ("tpe", "random"), TRIALS
    ):
        space = levelled(table, levels)
        truth = true_scores(table, space)
        for answer in ("again", "reseeded", "new"):
            found = [study(space, truth, name, trials, answer, seed) for seed in range(REPEATS)]
            below = max(truth.values()) - np.array([truth[key] for key, _ in found])
            spent = np.mean([trainings for _, trainings in found])
            error = below.std(ddof=1) / REPEATS**0.5
            print(
                f"{label:<11} {name:<8} {trials:>6}  {answer:<9} {spent:>8.1f}  "
                f"{below.mean():.4f} ({error:.4f})",
                flush=True,
            )


def levelled(table: Table, levels: dict[str, int]) -> dict[str, Parameter]:
    """Return a space with so many choices of each parameter."""
    space: dict[str, Parameter] = {}
    for name, count in levels.items():
        parameter = table.space[name]
        if isinstance(parameter, Choices):
            space[name] = Choices(parameter.choices[:count])
        else:
            ends = (parameter.low, parameter.high)
            values = np.geomspace(*ends, count) if parameter.log else np.linspace(*ends, count)
            space[name] = Choices(tuple(map(float, values)))
    return space


def true_scores(table: Table, space: dict[str, Parameter]) -> dict[Any, float]:
    """Return the score of each point: that of the nearest configuration in the table."""
    best = table.curves.max(axis=1)
    names = list(table.space)
    is_choice = np.array([isinstance(p, Choices) for p in table.space.values()])
    base = table.params[table.baseline if table.baseline is not None else int(best.argmax())]
    scores = {}
    for params in Points(space).listed():
        place = np.array(place_of({**base, **params}, table.space))
        apart = np.abs(table.places - place)
        distances = np.where(is_choice, apart > 0, apart)
        # What the space varies weighs more than what it leaves as in the baseline.
        weights = np.array([10.0 if name in params else 1.0 for name in names])
        scores[key_of(params)] = float(best[(distances * weights).sum(axis=1).argmin()])
    return scores


def study(
    space: dict[str, Parameter],
    truth: dict[Any, float],
    name: str,
    trials: int,
    answer: str,
    seed: int,
) -> tuple[Any, int]:
    """Run a study; return the point that it calls the best, and how many trainings it took."""
    random = np.random.default_rng([seed, trials])
    records: dict[Any, list[float]] = defaultdict(list)
    optuna_study = optuna.create_study(direction="maximize")
    points, spent = Points(space), 0
    for number in range(trials):
        sampler = make_sampler(Sampler(name=name, seed=seed * 10_000), space, number)
        if answer == "new":
            if points.are_all_in(records.keys()):
                break
            sampler = UntriedSampler(sampler, points, records.keys(), number)
        optuna_study.sampler = sampler
        trial = optuna_study.ask()
        key = key_of(suggest(trial, space))
        if answer == "again" and records[key]:
            score = records[key][0]
        else:
            score = truth[key] + random.normal(0, SEED_DEVIATION)
        records[key].append(score)
        spent += 1
        optuna_study.tell(trial, score)
    means = {key: np.mean(scores) for key, scores in records.items() if scores}
    return max(means, key=lambda key: means[key]), spent


if __name__ == "__main__":
    main()
