"""The figures of a page: what ``templates/figures.js`` draws with plotly.js.

A figure is JSON, in the colours of light; the script draws it in those of the reader's scheme, and
again where the scheme or the width of the page changes.
"""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import unescape
from importlib.resources import files
from typing import Any, TypeAlias

import plotly.graph_objects as go
from markupsafe import Markup

from segexp.report.colors import GRID, INK

# For the text around the charts and inside them.
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"

_CLEAR = "rgba(0,0,0,0)"
_PANE_GAP = 90
"""Pixels between panes, for the ticks and the title of an axis."""


@dataclass(frozen=True)
class Turned:
    """A figure, and the one that a narrow page shows in its place."""

    wide: go.Figure
    narrow: go.Figure


Drawing: TypeAlias = go.Figure | Turned


@cache
def packed_plotly() -> tuple[Markup, int]:
    """Return plotly.js, deflated and in base 85, and the number of deflated bytes.

    1.5 MB become 0.6 MB. A comma takes the place of ``<``, which could end a script's text.
    """
    deflated = _deflated_plotly()
    text = base64.b85encode(deflated, pad=True).decode().replace("<", ",")
    return Markup(text), len(deflated)


@cache
def plotly_digest() -> str:
    """Return the digest by which a Content-Security-Policy allows plotly.js."""
    return digest_of(zlib.decompress(_deflated_plotly()).decode())


def _deflated_plotly() -> bytes:
    """Read the build that has no maps and no WebGL; ``plotly/README.md`` says where it is from."""
    return files("segexp.report").joinpath("plotly", "plotly-cartesian.min.js.zz").read_bytes()


def digest_of(script: str) -> str:
    """Return the SHA-256 of a script, as a Content-Security-Policy writes it."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def figure_json(drawing: Drawing) -> Markup:
    """Write a figure as the JSON that the script reads, for the text of a ``<script>``.

    Its keys are ``wide`` and ``narrow``, each with the ``data`` and the ``layout`` of plotly.js;
    ``narrow`` may lack ``data``, which is then that of ``wide``.
    """
    if isinstance(drawing, Turned):
        wide, narrow = _as_drawn(drawing.wide), _as_drawn(drawing.narrow)
    else:
        wide = _as_drawn(drawing)
        narrow = {"layout": _narrowed(wide["layout"])}
    return in_script({"wide": wide, "narrow": narrow})


def in_script(value: Any) -> Markup:
    """Write JSON as the text of a ``<script>``, which no string in it can end."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))


def height_of(drawing: Drawing) -> int:
    """Return the height of a figure in pixels, where the page is wide."""
    return int((drawing.wide if isinstance(drawing, Turned) else drawing).layout.height or 400)


def label_of(section: str, drawing: Drawing) -> str:
    """Say what a figure shows, for readers who cannot see it: its place, axes and traces."""
    figure = drawing.wide if isinstance(drawing, Turned) else drawing
    axes = [
        axis.title.text
        for axis in (*figure.select_xaxes(), *figure.select_yaxes())
        if axis.title.text
    ]
    named = (t.name for t in figure.data if t.name and t.showlegend is not False)
    parts = ["; ".join(dict.fromkeys(axes)), ", ".join(dict.fromkeys(named))]
    said = re.sub("<[^>]*>", " ", ": ".join(filter(None, parts)))  # plotly's own tags
    return ": ".join(filter(None, [f"Figure, {section}", unescape(said)]))


def _as_drawn(figure: go.Figure) -> dict[str, Any]:
    """Return the data and layout of a figure in the style of the page."""
    styled = go.Figure(figure)
    # Plotly's own templates are 6 KB in each figure; "none" leaves plain white.
    styled.update_layout(
        template="none",
        title=None,
        font={"family": FONT, "size": 13, "color": INK},
        height=height_of(figure),
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        modebar={"bgcolor": _CLEAR, "color": "#6e7781", "activecolor": INK},
    )
    if figure.layout.margin.t is None:
        styled.update_layout(margin={"l": 60, "r": 20, "t": 24, "b": 48})
    axis = {"gridcolor": GRID, "linecolor": INK, "tickcolor": INK, "automargin": True}
    styled.update_xaxes(zeroline=False, **axis)
    styled.update_yaxes(zeroline=False, **axis)
    drawn: dict[str, Any] = json.loads(styled.to_json())
    return {"data": drawn["data"], "layout": drawn["layout"]}


def _narrowed(layout: dict[str, Any]) -> dict[str, Any]:
    """Return the layout for a narrow page: its panes are stacked, its x axes have few ticks."""
    return {
        name: _with_few_ticks(value) if name.startswith("xaxis") else value
        for name, value in _stacked(layout).items()
    }


def _with_few_ticks(axis: dict[str, Any]) -> dict[str, Any]:
    if axis.get("type") == "date":  # times are long words
        return {**axis, "nticks": 3}
    return axis if {"tickvals", "dtick", "type"} & set(axis) else {**axis, "nticks": 5}


def _stacked(layout: dict[str, Any]) -> dict[str, Any]:
    """Return the layout with its panes one below the other.

    Panes are of one row, each with an x axis of its own; others stay where they are.
    """
    panes = list(_panes(layout))
    heights = [layout[y].get("domain", [0, 1]) for _, y in panes]
    if len(panes) < 2 or any(domain != heights[0] for domain in heights):
        return layout
    margin = layout["margin"]["t"] + layout["margin"]["b"]
    pane = layout["height"] - margin
    whole = len(panes) * pane + (len(panes) - 1) * _PANE_GAP
    found = {**layout, "height": whole + margin}
    for place, (x, y) in enumerate(panes):
        top = 1 - place * (pane + _PANE_GAP) / whole
        found[x] = {**layout[x], "domain": [0, 1]}
        found[y] = {**layout[y], "domain": [max(0, top - pane / whole), top]}
        found[y]["showticklabels"] = True
    return found


def _panes(layout: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the x axes with a part of the width for themselves, each with its y axis."""
    across: Sequence[str] = [
        name
        for name, axis in layout.items()
        if name.startswith("xaxis") and axis.get("domain", [0, 1]) != [0, 1]
    ]
    for name in sorted(across, key=lambda name: layout[name]["domain"][0]):
        anchor = layout[name].get("anchor", "y")
        yield name, f"yaxis{anchor[1:]}"
