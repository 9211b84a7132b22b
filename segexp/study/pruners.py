"""The pruner of a study, in Optuna's terms, and what some pruners can do besides."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

from segexp.core.errors import InputError
from segexp.study.choices import PRUNERS, load
from segexp.study.config import Pruner
from segexp.study.standing import is_rival
from segexp.study.storage.several import as_failed, with_scores_alone


@runtime_checkable
class Promoting(Protocol):
    """A pruner whose stopped trials may be resumed later, from their checkpoints."""

    def promotable(self, trials: Sequence[FrozenTrial]) -> int | None:
        """Return the number of the stopped trial that is to be resumed first; None when none is."""

    def next_in_line(self, trials: Sequence[FrozenTrial]) -> set[int]:
        """Return the numbers of the stopped trials whose checkpoints are kept."""

    def will_be_next_in_line(self, trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> bool:
        """Whether a trial that is stopped now, at its last epoch, is one of `next_in_line`."""


@runtime_checkable
class Placing(Protocol):
    """A pruner that judges trials by their place in the study.

    Attributes:
        interrupted: The numbers of the study's interrupted trials, ascending, which take no place;
            kept up to date by whoever asks for trials.
    """

    interrupted: Sequence[int]


def make_pruner(pruner: Pruner, epochs: int, label: str = "study") -> BasePruner:
    """Make an Optuna pruner; its resource is epochs.

    Args:
        epochs: Of a whole trial.
        label: What Hyperband draws its brackets from: the study's name, or what its parts share.

    Raises:
        InputError: For an option that Optuna's class does not take.
    """
    row = PRUNERS[pruner.name]
    context = ((row.epochs, epochs), (row.label, label))
    given: dict[str, Any] = {option: value for option, value in context if option is not None}
    with named_in_faults("pruner", pruner.name):
        made: BasePruner = load(row.place)(**{**row.defaults, **given, **pruner.options})
        return made


def is_behind(trial: optuna.Trial, *, among_rivals: bool) -> bool:
    """Whether a pruner would end a trial after what it has reported.

    Args:
        among_rivals: Whether it is compared with its rivals alone, as where there are costs or
            constraints (`segexp.study.standing.is_rival`). Whatever pruner it is sees the others
            as failed, and the score as the only objective.
    """
    study = trial.study
    if not among_rivals:
        return trial.should_prune()
    own = study.get_trials(deepcopy=False)[trial.number]
    rivals = with_scores_alone(study, lambda t: t if is_rival(t, own) else as_failed(t))
    return study.pruner.prune(rivals, own)


def patient(patience: int = 2, **options: Any) -> BasePruner:
    """Make a median pruner that waits for ``patience`` epochs without progress."""
    return optuna.pruners.PatientPruner(optuna.pruners.MedianPruner(), patience, **options)


@contextmanager
def named_in_faults(what: str, name: str) -> Iterator[None]:
    """Turn whatever Optuna's class raises for its options into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # a TypeError for a name; for a value nearly anything
        raise InputError(f"{what}: {name}: options: {error}") from None
