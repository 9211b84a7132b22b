"""An HTML page as a browser reads it: its tags, texts, tables, scripts and figures."""

import json
import re
from html.parser import HTMLParser

from segexp.report.drawing import digest_of, plotly_digest


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.links = []  # (attribute, address)
        self.tags = []
        self.pictures = []  # (address, alternative text)
        self.events = []  # attributes that would run a script
        self.policy = ""
        self.scripts = []
        self.blocks = {}  # data that scripts read, by id
        self.labels = []  # what figures show, for those who cannot see them
        self.styles = ""
        self.texts = []
        self.headings = []
        self.notes = []
        self.rows = []  # of all tables, lists of cells
        self.hints = []  # what is shown over the rows that have a hint
        self._open = []
        self._block = None
        self.feed(html)
        self.text = " ".join(self.texts)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if tag == "img":
            self.pictures.append((attrs["src"], attrs["alt"]))
            attrs.pop("src")
        self.links += [(name, attrs[name]) for name in ("src", "href", "action") if name in attrs]
        self.events += [name for name in attrs if name.startswith("on")]
        if attrs.get("http-equiv") == "Content-Security-Policy":
            self.policy = attrs["content"]
        if tag not in ("meta", "br", "link", "img", "input"):
            self._open.append((tag, attrs.get("class")))
        if tag == "tr":
            self.rows.append([])
            self.hints += [attrs["title"]] if "title" in attrs else []
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if "aria-label" in attrs:
            self.labels.append(attrs["aria-label"])
        if tag == "script" and "type" not in attrs:
            self.scripts.append("")
        self._block = attrs.get("id") if tag == "script" and "type" in attrs else None
        if tag in ("h2", "h3"):
            self.headings.append("")
        if attrs.get("class") == "note":
            self.notes.append("")

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag, f"</{tag}> closes another tag"
        self._block = None

    def handle_data(self, data):
        tags = [tag for tag, _ in self._open]
        if self._block:
            self.blocks[self._block] = self.blocks.get(self._block, "") + data
        elif "script" in tags:
            self.scripts[-1] += data
        elif "style" in tags:
            self.styles += data
        else:
            self.texts.append(data)
            if "td" in tags or "th" in tags:
                self.rows[-1][-1] += data
            if tags[-1:] in (["h2"], ["h3"]):
                self.headings[-1] += data
            if self._open and self._open[-1][1] == "note":
                self.notes[-1] += data

    def row(self, first):
        """The one table row that begins with this cell."""
        (found,) = (row for row in self.rows if row and row[0] == first)
        return found

    def column(self, header, name):
        """A column of the table whose header is this row."""
        begin = self.rows.index(header) + 1
        cells = []
        for row in self.rows[begin:]:
            if len(row) != len(header):
                break
            cells.append(row[header.index(name)])
        return cells

    def traces(self):
        """The traces of each figure, as plotly will draw them."""
        return [traces for traces, _ in self.figures()]

    def figures(self):
        """The traces and the layout of each figure, in a wide page."""
        return [(found["wide"]["data"], found["wide"]["layout"]) for found in self.drawings()]

    def drawings(self):
        """What the script reads of each figure: `wide` and `narrow`."""
        ids = [f"figure-{i + 1}-data" for i in range(len(self.blocks))]
        return [json.loads(self.blocks[name]) for name in ids if name in self.blocks]


def read_page(html, *, has_files=False):
    """Parse a page and assert what holds for all: it fetches nothing, and runs only its own.

    With files it may load pictures that lie beside it.
    """
    page = Page(html)
    assert not page._open
    assert all(
        a.startswith(("#", MLFLOW)) or a.partition("#")[0] in BESIDE for _, a in page.links
    ), page.links
    assert not page.events
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    kinds = ("data:image/webp;base64,", "data:image/png;base64,")
    assert all(address.startswith(kinds) for address, _ in page.pictures)
    drawn = {t.get("type", "scatter") for traces in page.traces() for t in traces}
    assert drawn <= IN_BUILD, "not in plotly's cartesian build"
    assert "url(" not in page.styles
    assert "@import" not in page.styles
    rules = dict(rule.strip().split(" ", 1) for rule in page.policy.split(";"))
    for what in ("default-src", "base-uri", "form-action"):
        assert rules[what] == "'none'"
    own = " 'self'" if has_files else ""
    assert rules.get("img-src") in (None, f"data: blob:{own}")  # none at all is default-src
    assert set(rules) <= {
        *("default-src", "base-uri", "form-action", "img-src", "style-src", "script-src")
    }
    digests = [digest_of(script) for script in page.scripts]
    digests += [plotly_digest()] * plotly_count(page)
    allowed = [f"'sha256-{digest}'" for digest in digests]
    assert rules.get("script-src", "'none'").split() == (allowed or ["'none'"])
    for text in _texts(page.drawings()):  # plotly reads some HTML, links among it
        assert set(re.findall(r"<[^>]*>?", text)) <= FIGURE_TAGS, text
    return page


MLFLOW = "http://127.0.0.1:5000/#/experiments/"  # to be clicked: nothing is fetched from there
# Other pages of the same folder.
BESIDE = ("gallery.html", "gallery-2.html", "best/gallery.html", "trials.html", "report.html")

IN_BUILD = {"bar", "box", "contour", "heatmap", "histogram", "image", "pie", "scatter", "violin"}

FIGURE_TAGS = {"<br>", "<b>", "</b>", "<extra>", "</extra>"}


def _texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def plotly_count(page):
    """How often plotly.js stands in the page."""
    return int("plotly" in page.blocks)
