"""A study remembers where it is recorded, and says when that differs."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from harness.project import copy_database
from segexp.core.errors import InputError
from segexp.study.attributes import RUN_ID, TRACKING
from segexp.study.recorded_place import recorded_uri
from segexp.study.run import run_study
from segexp.study.storage.open import open_storage
from tests.tiny_study import Said, client_of, plan_of, record_of, run

OTHER = {"tracking.uri": "sqlite:///other.db"}


def runs_in(project: Path, database: str, experiment: str) -> list[str]:
    """The kinds of the runs in an experiment, as MLflow has them."""
    client = MlflowClient(f"sqlite:///{project}/{database}")
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id]) if found else []
    return sorted(run.data.tags["segexp.kind"] for run in runs)


@pytest.mark.slow
def test_a_renamed_experiment_continues_under_its_new_name(project: Path):
    run(project, trials=1)
    client = client_of(project)
    client.rename_experiment(client.get_experiment_by_name("tiny").experiment_id, "streets of mine")
    said = Said()
    run(project, said, trials=2)
    assert runs_in(project, "mlflow.db", "streets of mine") == ["study", "trial", "trial"]
    assert runs_in(project, "mlflow.db", "tiny") == []
    assert "the MLflow experiment 'tiny' is called 'streets of mine' now" in said.lines
    again = Said()  # it is said once
    run(project, again, trials=2)
    assert not [line for line in again.lines if "is called" in line]


def test_a_study_of_an_earlier_version_is_found_by_its_run(project: Path):
    study, _ = run(project, trials=1)
    client = client_of(project)
    client.rename_experiment(client.get_experiment_by_name("tiny").experiment_id, "renamed")
    study.set_user_attr(TRACKING, [None, "tiny"])  # it noted no id
    run(project, trials=2)
    assert runs_in(project, "mlflow.db", "renamed") == ["study", "trial", "trial"]
    assert runs_in(project, "mlflow.db", "tiny") == []


@pytest.mark.slow
def test_a_place_that_is_not_named_again_is_gone_on_in(project: Path):
    run(project, trials=1, **OTHER)
    said = Said()
    study, _ = run(project, said, trials=2)
    assert runs_in(project, "other.db", "tiny") == ["study", "trial", "trial"]
    assert runs_in(project, "mlflow.db", "tiny") == []
    assert "study 'tiny' is recorded in sqlite:///other.db, as before" in said.lines
    assert study.user_attrs[TRACKING][0] == "sqlite:///other.db"


@pytest.mark.slow
def test_another_place_is_refused_while_the_records_are_where_they_were(project: Path):
    run(project, trials=1)
    with pytest.raises(InputError, match=r"other.db: study 'tiny' is recorded in mlflow.db") as e:
        run(project, trials=2, **OTHER)
    assert "--set tracking.uri=sqlite:///mlflow.db" in str(e.value)
    assert not (project / "other.db").exists()
    run(project, trials=2, **{"tracking.uri": f"sqlite:///{project}/mlflow.db"})  # the same one
    assert runs_in(project, "mlflow.db", "tiny") == ["study", "trial", "trial"]


def test_records_that_moved_to_another_database_are_gone_on_with_there(project: Path):
    study, _ = run(project, trials=1)
    first = study.user_attrs[RUN_ID]
    copy_database(project / "mlflow.db", project / "other.db")
    (project / "mlflow.db").unlink()
    study, _ = run(project, trials=2, **OTHER)
    assert study.user_attrs[RUN_ID] == first
    assert runs_in(project, "other.db", "tiny") == ["study", "trial", "trial"]


@pytest.mark.slow
def test_where_the_records_are_gone_another_place_is_taken_and_it_is_said(project: Path):
    run(project, trials=1)
    (project / "mlflow.db").unlink()
    said = Said()
    run(project, said, trials=2, **OTHER)
    assert runs_in(project, "other.db", "tiny") == ["study", "trial"]
    (line,) = [line for line in said.lines if "is not found in mlflow.db" in line]
    assert line.endswith("from now on it is recorded in sqlite:///other.db")


def test_another_experiment_is_refused_and_none_continues(project: Path):
    run(project, trials=1, **{"tracking.experiment": "mine"})
    with pytest.raises(InputError, match=r"'yours': .* in the experiment 'mine'; leave it out"):
        run(project, trials=2, **{"tracking.experiment": "yours"})
    run(project, trials=2)
    assert runs_in(project, "mlflow.db", "mine") == ["study", "trial", "trial"]
    assert client_of(project).get_experiment_by_name("tiny") is None
    assert client_of(project).get_experiment_by_name("yours") is None


@pytest.mark.slow
def test_a_moved_project_continues_with_a_database_inside_it(project: Path, tmp_path: Path):
    run(project, trials=1, **{"tracking.uri": f"sqlite:///{project}/other.db"})
    moved = project.rename(tmp_path / "moved")
    run(moved, trials=2)
    assert runs_in(moved, "other.db", "tiny") == ["study", "trial", "trial"]
    client = MlflowClient(f"sqlite:///{moved}/other.db")
    experiment = client.get_experiment_by_name("tiny")
    uris = [run.info.artifact_uri for run in client.search_runs([experiment.experiment_id])]
    assert all(uri.startswith(f"{moved.as_uri()}/mlruns/tiny/") for uri in uris)


def test_no_credentials_are_remembered(project: Path):
    url = "sqlite:///other.db?password=hunter2"
    study, _ = run(project, trials=1, **{"tracking.uri": url})
    assert "hunter2" not in str(study.user_attrs)


def test_a_deleted_run_of_a_study_gets_another_one_and_it_is_said(project: Path):
    study, _ = run(project, trials=1)
    first = study.user_attrs[RUN_ID]
    client_of(project).delete_run(first)
    said = Said()
    study, _ = run(project, said, trials=2)
    second = study.user_attrs[RUN_ID]
    (line,) = [line for line in said.lines if first in line]
    assert second != first
    assert second in line
    assert f"mlflow runs restore --run-id {first}" in line


@pytest.mark.slow
def test_what_a_study_searches_with_now_is_what_mlflow_has(project: Path):
    study, _ = run(project, trials=1)
    first = record_of(project, study)
    assert (first.data.tags["segexp.sampler"], first.data.tags["segexp.trials"]) == (
        "random seed=1",
        "1",
    )
    plan = plan_of(project, trials=2, sampler={"name": "tpe", "seed": 5}, pruner="median")
    study, _ = run_study(plan, open_storage(None, project), Said())
    tags = record_of(project, study).data.tags
    assert tags["segexp.sampler"] == "tpe seed=5"
    assert tags["segexp.pruner"] == "median"
    assert tags["segexp.trials"] == "2"
    client = client_of(project)
    recorded = client.download_artifacts(record_of(project, study).info.run_id, "study.yaml")
    assert "tpe" in Path(recorded).read_text(encoding="utf-8")


@pytest.mark.parametrize("named", ["http://ann:hunter2@tracker:5000", "sqlite:///elsewhere.db"])
def test_a_variable_that_names_another_place_is_said_not_to_be_used(
    project: Path, monkeypatch: pytest.MonkeyPatch, named: str
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", named)
    said = Said()
    run(project, said, trials=1)
    (line,) = [line for line in said.lines if "MLFLOW_TRACKING_URI" in line]
    assert "is not used: recorded in mlflow.db of the project" in line
    assert "hunter2" not in line
    assert not (project / "elsewhere.db").exists()
    assert runs_in(project, "mlflow.db", "tiny") == ["study", "trial"]


def test_a_variable_that_names_the_same_place_is_not_mentioned(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/mlflow.db")
    said = Said()
    run(project, said, trials=1)
    assert not [line for line in said.lines if "MLFLOW_TRACKING_URI" in line]


def test_records_in_a_file_of_another_project_are_where_the_configuration_says(tmp_path: Path):
    configured = "sqlite:////projects/streets/mlflow.db"
    in_own_file = {TRACKING: [None, "streets", "1"]}
    assert recorded_uri(tmp_path, in_own_file, configured) == configured
    assert recorded_uri(tmp_path, in_own_file, None) is None
    on_a_server = {TRACKING: ["http://mlflow:5000", "streets", "1"]}
    assert recorded_uri(tmp_path, on_a_server, configured) == "http://mlflow:5000"
    (tmp_path / "mlflow.db").touch()
    assert recorded_uri(tmp_path, in_own_file, configured) is None  # in this very project
