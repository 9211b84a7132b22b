"""Shells, containers and services that lack or forbid something."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.project import ROOT
from tests.cli.running import Outcome, segexp


def in_a_shell(project: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in a project, where ``segexp`` is this one."""
    return subprocess.run(
        ["sh", "-c", f'segexp() {{ "{sys.executable}" -m segexp "$@"; }}; {script}'],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_warnings_that_would_be_errors_end_no_command(
    tuned: tuple[Path, Outcome], tmp_path: Path
) -> None:
    project = Path(shutil.copytree(tuned[0], tmp_path / "project"))
    words = ("suggest --study tiny --classes 3 --json", "list")
    for mapping in words:
        done = in_a_shell(project, f"segexp mapping {mapping}", PYTHONWARNINGS="error")
        assert done.returncode == 0, done.stderr
    done = in_a_shell(
        project,
        "segexp tune tiny --trials 3 --workers 1",
        PYTHONWARNINGS="error,ignore::UserWarning",
    )
    assert done.returncode == 0, done.stderr
    assert "study tiny has its 3 trials" in done.stdout


def test_closed_streams_are_not_an_error(tuned: tuple[Path, Outcome]) -> None:
    project, _ = tuned
    closed = in_a_shell(project, "segexp best tiny --json >&-")
    assert (closed.returncode, closed.stderr) == (0, "")
    silent = in_a_shell(project, "segexp best tiny --json 2>&- <&-")
    assert silent.returncode == 0
    assert json.loads(silent.stdout)["study"] == "tiny"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_what_cannot_be_written_is_said_in_one_line(
    tuned: tuple[Path, Outcome], tmp_path: Path
) -> None:
    full = in_a_shell(tuned[0], "segexp best tiny --json >/dev/full")
    assert (full.returncode, full.stderr) == (1, "error: No space left on device\n")
    (tmp_path / "file").touch()
    outcome = segexp(tmp_path, "init", "file/project")
    assert (outcome.code, outcome.err) == (1, "error: file/project: Not a directory\n")


def test_a_current_directory_that_was_deleted_is_named(tuned: tuple[Path, Outcome]) -> None:
    script = "mkdir gone && cd gone && rmdir ../gone && segexp best"
    done = in_a_shell(tuned[0], script)
    assert done.returncode == 2
    assert "the current directory was deleted" in done.stderr
