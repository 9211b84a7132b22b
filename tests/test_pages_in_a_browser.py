"""What a reader sees of the pages: opened in Chromium where one is installed."""

import json
from pathlib import Path

import numpy as np
import optuna
import plotly.graph_objects as go
import pytest

from harness.pages import WIDTHS, faults_of, find_chromium, said_by, widths_on_paper
from segexp.compare.page.ab_page import ab_page
from segexp.core.files import write_atomic
from segexp.report.confusion_page import confusion_page
from segexp.report.data_page import data_page
from segexp.report.gallery import gallery_page
from segexp.report.page import Grid, Section, markup, paragraph, render_page
from segexp.report.study_page import study_page
from segexp.report.trial_gallery import TrialsFound, trial_gallery
from segexp.study.view import view_study
from tests.compare.page.ab_page_example import SHARED, THREE
from tests.report.gallery_example import A, B, compared
from tests.report.study_example import make_study
from tests.report.test_data_page import STATS
from tests.report.test_trial_gallery import trial

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]

NAMES = [f"class {i}" for i in range(12)]
THREE_MODELS = ("first", "second", "a third one, whose name is rather long: trial 17")


def study() -> str:
    """The page of twelve trials over params with names as long as the real ones."""

    def run(trial: optuna.Trial) -> float:
        names = ("learning_rate", "augmentation", "weight_decay", "label_smoothing", "zoom")
        values = [trial.suggest_float(name, 0, 1) for name in names]
        trial.report(values[3], 1)
        return values[3] + values[1] / 4

    return study_page(view_study(make_study(12, run)))


def trials() -> str:
    """The page of nine trials of two arms with long names, and two mappings."""
    arms = ("mild", "a recipe whose name is rather long")
    found = [trial(n, n / 10, ("fine", "coarse")[n % 2], arms[n % 3 > 1]) for n in range(9)]
    return trial_gallery("Trials", "mIoU", TrialsFound(found, 9), part_is="arm")


PAGES = {
    "study": study,
    "ab": lambda: ab_page(THREE, []),
    "candidates": lambda: ab_page(SHARED, []),
    "data": lambda: data_page(STATS),
    "confusion": lambda: confusion_page(np.arange(144).reshape(12, 12) * 7, NAMES, "Confusions"),
    "gallery": lambda: gallery_page("Gallery", [], compared(enlarged=50))["gallery.html"],
    "trials": trials,
    "gallery of three": lambda: gallery_page("Gallery", [], compared(THREE_MODELS, (A, B, A), 9))[
        "gallery.html"
    ],
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_pages_have_no_errors_no_requests_and_nothing_cut_off(
    name: str, width: int, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    page.write_text(PAGES[name](), encoding="utf-8")
    assert faults_of(page, width, is_dark=width == WIDTHS[1]) == []


def test_figures_fit_on_paper_alone_and_beside_each_other(tmp_path: Path) -> None:
    """A4 is 718 pixels wide between Chromium's margins."""
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1]))
    page = tmp_path / "page.html"
    parts = [figure, Grid([("a", figure), ("b", figure)])]
    page.write_text(render_page("T", [], [Section("S", parts)]), encoding="utf-8")
    assert widths_on_paper(page) == [680, 330, 330]


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


def test_a_gallery_is_sorted_filtered_swiped_and_enlarged(tmp_path: Path) -> None:
    """Of 14 pixels A and B lose 2 1, 1 2, 3 1; IoUs of car: 1/2 3/4, 1 1, 4/7 4/5."""
    page = tmp_path / "gallery.html"
    page.write_text(gallery_page("Gallery", [], compared())["gallery.html"], encoding="utf-8")
    said = said_by(
        page,
        """
const set = (name, value) => {
  chosen(name).value = value;
  controls.dispatchEvent(new Event("change"));
  say([...document.querySelectorAll(".scene:not([hidden])")].map((s) => s.ariaLabel).join());
};
const orders = ["difference", "gain", "loss", "worst-a", "worst-b", "median", "difference"];
for (const order of orders) set("order", order);
const mask = document.querySelector(".scene:not([hidden]) .pane[data-kind=truth] img");
const under = mask.nextSibling;
const point = (x, y) => {
  const event = new PointerEvent("pointermove");
  Object.defineProperties(event, {
    offsetX: { value: (x + 0.5) / mask.naturalWidth * mask.clientWidth },
    offsetY: { value: (y + 0.5) / mask.naturalHeight * mask.clientHeight },
  });
  mask.dispatchEvent(event);
  say(`${under.textContent} ${under.hidden}`);
};
point(0, 0);
point(2, 0);
point(0, 3);
mask.dispatchEvent(new PointerEvent("pointerleave"));
say(`${under.hidden}`);
set("class", "1");
say(document.querySelector(".scene:not([hidden]) .said").textContent);
set("class", "2");
say(controls.querySelector("output").textContent);
const slider = document.querySelector(".swipe input");
slider.value = 30;
slider.dispatchEvent(new Event("input"));
say(slider.ariaLabel.split(":")[0]);
say(slider.parentElement.querySelectorAll("img")[1].style.clipPath);
const button = document.querySelector(".pane[data-kind=truth] .enlarge");
button.click();
say(`${dialog.open} ${dialog.querySelector("img").src === button.firstChild.src}`);
dialog.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
say(dialog.querySelector("output").textContent)""",
    )
    assert said == [
        "three,one,two <b>",  # two of 14 pixels; one; one
        "three,one,two <b>",
        "two <b>,one,three",
        "three,one,two <b>",
        "two <b>,three,one",
        "one,three,two <b>",
        "three,one,two <b>",
        *("road false", "car false", "void, not scored false", "true"),
        "one,three,two <b>",
        "IoU of car, first: 0.500; second: 0.750",
        "",  # no truth has sky
        "0 of 3 images",
        "Swipe between A and B",
        "inset(0px 0px 0px 30%)",
        "true true",
        "one, A: first",
    ]


def test_trials_are_sorted_filtered_and_enlarged(tmp_path: Path) -> None:
    """Even numbers are of the mapping fine; 2, 5 and 8 of the second arm."""
    page = tmp_path / "trials.html"
    page.write_text(trials(), encoding="utf-8")
    said = said_by(
        page,
        """
const set = (name, value) => {
  controls.querySelector(`[name=${name}]`).value = value;
  controls.dispatchEvent(new Event("change"));
  const scene = document.querySelector(".scene");
  const there = [...scene.querySelectorAll(".pane:not([hidden])")];
  say(there.map((p) => p.dataset.number ?? p.dataset.kind).join());
  say(controls.querySelector("output").textContent);
};
set("order", "score");
set("mapping", "coarse");
set("part", "mild");
set("order", "number");
say([...document.querySelectorAll(".legend:not([hidden]) b")].map((b) => b.textContent).join());
const last = [...document.querySelector(".scene").querySelectorAll(".enlarge")].at(-1);
last.click();
dialog.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
say(dialog.querySelector("output").textContent)""",
    )
    assert said == [
        "image,truth,truth,8,7,6,5,4,3,2,1,0",
        "9 of 9 trials",
        "image,truth,7,5,3,1",
        "4 of 9 trials",
        "image,truth,7,3,1",
        "3 of 9 trials",
        "image,truth,1,3,7",
        "3 of 9 trials",
        "coarse",
        "one, image",
    ]


def test_links_that_leave_a_page_are_text_where_mlflow_shows_it(tmp_path: Path) -> None:
    """MLflow shows an artifact by a blob's address in a sandbox; there they would be dead."""
    links = [
        markup("link_in", "", "gallery.html", "the gallery"),
        markup("link_in", "", "#section-1", "below"),
        markup("link_in", "", "report.html#trial-7", "trial 7"),
        markup("link_in", "", "http://127.0.0.1:5000/#/experiments/1", "0123abcd"),
    ]
    shown = render_page("T", links, [Section("S", [])])
    say = "parent.postMessage([...document.querySelectorAll('p')].map((p) => p.innerHTML), '*')"
    inner = shown.replace("Content-Security-Policy", "none").replace(
        "</body>", f"<script>{say}</script></body>"
    )
    page = tmp_path / "mlflow.html"
    page.write_text("<html><title>MLflow</title><body></body></html>", encoding="utf-8")
    said = said_by(
        page,
        f"""
const frame = document.body.appendChild(document.createElement("iframe"));
frame.sandbox = "allow-scripts";
addEventListener("message", ({{ data }}) => {{ data.forEach(say); done(); }});
const text = {json.dumps(inner).replace("</", "<" + chr(92) + "/")};
frame.src = URL.createObjectURL(new Blob([text], {{ type: "text/html" }}));""",
    )
    assert said == [
        "the gallery (gallery.html).",
        '<a href="#section-1">below</a>.',
        "trial 7.",
        "0123abcd.",
    ]


@pytest.mark.parametrize("is_there", [True, False])
def test_an_enlarged_picture_leads_to_its_full_size_only_where_that_file_is(
    is_there: bool, tmp_path: Path
) -> None:
    files = gallery_page("Gallery", [], compared(enlarged=400))
    for name, content in files.items():
        if is_there or name == "gallery.html":
            write_atomic(tmp_path / name, content)
    said = said_by(
        tmp_path / "gallery.html",
        """
const button = document.querySelector(".pane[data-kind=truth] .enlarge");
button.click();
const link = dialog.querySelector("a"), probe = new Image();
say(`${link.hidden}`);
probe.onload = probe.onerror = () => setTimeout(() => {
  say(`${link.hidden} ${link.getAttribute("href")} ${link.textContent}`);
  done();
}, 100);
probe.src = button.dataset.full;""",
    )
    shown = "false gallery/01-truth.webp full size, 1600 x 1600 pixels"
    assert said == ["true", shown if is_there else "true null "]
