"""Pages that a command opens in the web browser."""

import subprocess
import webbrowser
from pathlib import Path
from subprocess import DEVNULL

from segexp.cli.console import say

OPENING_SECONDS = 3.0
"""What opens a page and is not at its end after that is taken for the browser itself."""


def open_page(page: Path | str) -> None:
    """Open a file or an address in the browser; where there is none, say what to open.

    Not with `typer.launch`: it leaves it to ``xdg-open``, which looks for browsers in many lines.
    """
    address = page.resolve().as_uri() if isinstance(page, Path) else page
    if not _is_opened(address):
        say(f"no browser here: open {page}")


def _is_opened(address: str) -> bool:
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        browser = None
    if not isinstance(browser, webbrowser.BackgroundBrowser):
        return webbrowser.open(address)
    # Such as xdg-open, on a display: Python shows its errors, and does not wait for them.
    words = [browser.name, *(word.replace("%s", address) for word in browser.args)]
    try:
        opening = subprocess.Popen(
            words, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
        )
        return opening.wait(OPENING_SECONDS) == 0
    except subprocess.TimeoutExpired:
        return True
    except OSError:
        return False
