"""What a reader sees of the pages: opened in Chromium where one is installed."""

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from harness.pages import WIDTHS, faults_of, find_chromium
from segexp.compare.page.ab_page import ab_page
from segexp.report.confusion_page import confusion_page
from segexp.report.data_page import data_page
from segexp.report.page import Section, paragraph, render_page
from tests.compare.page.ab_page_example import SHARED, THREE
from tests.report.test_data_page import STATS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]

NAMES = [f"class {i}" for i in range(12)]
PAGES = {
    "ab": lambda: ab_page(THREE, []),
    "candidates": lambda: ab_page(SHARED, []),
    "data": lambda: data_page(STATS),
    "confusion": lambda: confusion_page(np.arange(144).reshape(12, 12) * 7, NAMES, "Confusions"),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_pages_have_no_errors_no_requests_and_nothing_cut_off(
    name: str, width: int, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    page.write_text(PAGES[name](), encoding="utf-8")
    assert faults_of(page, width, is_dark=width == WIDTHS[1]) == []


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    """A label on another and one beyond the figure, a wide word, a request and a script."""
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1]))
    for text in ("first", "second"):
        figure.add_annotation(x=0.5, y=0.5, text=text, showarrow=False)
    figure.add_annotation(x=1, y=1, text="x" * 40, showarrow=False, xanchor="left")
    html = render_page("T", [paragraph("words")], [Section("S", [figure])])
    stray = '<p style="width:3000px">wide</p><img src="missing.png"><script>throw 1</script>'
    page = tmp_path / "page.html"
    page.write_text(html.replace("</main>", f"{stray}</main>"), encoding="utf-8")
    found = "\n".join(faults_of(page, 390))
    for words in (
        "console: ",  # the policy forbids the script and the picture
        "the page is ",
        "cut off: wide",
        "not loaded: file://",
        "on one another in figure-1: first / second",
        "cut off in figure-1: xxxx",
    ):
        assert words in found
