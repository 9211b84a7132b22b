"""What a command prints: answers to standard output, all else to standard error.

With `--json`, standard output has the one JSON object alone; where a command also gives its answer
for people, that is on standard error.
"""

import json
import logging
import math
import os
import sys
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.table import Table

from segexp.core.credentials import without_credentials

if TYPE_CHECKING:
    from segexp.evaluation.evaluate import Evaluation
    from segexp.training.fit import EpochResult, Step

_SCORES = frozenset({"iou", "precision", "recall", "f1"})

_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of characters that are not shown but control the display."""


def plain(text: str) -> str:
    r"""Return a text with the characters that control a terminal written as escapes.

    An untrusted name or file may contain an escape sequence (ESC), a carriage return or a
    bidirectional override, which could overwrite what was shown before. Line ends are kept.
    """
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode()
        if c != "\n" and unicodedata.category(c) in _STEERING
        else c
        for c in text
    )


class _PlainConsole(Console):
    """A console that sends no control characters but its own, however text gets into it."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            is_plain = segment.control or segment.text.isprintable()
            yield segment if is_plain else Segment(plain(segment.text), segment.style)


WIDTH_OF_FILES = 200
"""How wide tables may be in a file or a pipe, in characters, unless COLUMNS says otherwise."""


def _results_width() -> int | None:
    """Return the width of what is printed to standard output; None for the terminal's own."""
    if sys.stdout is not None and sys.stdout.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() else WIDTH_OF_FILES


console = _PlainConsole(stderr=True, highlight=False, emoji=False)
"""Standard error: progress, warnings, hints and errors."""

results = _PlainConsole(width=_results_width(), highlight=False, emoji=False)
"""Standard output: what a command was asked for."""


def results_beside(json_: bool) -> Console:
    """Return where a command prints its answer for people when it may print JSON as well."""
    return console if json_ else results


def print_error(text: str) -> None:
    """Print an error as one line."""
    line = plain(without_credentials(text)).replace("\n", "\\n")
    console.print(f"[bold red]error:[/] {escape(line)}", soft_wrap=True)


def say(text: str, screen: Console = console) -> None:
    """Print one line."""
    screen.print(escape(plain(without_credentials(text))), soft_wrap=True)


def answer(text: str) -> None:
    """Print one line of what a command was asked for."""
    say(text, results)


class SaidLog(logging.Handler):
    """Prints what is logged, with tracebacks."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        say(self.format(record))


def print_json(content: Mapping[str, Any]) -> None:
    r"""Print one JSON object to standard output; NaN, which JSON lacks, becomes null.

    Values are complete: characters outside ASCII are written as escapes such as ``\u001b``.
    """
    sys.stdout.write(json.dumps(_without_nan(content), indent=2) + "\n")


def number_table(title: str, columns: Sequence[str]) -> Table:
    """Return a table whose first column is names, one on a line, and whose others are numbers.

    It is narrow: the scores of a class fit into a line of 80 characters.
    """
    table = Table(
        title=title and f"\n{escape(title)}",
        title_justify="left",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        show_edge=False,
        pad_edge=False,
    )
    for place, column in enumerate(columns):
        justify: JustifyMethod = "right" if place else "left"
        table.add_column(escape(column), justify=justify, overflow="fold", no_wrap=not place)
    return table


def class_table(title: str, columns: Mapping[str, list[Any]]) -> Table:
    """Build the table of per-class scores.

    A class that the truth lacks has no scores: it is in no mean, and an IoU of 0 would look as if
    it were. The last column says how many pixels are predicted as it.
    """
    lacking = [pixels == 0 for pixels in columns.get("pixels", ())]
    shown = {
        name: [None if absent else value for value, absent in zip(values, lacking, strict=True)]
        if name in _SCORES and lacking
        else values
        for name, values in columns.items()
    }
    table = number_table(title, list(shown))
    for row in zip(*shown.values(), strict=True):
        table.add_row(*(_cell(value) for value in row))
    return table


def protocol_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Build the table of `segexp.evaluation.protocols.protocol_rows`."""
    table = Table(title="mIoU by other protocols", title_justify="left", header_style="bold")
    table.add_column("protocol", overflow="fold")
    columns = list(rows[0]["scores"])
    for column in columns:
        table.add_column(column, justify="right")
    table.add_column("what it counts", overflow="fold")
    for row in rows:
        cells = [_cell(row["scores"][column]) for column in columns]
        why = f" Left out: {row['missing']}." if row["missing"] else ""
        table.add_row(row["title"], *cells, f"{row['meaning']}{why}")
    return table


def classes_text(scores: Mapping[str, float], classes: int) -> str:
    """Say how many classes of a space are in a mean, and how many are predicted but never true.

    Args:
        scores: What `segexp.evaluation.metrics.measure` returned.
    """
    from segexp.evaluation.metrics import IN_MEAN, PREDICTED_ONLY

    predicted_only = int(scores[PREDICTED_ONLY])
    beside = f", {predicted_only} only predicted" if predicted_only else ""
    return f"{int(scores[IN_MEAN])} of {classes} classes{beside}"


class LiveDisplay(AbstractContextManager["LiveDisplay"]):
    """Progress of trainings: a bar in a terminal, plain lines elsewhere.

    Attributes:
        score: What the value of an epoch is called: the title of the objective's metric.
    """

    score = "mIoU"

    def __init__(self, quiet: bool = False, epoch_lines: bool = False) -> None:
        self._quiet = quiet
        self._epoch_lines = epoch_lines or not console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._is_one_of_many = False
        self._title = self._mapping = ""
        self._value = math.nan
        self._shown = 0.0
        self._first_step = (0.0, 0)

    def __enter__(self) -> "LiveDisplay":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def beside(self) -> "LiveDisplay":
        """Return a display for another trial that runs at the same time, in the same terminal."""
        other = LiveDisplay(self._quiet, self._epoch_lines)
        other._progress = self._progress
        self._is_one_of_many = other._is_one_of_many = True
        return other

    def say(self, text: str) -> None:
        """Show one line."""
        if not self._quiet:
            self._progress.console.print(escape(without_credentials(text)), soft_wrap=True)

    def caching(self, done: int, total: int) -> None:
        """Show how many images are decoded into the cache."""
        self._bar("reading data", done, total, f"{done}/{total} images")
        if done == total:
            self._end_bar()

    def trial_started(self, number: int, place: int, total: int, params: Mapping[str, Any]) -> None:
        """Show that a trial begins."""
        # A trial that retries or resumes another has a new number but the same place.
        of = "" if place == number + 1 else "configuration "
        self._title = f"trial {number} ({of}{place}/{total})"
        self._mapping = str(params.get("mapping", ""))
        self._value = math.nan
        shown = "  ".join(
            f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in params.items()
        )
        self.say(f"{self._title}  {shown}")

    def trial_ended(self, number: int, state: str, text: str) -> None:
        """Show how a trial ended."""
        self._end_bar()
        self._say_of_trial(f"{state}  {text}")

    def step(self, step: "Step", total_epochs: int) -> None:
        """Show the running loss, at most twice a second: reading it waits for the device."""
        now = time.perf_counter()
        if step.step == 1:
            self._first_step = (now, step.images)
        if self._progress.disable or now - self._shown < 0.5:
            return
        self._shown = now
        begun, images = self._first_step
        # The start of the first step is not known.
        speed = f"{(step.images - images) / (now - begun):.0f}" if step.step > 1 else "-"
        value = "-" if math.isnan(self._value) else f"{self._value:.3f}"
        detail = f"loss {float(step.loss):.3f}  {self.score} {value}  {speed} images/s"
        done = (step.epoch - 1) * step.steps + step.step
        title = f"{self._title} epoch {step.epoch}/{total_epochs}".strip()
        self._bar(title, done, total_epochs * step.steps, detail)

    def epoch(self, result: "EpochResult[Evaluation]", value: float, total_epochs: int) -> None:
        """Remember the epoch's score; print a line if a bar would leave nothing behind."""
        self._value = value
        if self._epoch_lines:
            self._say_of_trial(
                f"epoch {result.epoch}/{total_epochs}  loss {result.train_loss:.3f}  "
                f"val loss {result.validation.loss:.3f}  {self.score} {value:.4f}  "
                f"{result.images_per_s:.0f} images/s  {result.seconds:.1f} s"
            )

    def _say_of_trial(self, text: str) -> None:
        # With other trials a line must say which trial it is of: arms have trials of equal number.
        whose = f"{self._title} {self._mapping}".strip()
        self.say(f"  {whose}  {text}" if self._is_one_of_many else f"  {text}")

    def _bar(self, title: str, done: int, total: int, detail: str) -> None:
        if self._task is None:
            self._task = self._progress.add_task(title, total=total, detail=detail)
        self._progress.update(
            self._task, description=title, completed=done, total=total, detail=detail
        )

    def _end_bar(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else escape(plain(str(value)))


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return value
