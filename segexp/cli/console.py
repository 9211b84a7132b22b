"""What a command prints: answers to standard output, all else to standard error.

With `--json`, standard output has the one JSON object alone; where a command also gives its answer
for people, that is on standard error.
"""

import json
import logging
import math
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType
from rich.markup import escape, render
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from segexp.core.credentials import without_credentials
from segexp.core.wording import counted

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


def prose(text: str, screen: Console = console, style: str = "") -> None:
    """Print sentences. In a terminal their lines end at words, as those of a command may not."""
    line = Text(without_credentials(text), style)
    screen.print(line, soft_wrap=not screen.is_terminal)


def recall_warnings(warnings: Sequence[str]) -> None:
    """Say beside a score that there were warnings; what they are was said at the beginning."""
    if warnings:
        prose(f"{counted(len(warnings), 'warning')} about the data at the beginning")


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


def number_table(title: str, columns: Sequence[str], texts: int = 1) -> Table:
    """Return a table whose first columns are texts, and whose others are numbers.

    It is narrow: the scores of a class fit into a line of 80 characters. `print_table` prints it.

    Args:
        texts: How many columns may be broken into lines.
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
        table.add_column(escape(column), justify=justify, overflow="fold", no_wrap=place >= texts)
    return table


def is_too_wide(table: Table, screen: Console) -> bool:
    """Whether a table does not fit into a screen's lines unless columns are broken."""
    return _natural_width(table, screen) > screen.width


def print_table(table: Table, screen: Console = results) -> None:
    """Print a `number_table`.

    Where the screen is narrow, texts and headers take several lines; a number never does. Words
    are kept whole if they can be, else those of the first column are broken, then those of headers,
    then those of other texts. Where not even that is enough, the lines are longer than the screen.
    """
    width = screen.width
    if (natural := _natural_width(table, screen)) > width:
        widths = [
            _longest([*_lines(column.header), *_cell_lines(column)]) for column in table.columns
        ]
        beside = natural - sum(widths)
        for breaking, word in _BREAKINGS:
            lowest = [
                _lowest(each, place < breaking, word) for place, each in enumerate(table.columns)
            ]
            if sum(lowest) + beside <= width:
                break
        width = table.width = max(width, sum(lowest) + beside)
        while sum(widths) + beside > width:  # from the column with the most to spare
            place = max(range(len(widths)), key=lambda i: widths[i] - lowest[i])
            widths[place] -= 1
        for column, chosen in zip(table.columns, widths, strict=True):
            column.width, column.no_wrap = chosen, False
    screen.print(table, crop=False)


_NAME, _HEADER_WORD, _ANY = 8, 12, 10_000
"""The narrowest column of texts; the longest word of a header that is always kept whole; all."""

_BREAKINGS = ((0, _ANY), (1, _ANY), (1, _HEADER_WORD), (_ANY, _HEADER_WORD))
"""How many columns of texts may have broken words, and the longest word of headers kept whole."""


def _natural_width(table: Table, screen: Console) -> int:
    wide = screen.options.update(width=10_000)
    return screen.measure(table, options=wide).maximum


def _lowest(column: Column, may_break: bool, header_word: int) -> int:
    """Return the fewest characters of a line in a column; words of texts may have to be broken."""
    cells = _cell_lines(column)
    header = min(_longest(_words(_lines(column.header))), header_word)
    if column.no_wrap:
        return max(header, _longest(cells))
    fewest = max(header, _longest(_words(cells)))
    return min(_NAME, fewest) if may_break else fewest


def _words(lines: Sequence[str]) -> list[str]:
    return [word for line in lines for word in line.split()]


def _cell_lines(column: Column) -> list[str]:
    return [line for cell in column.cells for line in _lines(cell)]


def _lines(cell: RenderableType) -> list[str]:
    return render(str(cell), emoji=False).plain.split("\n")


def _longest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=0)


def class_table(title: str, columns: Mapping[str, list[Any]]) -> Table:
    """Build the table of per-class scores.

    A class that the truth lacks has no scores: it is in no mean, and an IoU of 0 would look as if
    it were. The last column says how many pixels are predicted as it. Where the screen is narrow,
    long names take several lines; a number never does.
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
