import socket
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from segexp import tracking
from segexp.core.errors import InputError, WorkError
from segexp.tracking import Experiment, Run


def test_a_new_database_is_one_that_readers_and_a_writer_share(mlflow_template: Path):
    # What `open_experiment` made in a directory without a database.
    with sqlite3.connect(mlflow_template) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    client = MlflowClient(f"sqlite:///{mlflow_template}")
    assert client.get_experiment_by_name("template") is not None


def artifacts(run: Run) -> set[str]:
    return {file.path for file in run.client.list_artifacts(run.id)}


RECORD = """
import sys
from pathlib import Path
from segexp import tracking
project = Path(sys.argv[1])
uri = f"sqlite:///{project.parent}/shared.db"
print("ready", flush=True)
sys.stdin.readline()
experiment = tracking.open_experiment(project, uri, project.name)
run = tracking.start_run(experiment, "run", {}, {})
tracking.log_metrics(run, {"best/miou": 0.5})
tracking.end_run(run, "FINISHED")
"""


@pytest.mark.slow
def test_projects_that_create_a_shared_database_together_lose_no_runs(tmp_path: Path):
    processes = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        words = [sys.executable, "-c", RECORD, str(tmp_path / name)]
        pipe = subprocess.PIPE
        processes.append(subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True))
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait() for process in processes] == [0, 0]
    client = MlflowClient(f"sqlite:///{tmp_path}/shared.db")
    for name in ("one", "two"):
        experiment = client.get_experiment_by_name(name)
        assert experiment is not None
        (run,) = client.search_runs([experiment.experiment_id])
        assert (run.info.status, run.data.metrics) == ("FINISHED", {"best/miou": 0.5})


def test_a_folder_that_is_not_there_is_refused_and_not_made(project: Path):
    with pytest.raises(InputError, match=r"there is no folder /.*/missing$"):
        tracking.open_experiment(project, "sqlite:///missing/mlflow.db", "street")
    assert not (project / "missing").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a b'c\"d", "back\\slash's \"", "10 :30's"])
def test_a_project_whose_path_has_quotes_is_recorded_in(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    project = tmp_path / name
    project.mkdir()
    monkeypatch.chdir(project)
    experiment = tracking.open_experiment(project, None, "street")
    run = tracking.start_run(experiment, "street-0000", {}, {})
    tracking.log_text(run, "new", "new.txt")
    assert artifacts(run) == {"new.txt"}
    assert len(list((project / "mlruns" / "street").glob("*/artifacts/new.txt"))) == 1
    of_mlflow = experiment.client.get_experiment("0")  # what MLflow puts into a new database
    assert of_mlflow.artifact_location == (project / "mlruns" / "0").as_uri()
    assert not list(project.glob("*.building*"))


def test_an_experiment_is_made_once_and_its_artifacts_lie_in_the_project(
    project: Path, experiment: Experiment
):
    again = tracking.open_experiment(project, None, "street")
    assert again.id == experiment.id
    found = experiment.client.get_experiment(experiment.id)
    assert found.name == "street"
    assert found.artifact_location == (project / "mlruns" / "street").as_uri()


def test_a_moved_project_keeps_its_artifacts_and_writes_new_ones_beside_them(
    project: Path, run: Run, tmp_path: Path
):
    tracking.log_text(run, "old", "old.txt")
    moved = project.rename(tmp_path / "moved")
    experiment = tracking.open_experiment(moved, None, "street")
    new = tracking.start_run(experiment, "street-0001", {}, {})
    tracking.log_text(new, "new", "new.txt")
    old = replace(run, uri=experiment.uri)
    assert (artifacts(old), artifacts(new)) == ({"old.txt"}, {"new.txt"})
    assert len(list((moved / "mlruns" / "street").glob("*/artifacts/*.txt"))) == 2
    assert not project.exists()


def test_a_bare_client_in_the_project_sees_the_runs(project: Path, run: Run):
    tracking.log_metrics(run, {"val/miou": 0.25}, step=1)
    tracking.end_run(run, "FINISHED")
    code = """
from mlflow import MlflowClient
client = MlflowClient()
experiment = client.get_experiment_by_name("street")
for run in client.search_runs([experiment.experiment_id]):
    print(run.info.run_name, run.info.status, run.data.metrics["val/miou"])
"""
    listing = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    assert listing.stdout.split() == ["street-0000", "FINISHED", "0.25"]


def test_a_relative_sqlite_uri_starts_at_the_project(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (project / "mlflow.db").rename(project / "other.db")
    monkeypatch.chdir(tmp_path)
    experiment = tracking.open_experiment(project, "sqlite:///other.db", "street")
    absolute = MlflowClient(f"sqlite:///{project / 'other.db'}")
    found = absolute.get_experiment_by_name("street")
    assert found.experiment_id == experiment.id
    assert found.artifact_location == (project / "mlruns" / "street").as_uri()
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_a_deleted_experiment_is_refused_and_how_to_restore_it_is_said(
    project: Path, experiment: Experiment
):
    experiment.client.delete_experiment(experiment.id)
    with pytest.raises(InputError, match=f"'street' was deleted.*restore -x {experiment.id}` or"):
        tracking.open_experiment(project, None, "street")


@pytest.mark.parametrize(
    "uri", ["nonsense://x", "./mlruns", "sqlite:///config.yaml", "postgresql+nodriver://u@h/d"]
)
def test_a_uri_that_names_no_store_is_an_input_error(project: Path, uri: str):
    with pytest.raises(InputError) as caught:
        tracking.open_experiment(project, uri, "street")
    (fault,) = caught.value.faults
    shown = f"{project}/config.yaml" if uri.endswith("config.yaml") else uri
    assert fault.startswith(f"tracking.uri: {shown}: ")
    assert "\n" not in fault


def test_a_server_that_does_not_answer_is_a_work_error(project: Path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: the port refuses
        uri = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(WorkError, match=f"{uri}: .*onnection refused; start that server"):
            tracking.open_experiment(project, uri, "street")
