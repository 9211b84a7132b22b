"""The shell of a self-contained HTML page: text, tables, pictures and plotly figures.

A page fetches nothing. Its Content-Security-Policy forbids it to, and lets run only the scripts
that it was written with, by their hashes: text that slipped through unescaped could not act.
"""

import base64
import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

# Of the text around the charts and inside them.
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
INK = "#1f2328"
GRID = "#e6e8eb"

_SCRIPT = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)

_STYLE = f"""
body {{ font: 15px/1.5 {FONT}; color: {INK}; background: #fff; margin: 0 }}
main {{ max-width: 1160px; margin: 0 auto; padding: 28px 24px 64px }}
h1 {{ font-size: 25px; line-height: 1.25; margin: 0 0 6px }}
h2 {{ font-size: 19px; margin: 44px 0 8px; padding-top: 14px; border-top: 1px solid #d8dce0 }}
h3 {{ font-size: 15px; margin: 22px 0 4px }}
p {{ margin: 6px 0 10px; max-width: 78ch }}
nav {{ margin: 12px 0 20px; font-size: 14px; display: flex; flex-wrap: wrap; gap: 2px 18px }}
nav a {{ color: #0b57a4; text-decoration: none }}
nav a:hover {{ text-decoration: underline }}
.note {{ border-left: 3px solid #c98a00; background: #fff8e6; padding: 8px 14px }}
.statement {{ margin: 18px 0 }}
.statement span {{ display: block; color: #59636e; font-size: 13px }}
.statement p {{ font-size: 21px; line-height: 1.4; margin: 0; max-width: 58ch }}
.cards {{ display: flex; flex-wrap: wrap; gap: 12px; margin: 16px 0 }}
.card {{ border: 1px solid #d8dce0; border-radius: 8px; padding: 10px 16px; min-width: 150px }}
.card b {{ display: block; font-size: 25px; font-weight: 600; line-height: 1.25 }}
.card span {{ display: block; color: #59636e; font-size: 13px }}
.grid {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 0 24px }}
.wide {{ overflow-x: auto; margin: 10px 0 }}
table {{ border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }}
th, td {{ padding: 4px 9px; border-bottom: 1px solid {GRID}; text-align: left;
  vertical-align: top; white-space: nowrap }}
td.prose {{ white-space: normal; max-width: 90ch }}
th {{ font-weight: 600; border-bottom: 1px solid #b9c0c7; vertical-align: bottom }}
th.group {{ text-align: center; border-left: 8px solid #fff; border-bottom-color: {GRID} }}
th.n, td.n {{ text-align: right }}
tr.strong td {{ background: #eaf5ec; font-weight: 600 }}
tr.faint td {{ color: #7a838c }}
/* A wide picture may leave the column of the text: shrunk, its words could not be read. */
figure {{ margin: 18px 0; position: relative; left: 50%; transform: translateX(-50%);
  width: max-content; min-width: 100%; max-width: 97vw }}
figcaption {{ font-size: 13px }}
.picture {{ display: block; max-width: 100%; height: auto }}
.swatch {{ display: inline-block; width: 12px; height: 12px; border: 1px solid #8889;
  margin-right: 7px; vertical-align: -1px }}
@media print {{ main {{ max-width: none }} }}
"""


@dataclass(frozen=True)
class Markup:
    """HTML that is safe to write as it is: whatever it holds from outside was escaped."""

    html: str


@dataclass(frozen=True)
class Grid:
    """Small figures beside each other, each under its name."""

    figures: Sequence[tuple[str, go.Figure]]


Part: TypeAlias = Markup | Grid | go.Figure
Cell: TypeAlias = str | Markup


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it."""

    title: str
    parts: Sequence[Part]


def render_page(title: str, opening: Sequence[Markup], sections: Sequence[Section]) -> str:
    """Write a page.

    Args:
        title: The heading, plain text.
        opening: What stands above the first section.
        sections: The sections, which the page lists at its top.

    Returns:
        The whole HTML document. plotly.js (4.8 MB) is in it once, or not at all when no section
        has a figure.
    """
    anchors = [f"section-{i}" for i in range(1, len(sections) + 1)]
    links = "".join(
        f'<a href="#{a}">{escape(s.title)}</a>' for a, s in zip(anchors, sections, strict=True)
    )
    bodies: list[str] = []
    figures: list[str] = []
    for anchor, section in zip(anchors, sections, strict=True):
        bodies.append(f'<h2 id="{anchor}">{escape(section.title)}</h2>')
        for part in section.parts:
            if isinstance(part, Markup):
                bodies.append(part.html)
                continue
            drawn = []
            for name, figure in part.figures if isinstance(part, Grid) else [("", part)]:
                figures.append(_figure_html(figure, f"figure-{len(figures) + 1}"))
                heading = f"<h3>{escape(name)}</h3>" if name else ""
                drawn.append(f"<div>{heading}{figures[-1]}</div>")
            kind = "grid" if isinstance(part, Grid) else "figure"
            bodies.append(f'<div class="{kind}">{"".join(drawn)}</div>')
    plotly = f"<script>{get_plotlyjs()}</script>" if figures else ""
    content = "\n".join([*(o.html for o in opening), f"<nav>{links}</nav>", *bodies])
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy([plotly, *figures])}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
{plotly}
</head><body><main>
<h1>{escape(title)}</h1>
{content}
</main></body></html>
"""


def paragraph(text: str) -> Markup:
    """Return a paragraph of plain text."""
    return Markup(f"<p>{escape(text)}</p>")


def note(text: str) -> Markup:
    """Return a paragraph that must not be overlooked."""
    return Markup(f'<p class="note">{escape(text)}</p>')


def statement(label: str, text: str) -> Markup:
    """Return the sentence that a page is there to say, large, under a small label."""
    words = f"<span>{escape(label)}</span><p>{escape(text)}</p>"
    return Markup(f'<div class="statement">{words}</div>')


def image(png: bytes, alt: str, caption: str = "") -> Markup:
    """Return a picture that is embedded in the page.

    Args:
        png: An encoded PNG.
        alt: What it shows, for those who do not see it.
        caption: One line above it; none where it is empty.
    """
    data = base64.b64encode(png).decode()
    above = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    picture = f'<img class="picture" src="data:image/png;base64,{data}" alt="{escape(alt)}">'
    return Markup(f"<figure>{above}{picture}</figure>")


def subheading(text: str) -> Markup:
    """Return a heading within a section."""
    return Markup(f"<h3>{escape(text)}</h3>")


def cards(entries: Sequence[tuple[str, str]]) -> Markup:
    """Return large figures with what they are: pairs of value and caption."""
    boxes = [
        f'<div class="card"><b>{escape(value)}</b><span>{escape(caption)}</span></div>'
        for value, caption in entries
    ]
    return Markup(f'<div class="cards">{"".join(boxes)}</div>')


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    groups: Sequence[tuple[str, int]] = (),
    numeric: Collection[int] = (),
    prose: Collection[int] = (),
    strong: Collection[int] = (),
    faint: Collection[int] = (),
) -> Markup:
    """Return a table.

    Args:
        header: The columns' names.
        rows: Their cells; a string is escaped.
        groups: Names above the columns', each with how many columns it spans.
        numeric: Columns that are aligned right.
        prose: Columns whose text may be broken into lines.
        strong: Rows that are highlighted.
        faint: Rows that are grey.
    """
    kinds = [
        ' class="n"' if i in numeric else ' class="prose"' if i in prose else ""
        for i in range(len(header))
    ]
    head = "".join(f"<th{k}>{escape(name)}</th>" for k, name in zip(kinds, header, strict=True))
    above = "".join(
        f'<th class="group" colspan="{span}">{escape(name)}</th>' for name, span in groups
    )
    lines = [f"<tr>{above}</tr>"] if above else []
    lines.append(f"<tr>{head}</tr></thead><tbody>")
    for i, row in enumerate(rows):
        weight = ' class="strong"' if i in strong else ' class="faint"' if i in faint else ""
        cells = "".join(f"<td{k}>{_cell(c)}</td>" for k, c in zip(kinds, row, strict=True))
        lines.append(f"<tr{weight}>{cells}</tr>")
    body = "\n".join(lines)
    return Markup(f'<div class="wide"><table><thead>{body}</tbody></table></div>')


def swatch(color: Sequence[int], name: str) -> Markup:
    """Return a name behind a square of its colour (RGB, 0..255)."""
    return Markup(
        f'<span class="swatch" style="background:{css_color(color)}"></span>{escape(name)}'
    )


def css_color(color: Sequence[int]) -> str:
    """Write an RGB colour (0..255) as CSS and plotly take it."""
    red, green, blue = (int(c) for c in color)
    return f"rgb({red},{green},{blue})"


def figure_text(text: str) -> str:
    """Escape text for a figure: plotly reads a small part of HTML in labels and hover texts."""
    return escape(text, quote=False)


def _cell(cell: Cell) -> str:
    return cell.html if isinstance(cell, Markup) else escape(cell)


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


def _policy(with_scripts: Sequence[str]) -> str:
    """Allow the scripts of these parts of a page alone: none that stands anywhere else in it."""
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'"
        for part in with_scripts
        for s in _SCRIPT.findall(part)
    ]
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(hashes) or chr(39) + 'none' + chr(39)}",
            "style-src 'unsafe-inline'",  # plotly writes styles into its drawings
            "img-src data: blob:",  # `image`, and the button that saves a chart as a picture
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
