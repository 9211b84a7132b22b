"""What a person is shown of a study and its trials."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from segexp.evaluation.evaluate import Evaluation
from segexp.training.fit import EpochResult, Step

if TYPE_CHECKING:
    from segexp.study.so_far import SoFar


class Display(Protocol):
    """Shows the progress of a trial."""

    def say(self, text: str) -> None:
        """Show one line."""

    def step(self, step: Step, total_epochs: int) -> None:
        """A batch was trained on."""

    def epoch(self, result: EpochResult[Evaluation], value: float, total_epochs: int) -> None:
        """An epoch was trained and validated; ``value`` is the objective."""

    def doing(self, what: str) -> None:
        """Show what a trial does when it trains no more: ``scoring`` or ``writing``."""


class StudyDisplay(Display, Protocol):
    """Shows the progress of a study."""

    def caching(self, done: int, total: int) -> None:
        """Show how many images are decoded into the cache."""

    def studied(self, so_far: "SoFar") -> None:
        """Show how far a study is, of those that take turns: before its trials, and at each end."""

    def trial_started(self, number: int, place: int, total: int, params: Mapping[str, Any]) -> None:
        """Show that a trial begins; its configuration is the ``place``-th of ``total``."""

    def trial_ended(self, number: int, state: str, text: str) -> None:
        """Show that a trial ended: COMPLETE, PRUNED, FAIL, INTERRUPTED or DISCARDED."""

    def beside(self) -> "StudyDisplay":
        """Return a display for another trial that runs at the same time."""
