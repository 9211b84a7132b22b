"""What people look at while a study runs: written again every now and then.

Reading a study takes time in proportion to its trials. So they are written the less often the
longer that takes, and all of it together takes a small part of the study's time.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from segexp import tracking
from segexp.core.errors import first_line
from segexp.evaluation.evaluate import Evaluation
from segexp.report.trial_gallery import TRIALS_FILE
from segexp.study.display import StudyDisplay
from segexp.study.note import write_note
from segexp.study.open import OpenStudy
from segexp.study.results_folder import draw_trials, results_folder, write_files, write_results
from segexp.study.so_far import SoFar
from segexp.study.trial_pictures import WHILE_RUNNING
from segexp.training.fit import EpochResult, Step

EVERY_SECONDS = 20.0
"""At least so long after the folder was written it is written again."""

PARTS = 20
"""And at least so many times as long as writing it took: at most a 20th of the time."""


class WhenDue:
    """What writes, and when it did so last.

    Args:
        clock: Returns seconds.
    """

    def __init__(
        self, write: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._due = -float("inf")

    def write_if_due(self) -> None:
        """Write, unless that was a short time ago."""
        begun = self._clock()
        if begun < self._due:
            return
        self._write()
        ended = self._clock()
        self._due = ended + max(EVERY_SECONDS, PARTS * (ended - begun))


class Trying:
    """Calls what writes while a study runs; a fault is said once, and ends nothing."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._failed: set[object] = set()

    def write(self, what: object, write: Callable[[], object]) -> None:
        """Call a function that writes; if it fails, say so unless that was said."""
        try:
            write()
        except Exception as error:
            if what not in self._failed:
                self._failed.add(what)
                reason = getattr(error, "strerror", None) or first_line(error)
                self._say(f"{what} cannot be written, and the study goes on: {reason}")


class ResultsFolder:
    """The folder and the note of a running study.

    Args:
        clock: Returns seconds.
    """

    def __init__(
        self,
        opened: OpenStudy,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._opened = opened
        self._trying = Trying(say)
        self._when_due = WhenDue(self._write, clock)

    def write_if_due(self) -> None:
        """Write folder and note unless that was a short time ago."""
        self._when_due.write_if_due()

    def _write(self) -> None:
        project = self._opened.plan.base.project
        self.trying(self._write_trials)
        self.trying(lambda: write_results(project, self._opened.study, is_live=True))
        self.write_note(is_live=True)

    def _write_trials(self) -> None:
        """Write what the trials predicted, as far as that is read in a moment."""
        project, uri = self._opened.plan.base.project, self._opened.experiment.uri
        if not tracking.is_behind(project, uri):
            page = draw_trials(project, uri, self._opened.study, WHILE_RUNNING)
            if page is not None:
                write_files(project, self._opened.study, {TRIALS_FILE: page})

    def write_note(self, *, is_live: bool) -> None:
        """Write the note in MLflow."""
        self._trying.write("its note in MLflow", lambda: write_note(self._opened, is_live=is_live))

    def trying(self, write: Callable[[], object]) -> None:
        """Call what writes the folder; if it fails, say so unless that was said."""
        project = self._opened.plan.base.project
        self._trying.write(results_folder(project, self._opened.study), write)


class Rewritten(Protocol):
    """What is written again while a study runs."""

    def write_if_due(self) -> None:
        """Write, unless that was a short time ago."""


@dataclass(frozen=True)
class LiveResults:
    """A display that has a study's folder written as trials begin, train and end."""

    display: StudyDisplay
    folder: Rewritten

    def say(self, text: str) -> None:
        """Show one line."""
        self.display.say(text)

    def step(self, step: Step, total_epochs: int) -> None:
        """Show a step."""
        self.display.step(step, total_epochs)

    def epoch(self, result: EpochResult[Evaluation], value: float, total_epochs: int) -> None:
        """Show an epoch."""
        self.display.epoch(result, value, total_epochs)
        self.folder.write_if_due()

    def doing(self, what: str) -> None:
        """Show what a trial does when it trains no more."""
        self.display.doing(what)

    def caching(self, done: int, total: int) -> None:
        """Show how many images are decoded into the cache."""
        self.display.caching(done, total)

    def studied(self, so_far: SoFar) -> None:
        """Show how far a study is."""
        self.display.studied(so_far)

    def trial_started(self, number: int, place: int, total: int, params: Mapping[str, Any]) -> None:
        """Show that a trial begins."""
        self.display.trial_started(number, place, total, params)
        self.folder.write_if_due()

    def trial_ended(self, number: int, state: str, text: str) -> None:
        """Show that a trial ended."""
        self.display.trial_ended(number, state, text)
        self.folder.write_if_due()

    def beside(self) -> StudyDisplay:
        """Return a display for another trial that runs at the same time."""
        return LiveResults(self.display.beside(), self.folder)
