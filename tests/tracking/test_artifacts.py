"""Reading a file among a run's artifacts."""

import socket
from pathlib import Path

import pytest

from segexp import tracking
from segexp.core.errors import InputError, WorkError
from segexp.tracking import Run, read_artifact, read_folder


@pytest.fixture
def run(project: Path) -> Run:
    experiment = tracking.open_experiment(project, None, "street")
    tags = {"segexp.kind": "trial", "segexp.state": "PRUNED"}
    run = tracking.start_run(experiment, "street-0000", tags, {})
    tracking.log_bytes(run, b"\x00\x01", "deep/matrix.npz")
    tracking.log_text(run, "text", "mapping.yaml")
    return run


def test_an_artifact_is_read_with_its_folders(project: Path, run: Run):
    assert read_artifact(project, None, run.id, "deep/matrix.npz") == b"\x00\x01"
    assert read_artifact(project, None, run.id, "mapping.yaml") == b"text"


def test_a_project_that_was_moved_still_reads_its_artifacts(
    project: Path, run: Run, tmp_path: Path
):
    moved = project.rename(tmp_path / "moved")
    assert read_artifact(moved, None, run.id, "mapping.yaml") == b"text"


def test_a_folder_is_read_with_what_is_below_it(project: Path, run: Run):
    tracking.log_bytes(run, b"png", "deep/city/a.png")
    expected = {"matrix.npz": b"\x00\x01", "city/a.png": b"png"}
    assert read_folder(project, None, run.id, "deep") == expected
    assert read_folder(project, None, run.id, "other") == {}
    with pytest.raises(InputError, match="no run 'feed'"):
        read_folder(project, None, "feed", "deep")


def test_a_run_that_is_not_there_is_refused_with_its_id(project: Path, run: Run):
    with pytest.raises(InputError, match=r"no run 'feed' in sqlite:///.*mlflow\.db"):
        read_artifact(project, None, "feed", "mapping.yaml")


def test_a_missing_artifact_is_refused_with_what_the_run_is(project: Path, run: Run):
    with pytest.raises(InputError) as caught:
        read_artifact(project, None, run.id, "other.npz")
    assert str(caught.value) == f"run {run.id} (a trial, PRUNED) has no artifact 'other.npz'"


def test_a_project_without_a_database_is_not_given_one(project: Path):
    (project / "mlflow.db").unlink()
    with pytest.raises(InputError, match="there is no MLflow database"):
        read_artifact(project, None, "feed", "mapping.yaml")
    assert not (project / "mlflow.db").exists()


def test_a_server_that_does_not_answer_is_a_work_error(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(WorkError, match=r"mapping.yaml of run feed: cannot be read"):
        read_artifact(project, f"http://127.0.0.1:{port}", "feed", "mapping.yaml")
