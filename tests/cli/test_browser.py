"""Pages in the browser, and what is said where there is none."""

from pathlib import Path

import pytest

from segexp.cli.browser import open_page


@pytest.mark.parametrize("is_there", [True, False])
def test_without_a_browser_one_line_says_what_to_open(
    tmp_path: Path,
    is_there: bool,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    script = tmp_path / "browser"
    script.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(script) if is_there else str(tmp_path / "none"))
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "TERM"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("webbrowser._tryorder", None)
    monkeypatch.setattr("webbrowser._browsers", {})
    page = tmp_path / "report.html"
    open_page(page)
    said = "" if is_there else f"no browser here: open {page}"
    assert capfd.readouterr().err.strip() == said


@pytest.mark.parametrize("code", [0, 3])
def test_a_display_without_a_browser_is_told_in_the_same_line(
    tmp_path: Path,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """As xdg-open does, which names each browser that it misses."""
    opener, opened = tmp_path / "xdg-open", tmp_path / "opened"
    script = f'#!/bin/sh\necho "$1" > {opened}\necho "x-www-browser: not found" >&2\nexit {code}\n'
    opener.write_text(script, encoding="utf-8")
    opener.chmod(0o755)
    for name, value in {"PATH": str(tmp_path), "DISPLAY": ":99"}.items():
        monkeypatch.setenv(name, value)
    for name in ("BROWSER", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("webbrowser._tryorder", None)
    monkeypatch.setattr("webbrowser._browsers", {})
    page = tmp_path / "report.html"
    open_page(page)
    assert opened.read_text(encoding="utf-8").strip() == page.as_uri()
    said = f"no browser here: open {page}" if code else ""
    assert capfd.readouterr().err.strip() == said
