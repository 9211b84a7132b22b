"""Somebody else who may read a project and not write it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_NOBODY = 12345  # has no name, no home and nothing of its own
_DROP = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
# Reads everything, so that a checkout in a closed folder is no obstacle.
_READS = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
# Alembic asks access(2) for Optuna's folder, which answers without the capability.
_PROBE = "import os, optuna, segexp; raise SystemExit(not os.access(optuna.__file__, os.R_OK))"


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that all users may look into, with ``drop`` that they may write."""
    with tempfile.TemporaryDirectory(prefix="shared-") as name:
        shared = Path(name)
        shared.chmod(0o755)  # pytest's own folders are closed to others
        (shared / "drop").mkdir()
        (shared / "drop").chmod(0o777)
        yield shared


@contextmanager
def nobody_writes(project: Path) -> Iterator[list[str]]:
    """Yield the words before a command that is run by somebody who may not write a project.

    As root that is another user; else this one, with the permissions taken meanwhile.
    """
    if os.getuid() != 0:
        inside = [*project.rglob("*"), project]
        for path in inside:
            path.chmod(path.stat().st_mode & ~0o222)
        try:
            yield []
        finally:
            for path in reversed(inside):
                path.chmod(path.stat().st_mode | 0o200)
        return
    for words in ([*_DROP, *_READS], _DROP):
        probe = [*words, sys.executable, "-c", _PROBE]
        if shutil.which("setpriv") and not subprocess.run(probe, cwd=_ROOT, check=False).returncode:
            yield [*words, "env", "-u", "HOME", "-u", "USER", "-u", "LOGNAME"]
            return
    pytest.skip("no other user can be had who may read Python's packages")


def run_as(words: list[str], directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run ``segexp COMMAND`` after some words, in a directory."""
    return subprocess.run(
        [*words, sys.executable, "-m", "segexp", *command],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def listing(directory: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of everything in a directory, by path."""
    return {
        str(path.relative_to(directory)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in directory.rglob("*")
    }
