"""Replay a table of learning curves through Optuna's samplers and pruners, as segexp calls them.

A sampler proposes params of the whole search space. The trial that is run is the configuration of
the table that is nearest and was not run yet in this replay, and Optuna is told of that one's
params. The distance is the sum over parameters: 1 for another choice, and for a number the
difference on its scale (logarithmic where it is searched so), of which the range is 1.
"""

import csv
import heapq
import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import TrialState

from segexp.study.attributes import PROMOTES
from segexp.study.config import Pruner, Sampler, read_study
from segexp.study.pruners import make_pruner
from segexp.study.read_space import read_space
from segexp.study.rungs import RungPruner
from segexp.study.samplers import make_sampler, suggest
from segexp.study.space import Choices, Parameter
from segexp.study.storage.open import hush_optuna

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Table:
    """Learning curves of N configurations over E epochs.

    Attributes:
        params: Of each configuration.
        curves: The objective after each epoch, N x E.
        seconds: Of each whole trial, N.
        places: Where the configurations are in the search space, N x parameters: the index of a
            choice, or 0 to 1 on a number's scale.
        baseline: The index of the study's baseline, which no sampler proposes; None without one.
        space: The search space.
        head: The table's provenance, line by line.
    """

    params: list[dict[str, Any]]
    curves: NDArray[np.float64]
    seconds: NDArray[np.float64]
    places: NDArray[np.float64]
    baseline: int | None
    space: Mapping[str, Parameter]
    head: list[str]


@dataclass(frozen=True)
class Method:
    """A sampler and a pruner, by the names and options of a study file.

    Attributes:
        name: What the tables call it.
        sampler: The sampler; its seed is replaced.
        pruner: The pruner.
        baseline_first: Whether the study's baseline is the first trial, as in segexp.
    """

    name: str
    sampler: Sampler
    pruner: Pruner = Pruner(name="none")  # noqa: RUF009 - it is frozen
    baseline_first: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a replay came to.

    Attributes:
        epochs: How many epochs all workers together had trained when a trial was complete that
            reached the target; infinity when none was.
        seconds: When that was.
        trials: How many configurations had been begun then; infinity likewise.
        best: The best value of a complete trial among the first trials (as many as a study has).
        epochs_of_first: How many epochs these first trials took.
    """

    epochs: float
    seconds: float
    trials: float
    best: float
    epochs_of_first: int


@dataclass(frozen=True)
class Training:
    """A trial under way.

    Attributes:
        number: Of its configuration, from 0 in the order in which they were begun.
        epochs: Yields how long an epoch takes, each time that one is to be trained.
        is_new: Whether it began from its first epoch.
    """

    number: int
    epochs: Generator[float, None, float]
    is_new: bool


@cache
def read_table(path: Path) -> Table:
    """Read what record_curves.py wrote."""
    where, study, config = read_study(ROOT, "default", {})
    space = read_space(str(where), study, config).space
    lines = path.read_text().splitlines()
    head = [line[2:] for line in lines if line.startswith("#")]
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    epochs = sum(name.startswith("epoch_") for name in rows[0])
    params = [
        {
            name: row[name] if isinstance(parameter, Choices) else float(row[name])
            for name, parameter in space.items()
        }
        for row in rows
    ]
    origins = [row["origin"] for row in rows]
    return Table(
        params=params,
        curves=np.array([[float(r[f"epoch_{e}"]) for e in range(1, epochs + 1)] for r in rows]),
        seconds=np.array([float(row["seconds"]) for row in rows]),
        places=np.array([place_of(p, space) for p in params]),
        baseline=origins.index("baseline") if "baseline" in origins else None,
        space=space,
        head=head,
    )


def place_of(params: Mapping[str, Any], space: Mapping[str, Parameter]) -> list[float]:
    """Say where params are in the space: see `Table.places`."""
    place: list[float] = []
    for name, parameter in space.items():
        if isinstance(parameter, Choices):
            place.append(parameter.choices.index(params[name]))
            continue
        scale = math.log if parameter.log else float
        low, high = scale(parameter.low), scale(parameter.high)
        place.append((scale(params[name]) - low) / (high - low))
    return place


class Replay:
    """One study over a table; each configuration is run once at most."""

    def __init__(self, table: Table, method: Method, seed: int) -> None:
        """Begin it; replays of one seed are the same."""
        hush_optuna()
        self.table = table
        self.method = method
        self.study = optuna.create_study(
            direction="maximize",
            study_name=f"replay-{seed}",  # Hyperband draws its brackets from it
            sampler=optuna.samplers.RandomSampler(seed=0),
            pruner=make_pruner(method.pruner, table.curves.shape[1], f"replay-{seed}"),
        )
        self.free = np.ones(len(table.params), dtype=bool)
        if table.baseline is not None:
            self.free[table.baseline] = False
        self.seed = seed * 10_000
        self.is_choice = np.array([isinstance(p, Choices) for p in table.space.values()])
        self.taken: list[int] = []  # configurations in the order in which they were begun

    def run(self, target: float, budget: int, trials: int, workers: int = 1) -> Outcome:
        """Run trials until the target is reached and the first trials are done, or all is spent.

        Args:
            target: The value to reach.
            budget: How many epochs there are.
            trials: How many trials a study has.
            workers: How many trials run at a time; one takes as long as in the table.
        """
        spent, first_to_come = 0, trials
        now, best, best_of_first, epochs_of_first = 0.0, -math.inf, -math.inf, 0
        reached = (math.inf, math.inf, math.inf)
        running: list[tuple[float, int, Training]] = []  # by the time when the epoch ends
        while spent < budget and (reached[0] == math.inf or first_to_come > 0):
            while len(running) < workers and (training := self._next()) is not None:
                heapq.heappush(running, (now + next(training.epochs), training.number, training))
            if not running:
                break  # the table is used up
            now, number, training = heapq.heappop(running)
            spent += 1
            epochs_of_first += number < trials
            try:
                heapq.heappush(running, (now + next(training.epochs), number, training))
                continue
            except StopIteration as ended:
                value: float = ended.value
            best = max(best, value)
            if number < trials:
                first_to_come -= training.is_new
                best_of_first = max(best_of_first, value)
            if best >= target and reached[0] == math.inf:
                reached = (spent, now, len(self.taken))
        return Outcome(*reached, best_of_first, epochs_of_first)

    def advance(self, trials: int) -> int:
        """Run trials one at a time, as a study of so many ends: all begun, none to be promoted.

        A second call with more trials continues, and ends where a single call would.

        Returns:
            How many epochs this took.
        """
        spent = 0
        while (training := self._next(trials)) is not None:
            spent += sum(1 for _ in training.epochs)
        return spent

    def _next(self, most: int | None = None) -> Training | None:
        """Take what is to be trained next: a trial that is promoted, or a new one of so many."""
        trials, pruner = self.study.get_trials(deepcopy=False), self.study.pruner
        number = pruner.promotable(trials) if isinstance(pruner, RungPruner) else None
        if number is not None:
            row = self.table.params.index(dict(trials[number].params))
            self.study.enqueue_trial(self.table.params[row], user_attrs={PROMOTES: number})
            trial = self.study.ask()
            suggest(trial, self.table.space)
            epochs = self._train(trial, row, trials[number].last_step or 0)
            return Training(self.taken.index(row), epochs, is_new=False)
        if not self.free.any() or len(self.taken) == most:
            return None
        trial, row = self._ask()
        self.taken.append(row)
        return Training(len(self.taken) - 1, self._train(trial, row, 0), is_new=True)

    def _train(self, trial: optuna.Trial, row: int, past: int) -> Generator[float, None, float]:
        """Yield how long each epoch takes; return the trial's value, -infinity for a pruned one."""
        curve: list[float] = self.table.curves[row].tolist()
        for epoch, value in enumerate(curve, start=1):
            if epoch > past:
                yield self.table.seconds[row] / len(curve)
            trial.report(value, epoch)
            # As in segexp.study.next_trial, there is no asking after the last epoch.
            if past < epoch < len(curve) and trial.should_prune():
                self.study.tell(trial, state=TrialState.PRUNED)
                return -math.inf
        self.study.tell(trial, max(curve))
        return max(curve)

    def _ask(self) -> tuple[optuna.Trial, int]:
        """Take the next trial, and put the params of the nearest free configuration into it."""
        table = self.table
        before = len(self.study.get_trials(deepcopy=False))
        sampler = self.method.sampler.model_copy(update={"seed": self.seed})
        self.study.sampler = make_sampler(sampler, table.space, before)
        first = table.baseline if before == 0 and self.method.baseline_first else None
        if first is not None:
            self.study.enqueue_trial(table.params[first])
        trial = self.study.ask()
        proposed = place_of(suggest(trial, table.space), table.space)
        row = self._nearest(np.array(proposed)) if first is None else first
        self.free[row] = False
        for name, distribution in trial.distributions.items():
            value = distribution.to_internal_repr(table.params[row][name])
            self.study._storage.set_trial_param(trial._trial_id, name, value, distribution)
        return trial, row

    def _nearest(self, place: NDArray[np.float64]) -> int:
        apart = np.abs(self.table.places - place)
        distances = np.where(self.is_choice, apart > 0, apart).sum(axis=1)
        return int(np.where(self.free, distances, math.inf).argmin())
