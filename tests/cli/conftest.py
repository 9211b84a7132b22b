"""A study that was tuned once, for the tests that only look at it."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from segexp.cli.console import console, results
from tests.cli.running import Outcome, segexp, write_study


@pytest.fixture(scope="session", autouse=True)
def _wide_lines() -> None:
    os.environ["COLUMNS"] = "200"  # rich would cut tables at 80 columns


@pytest.fixture(scope="session")
def tuned(
    tmp_path_factory: pytest.TempPathFactory, lay_out_project: Callable[[Path], Path]
) -> tuple[Path, Outcome]:
    """A project in which ``segexp tune tiny`` ran two trials, and what that said. Read it only."""
    project = lay_out_project(tmp_path_factory.mktemp("tuned") / "project")
    write_study(project)
    return project, segexp(project, "tune", "tiny")


@pytest.fixture(params=[False, True], ids=["file", "terminal"])
def screen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed, to a file and to a terminal."""
    file = io.StringIO()
    for output in (console, results):
        monkeypatch.setattr(output, "_file", file)  # `file` would put the present stderr back
        monkeypatch.setattr(output, "_force_terminal", request.param)
    return file
