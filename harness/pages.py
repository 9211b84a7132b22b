"""Pages as a reader's browser shows them: `python -m harness.pages [--keep DIR] PAGE.html ...`.

Each page is opened in headless Chromium, which is no dependency: at two widths, light and dark.
What is printed is wrong: a console error, a request, what is cut off at the side of the page or of
a figure, labels that lie on one another. Ends with 1 if anything is. --keep leaves a picture of the
top of each page.
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

WIDTHS = (1400, 390)
_HEIGHT, _KEPT = 1000, 3000
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

# The frame has the width; a window of Chromium is never narrower than 500 pixels.
_FRAME = """<!doctype html><body style="margin:0">
<iframe src="{page}" style="border:0;width:{width}px;height:{height}px"></iframe>
<pre id="found"></pre><script>
addEventListener("message", (e) => {{ document.getElementById("found").textContent = e.data; }});
</script></body>"""

# MLflow shows an artifact in a frame without storage; so does this.
_MEASURE = """<script>
const faults = [];
Object.defineProperty(window, "sessionStorage", { get() { throw Error("no storage here"); } });
addEventListener("error", (e) => faults.push("error: " + (e.message || "not loaded: " +
  (e.target.src || e.target.href || "").slice(0, 80))), true);
addEventListener("unhandledrejection", (e) => faults.push("error: " + e.reason));
const named = (e) => (e.textContent || e.getAttribute("alt") || e.tagName).trim().slice(0, 60);
const boxes = (list) => [...list].map((e) => ({ e, box: e.getBoundingClientRect() }))
  .filter(({ e, box }) => box.width > 1 && box.height > 1 &&
    getComputedStyle(e).visibility !== "hidden");
function scrolls(e) {
  for (; e; e = e.parentElement) if (getComputedStyle(e).overflowX === "auto") return true;
  return false;
}
function measure() {
  if (document.documentElement.scrollWidth > innerWidth + 1)
    faults.push(`the page is ${document.documentElement.scrollWidth} pixels wide`);
  for (const { e, box } of boxes(document.querySelectorAll(
    "h1,h2,h3,p,a,li,pre,img,td,th,.card,label,select,input,button,.caption")))
    if ((box.right > innerWidth + 1 || box.left < -1) && !scrolls(e))
      faults.push(`cut off: ${named(e)}`);
  for (const plot of document.querySelectorAll(".plot,.scene,.controls")) {
    const texts = boxes(plot.querySelectorAll("svg text,h3,.said,.caption,label,output"));
    const edge = plot.getBoundingClientRect(), name = plot.id || plot.ariaLabel;
    if (plot.className === "plot" && !plot.querySelector("svg")) faults.push(`not drawn: ${name}`);
    texts.forEach(({ e, box }, i) => {
      if (box.right > edge.right + 1 || box.left < edge.left - 1)
        faults.push(`cut off in ${name}: ${named(e)}`);
      for (const other of texts.slice(i + 1)) {
        const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        if (across > 2 && down > 3)
          faults.push(`on one another in ${name}: ${named(e)} / ${named(other.e)}`);
      }
    });
  }
  for (const { name } of performance.getEntriesByType("resource"))
    if (!/^(data|blob):/.test(name)) faults.push(`asks for ${name}`);
  parent.postMessage(JSON.stringify(faults), "*");
}
let waited = 0;
(function wait() {
  const drawn = [...document.querySelectorAll(".plot")].every((p) => p.querySelector("svg"));
  if ((document.readyState === "complete" && drawn) || waited++ > 60) setTimeout(measure, 300);
  else setTimeout(wait, 100);
})();
</script>"""


_PRINT = """<pre id="found"></pre><script>
(function wait() {
  const plots = [...document.querySelectorAll(".plot")];
  if (!plots.every((plot) => plot.querySelector("svg"))) return void setTimeout(wait, 100);
  dispatchEvent(new Event("beforeprint"));
  setTimeout(() => {
    const widths = plots.map((plot) => plot.querySelector("svg").getBoundingClientRect().width);
    document.getElementById("found").textContent = JSON.stringify(widths);
  }, 300);
})();
</script>"""


def find_chromium() -> str | None:
    """Return the browser's program; None where none is installed."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def faults_of(page: Path, width: int, *, is_dark: bool = False) -> list[str]:
    """Open a page and return what is wrong with it, in words."""
    browser = find_chromium()
    assert browser is not None, "no Chromium is installed"
    with tempfile.TemporaryDirectory() as folder:
        copy, frame = Path(folder) / "page.html", Path(folder) / "frame.html"
        _frame(frame, page, width)
        faults = list(_console(_opened(browser, frame, Path(folder), is_dark)[1]))
        copy.write_text(_measuring(page.read_text(encoding="utf-8")), encoding="utf-8")
        _frame(frame, copy, width)
        dumped, _ = _opened(browser, frame, Path(folder), is_dark)
    return [*faults, *_found(dumped)]


def _found(dumped: str) -> list[Any]:
    found = re.search(r'<pre id="found">(.+?)</pre>', dumped, re.DOTALL)
    return json.loads(html.unescape(found[1])) if found else ["nothing was measured"]


def said_by(page: Path, script: str) -> list[str]:
    """Open a page, run a script in it that calls ``say(text)``, and return what it said.

    A callback that says more ends with ``done()``.
    """
    browser = find_chromium()
    assert browser is not None, "no Chromium is installed"
    said = (
        "const said = [], say = (text) => said.push(text), "
        "done = () => { document.body.dataset.said = JSON.stringify(said); };"
    )
    last = "done();"
    text = _measuring(page.read_text(encoding="utf-8"), "")
    text = text.replace("</body>", f"<script>{{{said}{script};{last}}}</script></body>")
    copy = page.with_name(f"{page.stem}-said.html")  # beside what the page leads to
    copy.write_text(text, encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        dumped, log = _opened(browser, copy, Path(folder), False)
    found = re.search(r'data-said="(.+?)"', dumped)
    return json.loads(html.unescape(found[1])) if found else [*_console(log)]


def widths_on_paper(page: Path) -> list[float]:
    """Return how wide each figure of a page is when it is printed, in pixels."""
    browser = find_chromium()
    assert browser is not None, "no Chromium is installed"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "page.html"
        text = _measuring(page.read_text(encoding="utf-8"), "")
        copy.write_text(text.replace("</body>", f"{_PRINT}</body>"), encoding="utf-8")
        return list(_found(_opened(browser, copy, Path(folder), is_dark=False)[0]))


def _frame(frame: Path, page: Path, width: int, height: int = _HEIGHT) -> None:
    uri = page.resolve().as_uri()
    frame.write_text(_FRAME.format(page=uri, width=width, height=height), encoding="utf-8")


def _measuring(text: str, measure: str = _MEASURE) -> str:
    """Return a page without its policy, which measures itself."""
    without = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    return without.replace("</title>", f"</title>{measure}", 1)


def _console(log: str) -> Iterator[str]:
    for line in log.splitlines():
        if "CONSOLE" in line:
            yield f"console: {line.partition('] ')[2][:200]}"


def _opened(browser: str, page: Path, folder: Path, is_dark: bool) -> tuple[str, str]:
    """Return a page's document after its scripts ran, and what the browser logged."""
    done = _run(browser, page, folder, is_dark, "--enable-logging=stderr", "--dump-dom")
    return done.stdout, done.stderr


def keep_picture(page: Path, width: int, file: Path, *, is_dark: bool = False) -> None:
    """Write the top of a page, as a browser shows it, as PNG."""
    browser = find_chromium()
    assert browser is not None, "no Chromium is installed"
    with tempfile.TemporaryDirectory() as folder:
        frame = Path(folder) / "frame.html"
        _frame(frame, page, width, height=_KEPT)
        size = f"--window-size={max(width, 500)},{_KEPT}"
        _run(browser, frame, Path(folder), is_dark, size, f"--screenshot={file.resolve()}")


def _run(
    browser: str, page: Path, folder: Path, is_dark: bool, *more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            browser,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
            f"--user-data-dir={folder / 'browser'}",
            f"--window-size={WIDTHS[0] + 40},{_HEIGHT}",
            f"--blink-settings=preferredColorScheme={0 if is_dark else 1}",
            "--virtual-time-budget=10000",
            *more,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )


def main(words: list[str]) -> int:
    """Print what is wrong with each page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.pages")
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--keep", type=Path, metavar="DIR")
    given = parser.parse_args(words)
    if find_chromium() is None:
        print("install Chromium", file=sys.stderr)
        return 2
    wrong = 0
    for page, width, is_dark in product(given.pages, WIDTHS, (False, True)):
        scheme = "dark" if is_dark else "light"
        for fault in faults_of(page, width, is_dark=is_dark):
            print(f"{page}, {width} pixels, {scheme}: {fault}")
            wrong += 1
        if given.keep is not None:
            given.keep.mkdir(parents=True, exist_ok=True)
            file = given.keep / f"{page.parent.name}-{page.stem}-{width}-{scheme}.png"
            keep_picture(page, width, file, is_dark=is_dark)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
