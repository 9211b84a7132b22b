"""The shell of a self-contained HTML page: text, tables, pictures and plotly figures.

The HTML is in ``templates/``, where Jinja2 escapes all text. A page loads nothing from elsewhere.
Its Content-Security-Policy allows only the scripts that it was written with, by their hashes, so
that text which slipped through unescaped could not run.
"""

import base64
import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any, TypeAlias

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape
from markupsafe import Markup
from plotly.offline import get_plotlyjs

# For the text around the charts and inside them.
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
INK = "#1f2328"
GRID = "#e6e8eb"

_SCRIPT = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)


@dataclass(frozen=True)
class Grid:
    """Small figures beside each other, each under its name."""

    figures: Sequence[tuple[str, go.Figure]]


Part: TypeAlias = Markup | Grid | go.Figure


@dataclass(frozen=True)
class Section:
    """A heading and the parts below it."""

    title: str
    parts: Sequence[Part]


def render_page(title: str, opening: Sequence[Markup], sections: Sequence[Section]) -> str:
    """Write a page.

    Args:
        sections: The sections, which the page lists at its top.

    Returns:
        The whole HTML document. plotly.js (4.8 MB) is in it once, or not at all when no section
        has a figure.
    """
    scripts: list[str] = []

    def drawn(part: Part) -> Markup:
        if isinstance(part, Markup):
            return part
        named = []
        for name, figure in part.figures if isinstance(part, Grid) else [("", part)]:
            html = _figure_html(figure, f"figure-{len(scripts) + 1}")
            scripts.extend(_SCRIPT.findall(html))
            named.append((name, Markup(html)))
        return markup("figures", "grid" if isinstance(part, Grid) else "figure", named)

    bodies = [(section.title, [drawn(part) for part in section.parts]) for section in sections]
    if scripts:
        scripts.insert(0, get_plotlyjs())
    return _template("page.html").render(
        title=title,
        opening=opening,
        sections=bodies,
        plotly=Markup("".join(scripts[:1])),
        digests=[base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts],
        font=FONT,
        ink=INK,
        grid=GRID,
    )


def paragraph(text: str) -> Markup:
    """Return a paragraph of plain text."""
    return markup("paragraph", text)


def note(text: str) -> Markup:
    """Return a highlighted paragraph."""
    return markup("note", text)


def statement(label: str, text: str) -> Markup:
    """Return a page's main sentence in large type, below a small label."""
    return markup("statement", label, text)


def image(png: bytes, alt: str, caption: str = "") -> Markup:
    """Return a picture that is embedded in the page.

    Args:
        alt: What it shows, for readers who cannot see it.
        caption: One line above it, or empty.
    """
    return markup("image", base64.b64encode(png).decode(), alt, caption)


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
) -> Markup:
    """Return a table.

    Args:
        rows: Their cells, text or markup.
        groups: Headings above the columns' names, each with the number of columns it spans.
        numeric: Columns that are aligned to the right.
        prose: Columns whose text may wrap.
        strong: Highlighted rows.
        faint: Grey rows.
    """
    kinds = ["n" if i in numeric else "prose" if i in prose else "" for i in range(len(header))]
    body = [
        (
            "strong" if i in strong else "faint" if i in faint else "",
            list(zip(kinds, row, strict=True)),
        )
        for i, row in enumerate(rows)
    ]
    return markup("table", groups, list(zip(kinds, header, strict=True)), body)


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
    return environment.get_template(name)


def markup(macro: str, *values: Any) -> Markup:
    """Fill one macro of ``templates/parts.html``."""
    filled: Markup = getattr(_template("parts.html").module, macro)(*values)
    return filled


def _figure_html(figure: go.Figure, name: str) -> str:
    styled = go.Figure(figure)
    # Plotly's own templates are 6 KB in each figure; "none" leaves plain white.
    styled.update_layout(
        template="none",
        title=None,
        font={"family": FONT, "size": 13, "color": INK},
        height=figure.layout.height or 400,
    )
    if figure.layout.margin.t is None:
        styled.update_layout(margin={"l": 60, "r": 20, "t": 24, "b": 48})
    styled.update_xaxes(gridcolor=GRID, zeroline=False, automargin=True)
    styled.update_yaxes(gridcolor=GRID, zeroline=False, automargin=True)
    html: str = styled.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        default_height=f"{styled.layout.height}px",
        config={
            "displaylogo": False,
            "responsive": True,
            # Only these: among plotly's own is one that uploads the chart.
            "modeBarButtons": [["toImage", "resetScale2d"]],
        },
    )
    return html
