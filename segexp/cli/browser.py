"""Pages that a command opens in the web browser."""

import webbrowser
from pathlib import Path

from segexp.cli.console import say


def open_page(page: Path | str) -> None:
    """Open a file or an address in the browser; where there is none, say what to open.

    Not with `typer.launch`: it leaves it to ``xdg-open``, which looks for browsers in many lines.
    """
    address = page.resolve().as_uri() if isinstance(page, Path) else page
    if not webbrowser.open(address):
        say(f"no browser here: open {page}")
