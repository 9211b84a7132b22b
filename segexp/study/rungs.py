"""Rungs: successive halving, with promotion, and Hyperband, as they hold in interrupted studies.

Optuna's own pruners store a trial's value at a rung when they are asked there. A retry reports its
past epochs at once, so the first rung would get the value of its last epoch, and the interrupted
trial would stay among those to beat. Here only the epochs that trials reported count.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from segexp.study.attributes import COSTS
from segexp.study.promotion import epochs_judged, first_number, promoted
from segexp.study.standing import is_rival

KEPT_AT_RUNG = 2
"""How many stopped trials of a rung keep a checkpoint, which is four times as large as a model and
may take as long to write as an epoch."""


class RungPruner(optuna.pruners.SuccessiveHalvingPruner):
    """Optuna's asynchronous successive halving, where trials that failed do not count.

    At the epochs ``min_resource * reduction_factor ** (min_early_stopping_rate + k)`` a trial goes
    on if it is among the best ``1 / reduction_factor`` of the trials that have a value there.
    Optuna's samplers and other pruners leave failed trials out, too. Values are finite; larger is
    better.

    Where trials differ in their mapping, a rung compares each with those of its own mapping: a
    model of many classes learns more slowly, and after one epoch the best of them are behind models
    of few classes that they end up ahead of. From the rung ``within_rungs`` on all are compared.

    In a study with costs or constraints a trial is compared with its rivals alone; see
    `segexp.study.standing.is_rival`.

    With ``promotion`` a stopped trial is resumed once it is among the best at its rung because
    others did worse. That is the paper's algorithm; Optuna has the part that stops.

    Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020.

    Attributes:
        promotion: Whether stopped trials may be resumed.
    """

    def __init__(
        self,
        min_resource: int = 1,
        reduction_factor: int = 3,
        min_early_stopping_rate: int = 0,
        bootstrap_count: int = 0,
        promotion: bool = False,
        within_rungs: int = 1,
    ) -> None:
        """Make it.

        Args:
            min_resource: The epoch of the first rung, from 1.
            reduction_factor: From 2.
            min_early_stopping_rate: How many rungs are left out at the beginning.
            bootstrap_count: How many trials end at a rung before one may pass it.
            promotion: Whether stopped trials may be resumed; see `promotable`.
            within_rungs: At how many rungs, from the first, a trial is compared only with those of
                its own mapping; 0 for none.

        Raises:
            ValueError: For a value out of its range, or not a whole number: Optuna's own pruner
                accepts these, and fails in a trial.
        """
        given = {
            "min_resource": min_resource,
            "reduction_factor": reduction_factor,
            "min_early_stopping_rate": min_early_stopping_rate,
            "bootstrap_count": bootstrap_count,
        }
        for name, value in {**given, "within_rungs": within_rungs}.items():
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"{name} is {value!r}, must be a whole number")
        if within_rungs < 0:
            raise ValueError(f"within_rungs is {within_rungs}, must be 0 or more")
        if not isinstance(promotion, bool):
            raise ValueError(f"promotion is {promotion!r}, must be true or false")
        super().__init__(**given)
        self._first_rung: int = min_resource * reduction_factor**min_early_stopping_rate
        self._factor = reduction_factor
        self._bootstrap = bootstrap_count
        self._within = within_rungs
        self.promotion = promotion

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether a trial ends here; it is asked after each epoch that it reports."""
        epoch = trial.last_step
        if epoch is None or not self._is_rung(epoch):
            return False
        trials = study.get_trials(deepcopy=False)
        if epoch <= epochs_judged(trial, trials):
            return False
        reached = self._reached(epoch, trials)[self._field(epoch, trial)]
        # Optuna reads the attributes of the one that it gives here anew, each time.
        reached.setdefault(first_number(trial, trials), trial)
        return trial.intermediate_values[epoch] < self._bar(epoch, trial, reached)

    def promotable(self, trials: Sequence[FrozenTrial]) -> int | None:
        """Return the number of the stopped trial that is to be resumed first; None when none is.

        Of those that are among the best of their rung, the one that came furthest.
        """
        stopped = self._stopped(trials)
        reached = {
            epoch: self._reached(epoch, trials) for epoch in {epoch for epoch, _, _ in stopped}
        }
        bars: dict[tuple[Any, ...], float] = {}
        found = []
        for epoch, value, number in stopped:
            own = trials[number]
            field = self._field(epoch, own)
            judged = (epoch, field, *own.user_attrs.get(COSTS, ()))  # by the same rivals
            if judged not in bars:
                bars[judged] = self._bar(epoch, own, reached[epoch][field])
            if value >= bars[judged]:
                found.append((epoch, value, number))
        return max(found)[-1] if found else None

    def next_in_line(self, trials: Sequence[FrozenTrial]) -> set[int]:
        """Return the numbers of the best stopped trials of each rung, whose checkpoints are kept.

        For each mapping, if a rung compares within one. Any other trial that is resumed after all
        begins at epoch 1; that is rare.
        """
        best_first = sorted(self._stopped(trials), reverse=True)
        in_field = defaultdict[tuple[int, str], list[int]](list)
        for epoch, _, number in best_first:
            in_field[epoch, self._field(epoch, trials[number])].append(number)
        return {number for numbers in in_field.values() for number in numbers[:KEPT_AT_RUNG]}

    def will_be_next_in_line(self, trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> bool:
        """Whether a trial that is stopped now, at its last epoch, is one of `next_in_line`."""
        own = trial.last_step or 0
        field = self._field(own, trial)
        at_rung = [
            value
            for epoch, value, number in self._stopped(trials)
            if epoch == own and self._field(epoch, trials[number]) == field
        ]
        better = sum(value >= trial.intermediate_values[own] for value in at_rung)
        return self.promotion and better < KEPT_AT_RUNG

    def _stopped(self, trials: Sequence[FrozenTrial]) -> list[tuple[int, float, int]]:
        """Return epoch, value and number of each stopped trial that is not resumed yet."""
        if not self.promotion:
            return []
        resumed = promoted(trials)
        return [
            (epoch, trial.intermediate_values[epoch], trial.number)
            for trial in trials
            if trial.state == TrialState.PRUNED
            and trial.number not in resumed
            and (epoch := trial.last_step) is not None
            and self._is_rung(epoch)
        ]

    def _bar(self, epoch: int, own: FrozenTrial, reached: Mapping[int, FrozenTrial]) -> float:
        """Return the least value with which a trial passes a rung that others have reached."""
        values = [t.intermediate_values[epoch] for t in reached.values() if is_rival(t, own)]
        if len(values) <= self._bootstrap:
            return math.inf
        to_go_on = max(len(values) // self._factor, 1)
        return sorted(values, reverse=True)[to_go_on - 1]

    def _is_rung(self, epoch: int) -> bool:
        rung = self._first_rung
        while rung < epoch:
            rung *= self._factor
        return rung == epoch

    def _shared(self, epoch: int) -> str:
        """Return which parameter is the same in all rivals at a rung; an empty name for none."""
        first_of_all: int = self._first_rung * self._factor**self._within
        return "mapping" if epoch < first_of_all else ""

    def _field(self, epoch: int, trial: FrozenTrial) -> str:
        """Return what the rivals of a trial at a rung share with it: its mapping, or nothing."""
        return str(trial.params.get(self._shared(epoch), ""))

    def _reached(
        self, epoch: int, trials: Sequence[FrozenTrial]
    ) -> defaultdict[str, dict[int, FrozenTrial]]:
        """Return the last trial of each configuration that has reached a rung.

        By field, and number of the configuration's first trial.
        """
        shared = self._shared(epoch)
        reached = defaultdict[str, dict[int, FrozenTrial]](dict)
        for t in trials:
            if t.state != TrialState.FAIL and epoch in t.intermediate_values:
                reached[t.params.get(shared, "")][first_number(t, trials)] = t
        return reached


class PlacedHyperbandPruner(optuna.pruners.HyperbandPruner):
    """Optuna's Hyperband, whose brackets follow a trial's place in the study.

    Optuna's own draws a trial's bracket from the study's name and the trial's number. Two parts of
    a study that ask for the same params would be pruned by different rules for their names alone,
    and an interrupted trial, tried again under another number, would shift all that follow.

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
