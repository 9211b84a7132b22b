import base64
import hashlib
import json
import re
import zlib

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs_version

from harness.project import ROOT
from segexp.report.colors import IN_DARK
from segexp.report.drawing import Turned, figure_json, height_of, label_of, packed_plotly


def bars(height=None):
    return go.Figure(go.Bar(x=[1, 2], y=[3, 4]), layout={"height": height})


def beside(count):
    figure = go.Figure().set_subplots(1, count, shared_yaxes=True)
    for column in range(1, count + 1):
        figure.add_trace(go.Bar(x=[1], y=["a"], orientation="h"), row=1, col=column)
    return figure.update_layout(height=300, margin={"l": 60, "r": 20, "t": 36, "b": 48})


def test_plotly_comes_out_as_its_makers_published_it():
    text, count = packed_plotly()
    assert "<" not in text
    deflated = base64.b85decode(str(text).replace(",", "<"))[:count]
    script = zlib.decompress(deflated)
    told = (ROOT / "segexp" / "report" / "plotly" / "README.md").read_text()
    assert hashlib.sha256(script).hexdigest() in told
    version = get_plotlyjs_version()
    assert f"* plotly.js (cartesian - minified) v{version}\n".encode() in script, (
        f"the Python package has {version} now: renew the build as its README.md says"
    )


def test_the_script_reads_the_digits_that_python_writes():
    script = (ROOT / "segexp" / "report" / "templates" / "figures.js").read_text()
    (digits,) = re.findall(r'digits = "(.*)"', script)
    values = b"".join(bytes([0, 0, 0, i]) for i in range(85))
    written = base64.b85encode(values).decode().replace("<", ",")
    assert written[4::5] == digits


def test_a_figure_has_no_ground_of_its_own_and_its_colours_are_known_in_dark():
    layout = json.loads(figure_json(bars()))["wide"]["layout"]
    assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert layout["font"]["color"] in IN_DARK
    assert layout["xaxis"]["gridcolor"] in IN_DARK


def test_no_text_of_a_figure_ends_its_script():
    figure = go.Figure(go.Bar(x=["</script><!--"], y=[1]))
    text = figure_json(figure)
    assert "<" not in text
    assert json.loads(text)["wide"]["data"][0]["x"] == ["</script><!--"]


def test_panes_beside_each_other_are_stacked_where_the_page_is_narrow():
    found = json.loads(figure_json(beside(3)))["narrow"]
    assert set(found) == {"layout"}  # the traces are the same
    layout = found["layout"]
    # Three panes of 300 - 84 pixels, and two gaps of 90.
    assert layout["height"] == 3 * 216 + 2 * 90 + 84
    domains = [layout[axis]["domain"] for axis in ("yaxis", "yaxis2", "yaxis3")]
    assert [round(low * 828) for low, _ in domains] == [612, 306, 0]
    assert [round(high * 828) for _, high in domains] == [828, 522, 216]
    assert all(layout[axis]["domain"] == [0, 1] for axis in ("xaxis", "xaxis2", "xaxis3"))
    assert all(layout[axis]["showticklabels"] for axis in ("yaxis2", "yaxis3"))


def test_a_figure_of_one_pane_and_panes_in_rows_stay_as_they_are():
    for figure in (bars(), go.Figure().set_subplots(2, 2)):
        found = json.loads(figure_json(figure))
        wide, narrow = found["wide"]["layout"], found["narrow"]["layout"]
        assert narrow["height"] == wide["height"]
        assert narrow["yaxis"] == wide["yaxis"]


def test_an_axis_has_few_ticks_where_the_page_is_narrow():
    assert json.loads(figure_json(bars()))["narrow"]["layout"]["xaxis"]["nticks"] == 5
    named = bars().update_xaxes(tickvals=[1, 2], ticktext=["a", "b"])
    assert json.loads(figure_json(named))["narrow"]["layout"]["xaxis"]["ticktext"] == ["a", "b"]
    timed = bars().update_xaxes(type="date", nticks=5)
    assert json.loads(figure_json(timed))["narrow"]["layout"]["xaxis"]["nticks"] == 3


def test_a_figure_may_have_another_for_narrow_pages():
    both = Turned(bars(300), bars(500))
    found = json.loads(figure_json(both))
    assert (found["wide"]["layout"]["height"], found["narrow"]["layout"]["height"]) == (300, 500)
    assert set(found["narrow"]) == {"data", "layout"}
    assert height_of(both) == 300
    assert height_of(bars()) == 400


def test_a_figure_is_told_by_its_place_its_axes_and_its_traces():
    figure = bars().update_xaxes(title="trial").update_yaxes(title="score")
    figure.update_traces(name="complete")
    figure.add_bar(x=[1], y=[2], name="hidden", showlegend=False)
    assert label_of("History", figure) == "Figure, History: trial; score: complete"
    assert label_of("History", bars()) == "Figure, History"
    named = go.Figure(go.Bar(name="a<br>&lt;b&gt;"))
    assert label_of("History", named) == "Figure, History: a <b>"
