import base64
import hashlib
import io
import re

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup
from PIL import Image

from segexp.report.drawing import packed_plotly
from segexp.report.page import (
    Grid,
    Section,
    cards,
    figure_text,
    image,
    markup,
    next_box,
    note,
    paragraph,
    render_page,
    statement,
    subheading,
    swatch,
    table,
    verdict,
)
from segexp.report.pictures import encode_png
from tests.report.parsed import Page, plotly_count, read_page

EVIL = "<script>alert('x')</script>"


def figure():
    return go.Figure(go.Scatter(x=[1, 2], y=[3, 4], name=figure_text(EVIL)))


def test_a_page_without_figures_has_no_script_and_allows_none():
    page = read_page(render_page("T", [paragraph("words")], [Section("S", [note("n")])]))
    assert page.scripts == []
    assert "script-src 'none'" in page.policy


def test_only_links_that_leave_a_page_need_a_script():
    def scripts(*links: str) -> int:
        parts = [markup("link_in", "to ", to, "there") for to in links]
        return len(read_page(render_page("T", [], [Section("S", parts)])).scripts)

    assert scripts("#section-1") == 0
    assert scripts("#section-1", "http://127.0.0.1:5000/#/experiments/1") == 1
    assert scripts("#section-1", "gallery.html") == 1
    assert len(read_page(render_page("T", [markup("link", "trials.html", "x")], [])).scripts) == 1


def test_plotly_is_in_a_page_once_however_many_figures_it_has():
    parts = [figure(), Grid([("a", figure()), ("b", figure())])]
    html = render_page("T", [], [Section("S", parts), Section("U", [figure()])])
    page = read_page(html)
    assert plotly_count(page) == 1
    assert len(page.traces()) == 4
    assert len(page.scripts) == 1
    assert html.count('id="plotly"') == 1
    assert page.blocks["plotly"] == packed_plotly()[0]  # nothing in it is escaped
    assert [html.count(f'id="figure-{i}"') for i in (1, 2, 3, 4, 5)] == [1, 1, 1, 1, 0]


def test_all_text_is_escaped():
    sections = [
        Section(
            EVIL,
            [
                paragraph(EVIL),
                note(EVIL),
                subheading(EVIL),
                cards([(EVIL, EVIL)]),
                statement(EVIL, EVIL),
                image(b"", EVIL, EVIL),
                table([EVIL], [[EVIL], [swatch((1, 2, 3), EVIL)]], groups=[(EVIL, 1)]),
                Grid([(EVIL, figure())]),
            ],
        )
    ]
    page = read_page(render_page(EVIL, [paragraph(EVIL)], sections))
    assert page.tags.count("script") == 4  # plotly.js, colours, the figure, and what draws it
    assert page.text.count(EVIL) == 18
    assert page.labels == ["Sections", f"Figure, {EVIL}, {EVIL}: {EVIL}"]
    assert page.pictures[0][1] == EVIL


def test_what_stands_between_backticks_in_a_sentence_is_code():
    said = "`segexp ui` and `a < b` run; ` alone is a backtick"
    code = "<code>segexp ui</code> and <code>a &lt; b</code> run; ` alone is a backtick"
    for part in (
        paragraph(said),
        note(said),
        statement("label", said),
        verdict("better", "better", "label", said),
        next_box([said], ""),
    ):
        assert f">{code}</p>" in part
    assert "<code>&lt;script&gt;" in paragraph(f"`{EVIL}`")
    assert paragraph(swatch((0, 0, 0), "`a`")).count("`") == 2


def test_a_script_that_slipped_through_unescaped_is_not_allowed():
    stray = "document.title = 'x'"
    sections = [Section("S", [Markup(f"<p><script>{stray}</script></p>"), figure()])]
    page = Page(render_page("T", [], sections))
    digest = base64.b64encode(hashlib.sha256(stray.encode()).digest()).decode()
    assert stray in page.scripts
    assert digest not in page.policy
    assert page.policy.count("sha256-") == len(page.scripts[1:]) + plotly_count(page)


def test_the_page_links_to_its_sections():
    html = render_page("T", [], [Section("One", []), Section("Two", [])])
    page = read_page(html)
    assert page.links == [("href", "#section-1"), ("href", "#section-2")]
    assert html.count('id="section-2"') == 1


def test_the_same_content_gives_the_same_page():
    pages = {render_page("T", [], [Section("S", [figure()])]) for _ in range(2)}
    assert len(pages) == 1


def test_a_figure_offers_no_button_that_sends_it_elsewhere():
    page = read_page(render_page("T", [], [Section("S", [figure()])]))
    assert 'modeBarButtons: [["toImage", "resetScale2d"]]' in page.scripts[-1]
    assert "displaylogo: false" in page.scripts[-1]


def test_rows_and_columns_are_marked_as_asked():
    html = table(["a", "b"], [["1", "2"], ["3", "4"]], numeric=[1], strong=[0], faint=[1])
    assert '<tr class="strong"><th scope="row">1</th><td class="n">2</td></tr>' in html
    assert '<tr class="faint"><th scope="row">3</th><td class="n">4</td></tr>' in html


def test_headers_say_what_they_are_headers_of_and_empty_ones_are_left_out():
    html = table(["a", "b"], [["1", "2"]], groups=[("", 1), ("g", 1)])
    assert '<td colspan="1"></td><th scope="colgroup" class="group" colspan="1">g</th>' in html
    assert '<th scope="col">a</th><th scope="col">b</th>' in html
    assert "<thead>" not in table(["", ""], [["1", "2"]])


def test_a_page_with_figures_leaves_two_thirds_of_two_megabytes_for_what_it_shows():
    assert len(render_page("T", [], [Section("S", [figure()])]).encode()) < 650_000


def test_a_picture_is_embedded_with_what_it_shows():
    pixels = np.linspace([0, 90, 250], [250, 90, 0], 48 * 64).reshape(48, 64, 3).astype(np.uint8)
    page = read_page(
        render_page("T", [], [Section("S", [image(encode_png(pixels), 'a "b"', "above")])])
    )
    ((address, alt),) = page.pictures
    webp = base64.b64decode(address.removeprefix("data:image/webp;base64,"))
    shown = np.asarray(Image.open(io.BytesIO(webp)).convert("RGB"), float)
    assert np.abs(shown - pixels).mean() < 3
    assert alt == 'a "b"'
    assert "above" in page.texts


def test_a_narrow_page_shows_a_picture_whole_until_it_is_tapped():
    text = render_page("Tiny", [], [Section("A", [image(b"no picture", "alt")])])
    rules = re.findall(r"([^{}]*[.]picture) [{] ([^}]*) [}]", text)
    assert [(of.strip(), rule) for of, rule in rules] == [
        (".picture", "display: block; max-width: 100%; height: auto"),
        ("figure:focus .picture", "max-width: none"),
    ]


def test_a_picture_that_cannot_be_read_stays_as_it_is():
    page = read_page(render_page("T", [], [Section("S", [image(b"cut off", "a")])]))
    ((address, _),) = page.pictures
    assert address == "data:image/png;base64," + base64.b64encode(b"cut off").decode()


def test_a_picture_without_a_caption_has_none():
    page = read_page(render_page("T", [], [Section("S", [image(b"", "alt")])]))
    assert "figcaption" not in page.tags
