"""What a person sees: everything goes to standard error, so that `--json` output stays alone."""

import json
import math
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from segexp.loop import EpochResult, Step

console = Console(stderr=True, highlight=False)


def print_error(text: str) -> None:
    """Print one line that says what is wrong."""
    console.print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)


def say(text: str) -> None:
    """Print one line."""
    console.print(escape(text), soft_wrap=True)


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object to standard output; NaN, which JSON lacks, becomes null."""
    sys.stdout.write(json.dumps(_without_nan(content), indent=2) + "\n")


def class_table(title: str, columns: Mapping[str, list[Any]]) -> Table:
    """Build the table of per-class scores."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in columns:
        table.add_column(name, justify="left" if name == "class" else "right")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(_cell(value) for value in row))
    return table


class LiveDisplay(AbstractContextManager["LiveDisplay"]):
    """Progress of trainings: a bar in a terminal, plain lines elsewhere."""

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
        self._title = ""
        self._miou = math.nan
        self._shown = 0.0
        self._epoch_started = 0.0

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

    def say(self, text: str) -> None:
        """Show one line."""
        if not self._quiet:
            self._progress.console.print(escape(text), soft_wrap=True)

    def caching(self, done: int, total: int) -> None:
        """Show how many images are decoded into the cache."""
        self._bar("reading data", done, total, f"{done}/{total} images")
        if done == total:
            self._end_bar()

    def trial_started(self, number: int, place: int, total: int, params: Mapping[str, Any]) -> None:
        """Show that a trial begins."""
        self._title = f"trial {number} ({place}/{total})"
        self._miou = math.nan
        shown = "  ".join(
            f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in params.items()
        )
        self.say(f"{self._title}  {shown}")

    def trial_ended(self, number: int, state: str, text: str) -> None:
        """Show how a trial ended."""
        self._end_bar()
        self.say(f"  {state}  {text}")

    def step(self, step: "Step", total_epochs: int) -> None:
        """Show the running loss, at most twice a second: reading it waits for the device."""
        now = time.perf_counter()
        if step.step == 1:
            self._epoch_started = now
        if self._progress.disable or now - self._shown < 0.5:
            return
        self._shown = now
        speed = step.images / max(now - self._epoch_started, 1e-6)
        miou = "-" if math.isnan(self._miou) else f"{self._miou:.3f}"
        detail = f"loss {float(step.loss):.3f}  mIoU {miou}  {speed:.0f} images/s"
        done = (step.epoch - 1) * step.steps + step.step
        title = f"{self._title} epoch {step.epoch}/{total_epochs}".strip()
        self._bar(title, done, total_epochs * step.steps, detail)

    def epoch(self, result: "EpochResult", value: float, total_epochs: int) -> None:
        """Remember the epoch's score; print a line where a bar alone would leave nothing behind."""
        self._miou = value
        if self._epoch_lines:
            self.say(
                f"  epoch {result.epoch}/{total_epochs}  loss {result.train_loss:.3f}  "
                f"val loss {result.validation.loss:.3f}  mIoU {value:.4f}  "
                f"{result.images_per_s:.0f} images/s  {result.seconds:.1f} s"
            )

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
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return value
