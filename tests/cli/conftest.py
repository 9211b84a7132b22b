"""A study that was tuned once, for the tests that only look at it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

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
