"""Markdown as MLflow's UI shows it: tables, links, and text that stays what it is."""

import re
from collections.abc import Sequence

LONGEST_NOTE = 5000
"""Characters; what servers of every MLflow take as the value of a tag."""

_LONGEST_CELL = 60


def text(content: str) -> str:
    """Return text that Markdown and HTML show as it is, on one line."""
    line = " ".join(content.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]#|~])", r"\\\1", line)


def link(label: str, address: str) -> str:
    """Return a link; only the label where there is no address."""
    return f"[{text(label)}]({address})" if address else text(label)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: int = 0) -> list[str]:
    """Return the lines of a table.

    Args:
        rows: Cells that are Markdown already.
        numeric: How many of the first columns are numbers.
    """
    rules = ["---:" if place < numeric else "---" for place in range(len(header))]
    lines = [[text(name) for name in header], rules, *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def cell(content: str) -> str:
    """Return text for a cell, cut where it is long."""
    return text(content if len(content) <= _LONGEST_CELL else content[: _LONGEST_CELL - 1] + "…")


def fitted(lines: Sequence[str], last: str) -> str:
    """Join lines, and leave out the lower ones where they are too many for a note.

    Args:
        last: A line that always stands at the end.
    """
    room, kept = LONGEST_NOTE - len(last) - 3, []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            kept.append("…")
            break
        kept.append(line)
    return "\n".join([*kept, last])
