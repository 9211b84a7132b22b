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
