"""The shell of a self-contained HTML page: text, tables, pictures and plotly figures.

The HTML is in ``templates/``, where Jinja2 escapes all text. A page loads nothing from elsewhere.
Its Content-Security-Policy allows only the scripts that it was written with, by their hashes, so
that text which slipped through unescaped could not run.
"""

import base64
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape
from markupsafe import Markup

from segexp.report.colors import COLORS, IN_DARK
from segexp.report.drawing import (
    FONT,
    Drawing,
    digest_of,
    figure_json,
    height_of,
    in_script,
    label_of,
    packed_plotly,
    plotly_digest,
)
from segexp.report.pictures import is_webp, webp_of

_CODE = re.compile(r"`([^`\n]+)`")
"""Code in a sentence, as the command line writes it."""

_LINK_OUT = re.compile(r'<a href="(?!#)')
"""A link that leaves the page."""

SORTABLE = "sortable.js"
"""A script for the tables that have hints: a click on a heading sorts, a box filters."""


@dataclass(frozen=True)
class Grid:
    """Small figures beside each other, each under its name."""

    figures: Sequence[tuple[str, Drawing]]


Part: TypeAlias = Markup | Grid | Drawing


@dataclass(frozen=True)
class Section:
    """A heading and the parts below it."""

    title: str
    parts: Sequence[Part]


def render_page(
    title: str,
    opening: Sequence[Markup],
    sections: Sequence[Section],
    *,
    scripts: Sequence[str] = (),
    reload_after: int | None = None,
    has_files: bool = False,
) -> str:
    """Write a page.

    Args:
        sections: The sections, which the page lists at its top.
        scripts: Files in ``templates/`` that run one after the other when the page is there; the
            page must make sense without them.
        reload_after: After how many seconds a browser loads the page again; None for never.
        has_files: Whether its scripts may load pictures that lie beside the page.

    Returns:
        The whole HTML document. plotly.js (0.6 MB of text) is in it once, or not at all when no
        section has a figure.
    """
    count = 0

    def drawn(part: Part, section: str) -> Markup:
        nonlocal count
        if isinstance(part, Markup):
            return part
        is_grid = isinstance(part, Grid)
        entries = []
        for name, figure in part.figures if isinstance(part, Grid) else [("", part)]:
            count += 1
            label = label_of(", ".join(filter(None, (section, name))), figure)
            entries.append((name, count, height_of(figure), label, figure_json(figure)))
        return markup("figures", "grid" if is_grid else "figure", entries)

    bodies = [(s.title, [drawn(part, s.title) for part in s.parts]) for s in sections]
    written = [*opening, *(part for _, parts in bodies for part in parts)]
    has_links = any(_LINK_OUT.search(part) for part in written)
    names = [
        *(["figures.js"] if count else []),
        *(["links.js"] if has_links else []),
        *scripts,
    ]
    texts = [_script(name) for name in names]
    digests = [digest_of(text) for text in texts] + [plotly_digest()] * bool(count)
    return _template("page.html").render(
        title=title,
        opening=opening,
        sections=bodies,
        packed=packed_plotly() if count else None,
        in_dark=in_script(IN_DARK),
        scripts=texts,
        digests=digests,
        colors=COLORS,
        font=FONT,
        reload_after=reload_after,
        has_files=has_files,
    )


def paragraph(text: str) -> Markup:
    """Return a paragraph of plain text, where what stands between backticks is code."""
    return markup("paragraph", text)


def note(text: str) -> Markup:
    """Return a highlighted `paragraph`."""
    return markup("note", text)


def statement(label: str, text: str) -> Markup:
    """Return a page's main sentence in large type, below a small label."""
    return markup("statement", label, text)


def verdict(word: str, kind: str, label: str, text: str) -> Markup:
    """Return an answer: its word on a ground of its own, what it is about, and a sentence.

    Args:
        kind: The name of the ground: ``better``, ``worse``, ``equivalent`` or ``open``.
    """
    return markup("verdict", word, kind, label, text)


def next_box(texts: Sequence[str], command: str) -> Markup:
    """Return a box that says what to do next, with the command if there is one."""
    return markup("next_box", texts, command)


def image(picture: bytes, alt: str, caption: str = "") -> Markup:
    """Return a picture that is embedded in the page, as WebP.

    Args:
        picture: PNG or WebP; a PNG that cannot be read stays as it is.
        alt: What it shows, for readers who cannot see it.
        caption: One line above it, or empty.
    """
    webp = picture if is_webp(picture) else webp_of(picture)
    kind, content = ("png", picture) if webp is None else ("webp", webp)
    return markup("image", kind, base64.b64encode(content).decode(), alt, caption)


def subheading(text: str) -> Markup:
    """Return a heading within a section."""
    return markup("subheading", text)


def cards(entries: Sequence[tuple[str, str]]) -> Markup:
    """Return large numbers with captions, from pairs of value and caption."""
    return markup("cards", entries)


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str | Markup]],
    *,
    groups: Sequence[tuple[str, int]] = (),
    numeric: Collection[int] = (),
    prose: Collection[int] = (),
    strong: Collection[int] = (),
    faint: Collection[int] = (),
    hints: Sequence[str] = (),
) -> Markup:
    """Return a table.

    Args:
        rows: Their cells, text or markup.
        groups: Headings above the columns' names, each with the number of columns it spans.
        numeric: Columns that are aligned to the right.
        prose: Columns whose text may wrap.
        strong: Highlighted rows.
        faint: Grey rows.
        hints: What is shown while the pointer is over each row; the script `SORTABLE` makes a table
            with hints sortable, and filters it.
    """
    kinds = ["n" if i in numeric else "prose" if i in prose else "" for i in range(len(header))]
    body = [
        (
            "strong" if i in strong else "faint" if i in faint else "",
            hints[i] if hints else "",
            list(zip(kinds, row, strict=True)),
        )
        for i, row in enumerate(rows)
    ]
    kind = "sortable" if hints else ""
    return markup("table", kind, groups, list(zip(kinds, header, strict=True)), body)


def swatch(color: Sequence[int], name: str) -> Markup:
    """Return a name after a square of its colour (RGB, 0..255)."""
    return markup("swatch", css_color(color), name)


def css_color(color: Sequence[int]) -> str:
    """Write an RGB colour (0..255) as CSS and plotly take it."""
    red, green, blue = (int(c) for c in color)
    return f"rgb({red},{green},{blue})"


def figure_text(text: str) -> str:
    """Escape text for a figure: plotly interprets some HTML in labels and hover texts."""
    return escape(text, quote=False)


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("segexp.report"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["with_code"] = _with_code
    return environment.get_template(name)


def _with_code(text: str | Markup) -> Markup:
    """Escape a sentence, and mark the code in it, which stands between backticks."""
    if isinstance(text, Markup):
        return text
    return Markup(_CODE.sub(r"<code>\1</code>", escape(text)))


def _script(name: str) -> Markup:
    """Return a script of ``templates/``, whose text is written as it is."""
    return Markup(files("segexp.report").joinpath("templates", name).read_text(encoding="utf-8"))


def markup(macro: str, *values: Any) -> Markup:
    """Fill one macro of ``templates/parts.html``."""
    filled: Markup = getattr(_template("parts.html").module, macro)(*values)
    return filled
