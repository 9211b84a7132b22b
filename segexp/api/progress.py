"""The progress of trainings as lines of text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from segexp.core.credentials import without_credentials
from segexp.evaluation.evaluate import Evaluation
from segexp.study.so_far import SoFar
from segexp.training.fit import EpochResult, Step


@dataclass(frozen=True)
class Lines:
    """A `segexp.study.display.StudyDisplay` that passes on a line for each thing that is said.

    Attributes:
        write: Called with each line, without its end; such as ``print``.
    """

    write: Callable[[str], object]

    def say(self, text: str) -> None:
        """Pass on a line."""
        self.write(without_credentials(text))

    def caching(self, done: int, total: int) -> None:
        """Say when all images are decoded."""
        if done == total:
            self.say(f"read {total} images")

    def studied(self, so_far: SoFar) -> None:
        """Say nothing of the study as a whole: each trial has its lines."""

    def trial_started(self, number: int, place: int, total: int, params: Mapping[str, Any]) -> None:
        """Say what a trial tries."""
        shown = (f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in params.items())
        self.say(f"trial {number} ({place}/{total})  {'  '.join(shown)}")

    def trial_ended(self, number: int, state: str, text: str) -> None:
        """Say how a trial ended."""
        self.say(f"trial {number}  {state}  {text}")

    def step(self, step: Step, total_epochs: int) -> None:
        """Say nothing of a batch."""

    def epoch(self, result: EpochResult[Evaluation], value: float, total_epochs: int) -> None:
        """Say nothing of an epoch: a study has hundreds."""

    def doing(self, what: str) -> None:
        """Say nothing of it: the end of the trial is a line."""

    def beside(self) -> "Lines":
        """Return itself: a line says which trial it is of."""
        return self
