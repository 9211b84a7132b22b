"""Progress of trainings and studies: bars in a terminal, plain lines elsewhere."""

import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.live import Live

from segexp.cli.bars import Bar, Studies, drawn
from segexp.cli.console import console, prose

if TYPE_CHECKING:
    from segexp.evaluation.evaluate import Evaluation
    from segexp.study.so_far import SoFar
    from segexp.training.fit import EpochResult, Step

SCORING = "scoring"

SPEED_SECONDS = 0.5
"""How long steps must have been watched before their speed is said; some arrive several at once."""

_STYLES = {"COMPLETE": "green", "PRUNED": "yellow", "FAIL": "red"}


@dataclass
class _Screen:
    """What the displays of one terminal have in common.

    Attributes:
        bars: Of what is under way, by the display that shows it.
    """

    bars: dict["LiveDisplay", Bar] = field(default_factory=dict)
    so_far: dict[str, "SoFar"] = field(default_factory=dict)
    ended: int = 0
    begun: float | None = None
    until: float = math.inf

    def drawn(self) -> RenderableType:
        studies = Studies(dict(self.so_far), self.ended, self.begun, self.until)
        return drawn(list(self.bars.values()), studies, console.width, time.monotonic())


class LiveDisplay(AbstractContextManager["LiveDisplay"]):
    """Progress of trainings: bars in a terminal, plain lines elsewhere.

    Attributes:
        score: What the value of an epoch is called: the title of the objective's metric.
    """

    score = "mIoU"

    def __init__(self, quiet: bool = False, epoch_lines: bool = False) -> None:
        self._quiet = quiet
        self._epoch_lines = epoch_lines or not console.is_terminal
        self._has_bars = console.is_terminal and not quiet
        self._screen = _Screen()
        self._live = Live(console=console, transient=True, get_renderable=self._screen.drawn)
        self._is_one_of_many = False
        self._title = self._short = self._mapping = ""
        self._value = math.nan
        self._shown = 0.0
        self._first_step = (0.0, 0)
        self._best: int | None = None

    def __enter__(self) -> "LiveDisplay":
        if self._has_bars:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def beside(self) -> "LiveDisplay":
        """Return a display for another trial that runs at the same time, in the same terminal."""
        other = LiveDisplay(self._quiet, self._epoch_lines)
        other.score = self.score
        other._screen = self._screen
        self._is_one_of_many = other._is_one_of_many = True
        return other

    def end_by(self, deadline: float) -> None:
        """Say that no trial is begun after a time of `time.monotonic`."""
        self._screen.until = deadline

    def say(self, text: str, style: str = "") -> None:
        """Show one line; in a terminal a long one is broken at words."""
        if not self._quiet:
            prose(text, console, style)  # not print's style, which is of the bars, too

    def caching(self, done: int, total: int) -> None:
        """Show how many images are decoded into the cache."""
        self._counted("reading data", f"{done}/{total} images", done, total)

    def drawing(self, done: int, total: int) -> None:
        """Show how many synthetic scenes are drawn and written."""
        self._counted("drawing scenes", f"{done}/{total}", done, total)

    def _counted(self, what: str, counted: str, done: int, total: int) -> None:
        self._show_bar(what, what, counted, counted, done, total)
        if done == total:
            self._end_bar()

    def studied(self, so_far: "SoFar") -> None:
        """Show how far a study is, of those that take turns."""
        self._screen.so_far[so_far.study] = so_far
        self._best = so_far.best

    def trial_started(self, number: int, place: int, total: int, params: Mapping[str, Any]) -> None:
        """Show that a trial begins."""
        # A trial that retries or resumes another has a new number but the same place.
        of = "" if place == number + 1 else "configuration "
        self._short = f"trial {number}"
        self._title = f"{self._short} ({of}{place}/{total})"
        self._mapping = str(params.get("mapping", ""))
        self._value = math.nan
        if self._screen.begun is None:
            self._screen.begun = time.monotonic()
        shown = "  ".join(
            f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in params.items()
        )
        self.say(f"{self._title}  {shown}")

    def trial_ended(self, number: int, state: str, text: str) -> None:
        """Show how a trial ended."""
        self._end_bar()
        self._screen.ended += state in _STYLES
        style = _STYLES.get(state, "")
        if state == "COMPLETE" and number == self._best and console.is_terminal:
            style, text = f"bold {style}", f"{text}  best so far"
        self._say_of_trial(f"{state}  {text}", style)

    def step(self, step: "Step", total_epochs: int) -> None:
        """Show the running loss, at most twice a second: reading it waits for the device.

        After the last step of an epoch the val images are scored: that is shown at once.
        """
        now = time.monotonic()
        if step.step == 1:
            self._first_step = (now, step.images)
        is_last = step.step == step.steps
        if not self._has_bars or (now - self._shown < 0.5 and not is_last):
            return
        self._shown = now
        begun, images = self._first_step
        # The start of the first step is not known.
        is_known = step.step > 1 and now - begun >= SPEED_SECONDS
        speed = f"{(step.images - images) / (now - begun):.0f}" if is_known else "-"
        speed = SCORING if is_last else f"{speed} images/s"
        value = f"{self.score} {'-' if math.isnan(self._value) else f'{self._value:.3f}'}"
        done = (step.epoch - 1) * step.steps + step.step
        epoch = f"epoch {step.epoch}/{total_epochs}"
        self._show_bar(
            f"{self._title} {epoch}".strip(),
            f"{self._short} {epoch}".strip(),
            f"loss {float(step.loss):.3f}  {value}  {speed}",
            f"{value}  {SCORING}" if is_last else value,
            done,
            total_epochs * step.steps,
        )

    def epoch(self, result: "EpochResult[Evaluation]", value: float, total_epochs: int) -> None:
        """Remember the epoch's score; print a line if a bar would leave nothing behind."""
        self._value = value
        if self._epoch_lines:
            self._say_of_trial(
                f"epoch {result.epoch}/{total_epochs}  loss {result.train_loss:.3f}  "
                f"val loss {result.validation.loss:.3f}  {self.score} {value:.4f}  "
                f"{result.images_per_s:.0f} images/s  {result.seconds:.1f} s"
            )

    def doing(self, what: str) -> None:
        """Show in the bar what a trial does when it trains no more; print nothing."""
        if bar := self._screen.bars.get(self):
            self._screen.bars[self] = replace(bar, detail=what, short_detail=what)

    def _say_of_trial(self, text: str, style: str = "") -> None:
        # With other trials a line must say which trial it is of: arms have trials of equal number.
        whose = f"{self._title} {self._mapping}".strip()
        self.say(f"  {whose}  {text}" if self._is_one_of_many else f"  {text}", style)

    def _show_bar(
        self, title: str, short: str, detail: str, short_detail: str, done: int, total: int
    ) -> None:
        bar = Bar(title, short, detail, short_detail, done, total, time.monotonic(), done)
        before = self._screen.bars.get(self)
        self._screen.bars[self] = before.at(bar) if before else bar

    def _end_bar(self) -> None:
        self._screen.bars.pop(self, None)
