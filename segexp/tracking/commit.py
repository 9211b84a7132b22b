"""The commit of a project that is in a git repository."""

import subprocess
from functools import cache
from pathlib import Path

_PATIENCE = 5.0  # seconds


@cache
def commit_of(project: Path) -> str | None:
    """Return the commit that a directory is at; None where there is no repository, or no git."""
    try:
        found = subprocess.run(
            ["git", "-C", str(project), "rev-parse", "--verify", "HEAD"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.decode(errors="replace").strip() or None if not found.returncode else None
