import json
import socket
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import ViewType

from segexp import tracking
from segexp.core.config import Config
from segexp.core.errors import InputError, WorkError
from segexp.report.pictures import encode_png
from segexp.tracking import Experiment, Run


@pytest.fixture
def experiment(project: Path) -> Experiment:
    return tracking.open_experiment(project, None, "street")


@pytest.fixture
def run(experiment: Experiment) -> Run:
    return tracking.start_run(experiment, "street-0000", {"segexp.kind": "trial"}, {"seed": 0})


def artifacts(run: Run, path: str | None = None) -> set[str]:
    return {file.path for file in run.client.list_artifacts(run.id, path)}


def download(run: Run, name: str, tmp_path: Path) -> Path:
    return Path(run.client.download_artifacts(run.id, name, str(tmp_path)))


def test_a_new_database_is_one_that_readers_and_a_writer_share(mlflow_template: Path):
    # What `open_experiment` made in a directory without a database.
    with sqlite3.connect(mlflow_template) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    client = MlflowClient(f"sqlite:///{mlflow_template}")
    assert client.get_experiment_by_name("template") is not None


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
def test_projects_that_make_their_shared_database_at_once_lose_none_of_their_runs(tmp_path: Path):
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


def test_a_project_that_was_moved_keeps_its_artifacts_and_writes_new_ones_beside_them(
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


def test_a_trials_run_is_a_child_of_its_studys_run(experiment: Experiment):
    parent = tracking.start_run(experiment, "street", {"segexp.kind": "study"}, {})
    tags = {"segexp.trial": "3", "segexp.study": "street"}
    child = tracking.start_run(experiment, "street-0003", tags, {}, parent)
    found = experiment.client.get_run(child.id)
    assert found.info.run_name == "street-0003"
    assert found.info.status == "RUNNING"
    assert found.data.tags["mlflow.parentRunId"] == parent.id
    assert found.data.tags["segexp.trial"] == "3"
    running = tracking.running_trials(parent, "street")
    assert [(number, run.id) for number, run in running] == [(3, child.id)]
    assert tracking.running_trials(parent, "another") == []
    tracking.end_run(child, "KILLED")
    assert tracking.running_trials(parent, "street") == []


def test_params_are_recorded_as_text(experiment: Experiment):
    params = {"image_size": [32, 64], "encoder_weights": None, "learning_rate": 1e-3}
    run = tracking.start_run(experiment, "r", {}, params)
    assert experiment.client.get_run(run.id).data.params == {
        "image_size": "[32, 64]",
        "encoder_weights": "None",
        "learning_rate": "0.001",
    }


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_ends_in_the_state_that_is_given(run: Run, status: tracking.Status):
    tracking.end_run(run, status)
    info = run.client.get_run(run.id).info
    assert info.status == status
    assert info.end_time >= info.start_time


def test_a_closed_run_says_the_trials_state_and_why_it_failed(run: Run):
    tracking.close_run(run, "FAILED", "FAIL", "DivergedError: the loss is nan\n" + "x" * 9000)
    found = run.client.get_run(run.id)
    assert found.info.status == "FAILED"
    assert found.data.tags["segexp.state"] == "FAIL"
    assert found.data.tags["segexp.failure"].startswith("DivergedError: the loss is nan")


def test_a_run_that_did_not_fail_has_no_failure(run: Run):
    tracking.close_run(run, "FINISHED", "PRUNED")
    tags = run.client.get_run(run.id).data.tags
    assert tags["segexp.state"] == "PRUNED"
    assert "segexp.failure" not in tags


def test_a_run_is_attached_to_and_runs_again(experiment: Experiment, run: Run):
    tracking.end_run(run, "KILLED")
    attached = tracking.attach_run(experiment, run.id)
    assert attached == run
    assert run.client.get_run(run.id).info.status == "RUNNING"


def test_no_run_is_attached_to_where_it_is_gone_or_deleted(experiment: Experiment, run: Run):
    assert tracking.attach_run(experiment, None) is None
    assert tracking.attach_run(experiment, "0" * 32) is None
    run.client.delete_run(run.id)
    assert tracking.attach_run(experiment, run.id) is None
    deleted = run.client.search_runs([experiment.id], run_view_type=ViewType.DELETED_ONLY)
    assert [found.info.run_id for found in deleted] == [run.id]


def test_metrics_have_their_step_and_those_without_a_value_are_left_out(run: Run):
    for step, miou in ((1, 0.25), (2, 0.5), (3, float("nan"))):
        tracking.log_metrics(run, {"val/miou": miou, "val/loss": float("inf")}, step=step)
    history = run.client.get_metric_history(run.id, "val/miou")
    assert [(m.step, m.value) for m in history] == [(1, 0.25), (2, 0.5)]
    assert "val/loss" not in run.client.get_run(run.id).data.metrics


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("iou/traffic light", "iou/traffic light"),
        ("iou/wall+fence", "iou/wall_fence"),
        ("iou/straße", "iou/straße"),
        ("iou/道路", "iou/道路"),
        ("iou/a=b\t?", "iou/a_b__"),
        ("iou/car/", "iou/car/_"),
        ("iou/a//b", "iou/a/_/b"),
        ("iou/..", "iou/_"),
        ("iou/" + "a" * 300, "iou/" + "a" * 246),
    ],
)
def test_any_class_name_can_be_part_of_a_metrics_name(run: Run, name: str, recorded: str):
    tracking.log_metrics(run, {name: 0.5})
    assert run.client.get_run(run.id).data.metrics == {recorded: 0.5}


def test_a_table_is_one_that_mlflow_reads(
    project: Path, experiment: Experiment, run: Run, monkeypatch: pytest.MonkeyPatch
):
    tracking.log_table(run, {"class": ["road", "sky"], "iou": [0.5, None]}, "iou_table.json")
    monkeypatch.chdir(project)  # whatever client it is called on, it reads the default store
    frame = MlflowClient().load_table(experiment.id, "iou_table.json", [run.id])
    assert frame["class"].tolist() == ["road", "sky"]
    np.testing.assert_equal(frame["iou"].to_numpy(float), [0.5, np.nan])
    tags = run.client.get_run(run.id).data.tags
    assert json.loads(tags["mlflow.loggedArtifacts"]) == [
        {"path": "iou_table.json", "type": "table"}  # what its UI looks for
    ]


def test_files_of_every_kind_become_artifacts(run: Run, tmp_path: Path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    png = encode_png(np.zeros((2, 3, 3), np.uint8))
    tracking.log_text(run, "<p>straße</p>", "confusion_matrix.html")
    tracking.log_yaml(run, {"name": "straße", "classes": [1, 2]}, "mapping.yaml")
    tracking.log_bytes(run, png, "overlays/a b.png")
    tracking.log_bytes(run, b"1", "top.bin")
    tracking.log_directory(run, tmp_path / "bundle", "bundle")
    assert artifacts(run) == {
        "confusion_matrix.html",
        "mapping.yaml",
        "overlays",
        "top.bin",
        "bundle",
    }
    assert artifacts(run, "overlays") == {"overlays/a b.png"}
    assert artifacts(run, "bundle") == {"bundle/bundle.json"}
    assert download(run, "overlays/a b.png", tmp_path).read_bytes() == png
    assert download(run, "confusion_matrix.html", tmp_path).read_text("utf-8") == "<p>straße</p>"
    content = yaml.safe_load(download(run, "mapping.yaml", tmp_path).read_text("utf-8"))
    assert content == {"name": "straße", "classes": [1, 2]}


def test_params_are_named_as_optuna_names_them():
    params = tracking.config_params(Config())
    assert params["learning_rate"] == 1e-3
    assert params["encoder"] == "mobilenet_v2"
    assert params["mapping"] == "cityscapes19"
    # `seed` alone is the training's; the generator's keeps its whole name.
    assert params["seed"] == 0
    assert params["data.synthetic.seed"] == 0
    assert len(params) == len(set(params))
