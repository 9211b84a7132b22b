"""The commit of a project."""

import subprocess
from pathlib import Path

import pytest

from segexp import tracking
from segexp.tracking.commit import commit_of


def git(directory: Path, *words: str) -> str:
    named = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(
        ["git", "-C", str(directory), *named, *words], capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def test_a_run_of_a_project_in_a_repository_has_its_commit(project: Path):
    git(project, "init", "-q")
    git(project, "commit", "-q", "--allow-empty", "-m", "first")
    commit_of.cache_clear()
    experiment = tracking.open_experiment(project, None, "street")
    run = tracking.start_run(experiment, "a", {}, {})
    tags = experiment.client.get_run(run.id).data.tags
    assert tags["mlflow.source.git.commit"] == git(project, "rev-parse", "HEAD")


def test_without_a_repository_a_commit_or_git_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    commit_of.cache_clear()
    assert commit_of(tmp_path) is None
    git(tmp_path, "init", "-q")
    commit_of.cache_clear()
    assert commit_of(tmp_path) is None  # nothing is committed
    monkeypatch.setenv("PATH", "")
    commit_of.cache_clear()
    assert commit_of(tmp_path) is None
