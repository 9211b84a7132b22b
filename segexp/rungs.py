"""Pruning at rungs: successive halving and Hyperband, as they hold when trials are interrupted.

Optuna's own note in the storage what a trial had at a rung when it is asked there. A trial that
goes on after an interruption reports its past epochs at once, so it would be noted at the first
rung with the value of its last epoch; and the interrupted trial that it tries again would stay
among those that the others have to beat. Here the epochs that trials reported are all there is.
"""

from bisect import bisect_left
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState


class RungPruner(optuna.pruners.SuccessiveHalvingPruner):
    """Optuna's asynchronous successive halving, where trials that failed do not count.

    At the epochs ``min_resource * reduction_factor ** (min_early_stopping_rate + k)`` a trial goes
    on when it is among the best ``1 / reduction_factor`` of the trials that have a value there.
    Optuna's samplers and other pruners leave failed trials out as well. Values are finite, and the
    larger is the better.

    Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020.
    """

    def __init__(
        self,
        min_resource: int = 1,
        reduction_factor: int = 3,
        min_early_stopping_rate: int = 0,
        bootstrap_count: int = 0,
    ) -> None:
        """Make it.

        Args:
            min_resource: The epoch of the first rung, from 1.
            reduction_factor: From 2.
            min_early_stopping_rate: How many rungs are left out at the beginning.
            bootstrap_count: How many trials end at a rung before one may go on.

        Raises:
            ValueError: For a value out of its range, or one that is no whole number: Optuna's own
                takes these, and fails in a trial.
        """
        given = {
            "min_resource": min_resource,
            "reduction_factor": reduction_factor,
            "min_early_stopping_rate": min_early_stopping_rate,
            "bootstrap_count": bootstrap_count,
        }
        for name, value in given.items():
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"{name} is {value!r}, must be a whole number")
        super().__init__(**given)
        self._first_rung: int = min_resource * reduction_factor**min_early_stopping_rate
        self._factor = reduction_factor
        self._bootstrap = bootstrap_count

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether a trial ends here; it is asked after each epoch that it reports."""
        epoch = trial.last_step
        if epoch is None or not self._is_rung(epoch):
            return False
        value: float = trial.intermediate_values[epoch]
        others: list[float] = [
            other.intermediate_values[epoch]
            for other in study.get_trials(deepcopy=False)
            if other.state != TrialState.FAIL
            and other.number != trial.number
            and epoch in other.intermediate_values
        ]
        competing = sorted([*others, value], reverse=True)
        if len(competing) <= self._bootstrap:
            return True
        promoted = max(len(competing) // self._factor, 1)
        bar: float = competing[promoted - 1]
        return value < bar

    def _is_rung(self, epoch: int) -> bool:
        rung = self._first_rung
        while rung < epoch:
            rung *= self._factor
        return rung == epoch


class PlacedHyperbandPruner(optuna.pruners.HyperbandPruner):
    """Optuna's Hyperband, whose brackets follow a trial's place in the study.

    Optuna's own draws a trial's bracket from the study's name and the trial's number. So two arms
    that ask for the same params would be pruned by other rules for their names alone, and an
    interruption, whose trial is tried again under another number, would shift all that follow.

    Attributes:
        interrupted: The numbers of the study's interrupted trials, ascending; kept up to date by
            whoever asks for trials.
    """

    def __init__(self, label: str, **options: Any) -> None:
        """Make it; of studies with one ``label`` the trials in one place are in one bracket."""
        super().__init__(**options)
        self.interrupted: Sequence[int] = ()
        self._label = label

    def _try_initialization(self, study: optuna.Study) -> None:
        super()._try_initialization(study)
        self._pruners = [
            RungPruner(self._min_resource, self._reduction_factor, bracket, self._bootstrap_count)
            for bracket in range(len(self._pruners))
        ]

    def _get_bracket_id(self, study: optuna.Study, trial: FrozenTrial) -> int:
        place = trial.number - bisect_left(self.interrupted, trial.number)
        named: Any = SimpleNamespace(study_name=self._label)
        placed: Any = SimpleNamespace(number=place)
        return super()._get_bracket_id(named, placed)
