"""What a terminal shows below the lines of a study: how far it is, and a bar for each training."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from segexp.study.so_far import SoFar

WIDE = 100
"""From this many columns on a training's bar has its loss and speed beside it."""

WIDE_BAR, NARROW_BAR = 24, 10
"""How wide it is itself, in characters."""

SHOWN_FROM = 0.1
"""Trials that a command must have run before it says how long the rest takes."""


@dataclass(frozen=True)
class Bar:
    """The bar of one training, or of data that is read.

    Attributes:
        short: The title where the terminal is narrow; and so ``short_detail``.
        done: Steps, of ``total``.
        done_before: Those that were done when it began, as by a trial that this one resumes.
        begun: When it began, in seconds.
    """

    title: str
    short: str
    detail: str
    short_detail: str
    done: int
    total: int
    begun: float
    done_before: int = 0

    def at(self, other: "Bar") -> "Bar":
        """Return a later state of this bar."""
        return replace(other, begun=self.begun, done_before=self.done_before)

    @property
    def share(self) -> float:
        """How much of the whole was done here, from 0 to 1."""
        return (self.done - self.done_before) / max(1, self.total)

    def times(self, now: float) -> str:
        """Say how long it has taken, and how long the rest takes if it goes on so.

        How long it takes to score and to write what is trained is not foretold.
        """
        taken = now - self.begun
        if self.done >= self.total:
            return _clock(taken)
        worked = self.done - self.done_before
        left = _clock(taken * (self.total - self.done) / worked) if worked else "-:--:--"
        return f"{_clock(taken)} ETA {left}"


@dataclass(frozen=True)
class Studies:
    """The studies that a command runs.

    Attributes:
        so_far: How far each is, by its name.
        ended: How many trials the command has run to their ends.
        begun: When its first trial began, in seconds; None before.
        until: When it begins no further trial.
    """

    so_far: Mapping[str, "SoFar"]
    ended: int
    begun: float | None
    until: float

    def line(self, bars: Iterable[Bar], now: float) -> str:
        """Say how far the studies are: ``study 12/50 · best 0.431 (trial 20) · about 8 min left``.

        Args:
            bars: Of the trainings under way.
        """
        ended = sum(each.ended for each in self.so_far.values())
        trials = sum(each.trials for each in self.so_far.values())
        if len(self.so_far) > 1:
            parts = [f"{ended}/{trials} trials of {len(self.so_far)} studies"]
        else:
            (only,) = self.so_far.values()
            parts = [f"study {ended}/{trials}"]
            if only.score is not None:
                parts.append(f"best {only.score:.3f} (trial {only.best})")
        under_way = sum(bar.share for bar in bars)
        worked = self.ended + under_way
        if self.begun is not None and worked >= SHOWN_FROM and ended < trials:
            left = (now - self.begun) / worked * max(0.0, trials - ended - under_way)
            parts.append(left_text(min(left, max(0.0, self.until - now))))
        return " · ".join(parts)


def left_text(seconds: float) -> str:
    """Say about how long something takes.

    >>> left_text(500)
    'about 8 min left'
    """
    minutes, hours = seconds / 60, seconds / 3600
    if minutes < 1:
        return "less than a minute left"
    if minutes < 90:
        return f"about {minutes:.0f} min left"
    return f"about {hours:.0f} h left" if hours < 48 else f"about {hours / 24:.0f} days left"


def drawn(bars: list[Bar], studies: Studies, width: int, now: float) -> Group:
    """Draw what is under way.

    Args:
        width: The terminal's, in characters.
    """
    texts = [(bar.title, bar.detail, bar.times(now)) for bar in bars]
    room = min((width - sum(map(len, each)) - len(each) for each in texts), default=0)
    is_wide = width >= WIDE and room > NARROW_BAR
    grid = Table.grid(padding=(0, 1, 0, 0))
    for _ in range(4):
        grid.add_column(no_wrap=True)
    for bar in bars:
        title, detail = (bar.title, bar.detail) if is_wide else (bar.short, bar.short_detail)
        line = ProgressBar(
            total=bar.total,
            completed=bar.done,
            width=min(WIDE_BAR, room - 1) if is_wide else NARROW_BAR,
        )
        grid.add_row(Text(title), line, Text(detail), bar.times(now))
    if not studies.so_far:
        return Group(grid)
    head = Text(studies.line(bars, now), "bold", no_wrap=True, overflow="ellipsis")
    return Group(head, grid)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=int(seconds)))
