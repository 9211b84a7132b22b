"""docs/cli.md is generated from the command line."""

import subprocess
import sys

from harness.project import ROOT

COMMAND = "python -m typer segexp.cli utils docs --name segexp --output docs/cli.md"


def test_docs_cli_md_is_what_the_command_line_says() -> None:
    words = COMMAND.split()[1:-2]
    shown = subprocess.run(
        [sys.executable, *words], cwd=ROOT, check=True, capture_output=True, text=True
    )
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written.strip() == shown.stdout.strip(), f"out of step; run `{COMMAND}`"
