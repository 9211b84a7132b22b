import pytest
from mlflow.entities import ViewType

from segexp import tracking
from segexp.tracking import Experiment, Run


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
