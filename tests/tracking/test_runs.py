from pathlib import Path

import pytest

from harness.postgres import PostgresServer, postgres_server, postgres_url  # noqa: F401
from segexp import tracking
from segexp.core.errors import AwayError
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


def test_params_are_recorded_as_text_and_none_is_not_recorded(experiment: Experiment):
    params = {"image_size": [32, 64], "encoder_weights": None, "learning_rate": 1e-3}
    run = tracking.start_run(experiment, "r", {}, params)
    assert experiment.client.get_run(run.id).data.params == {
        "image_size": "[32, 64]",
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


def test_a_run_that_did_not_fail_has_no_failure_and_keeps_its_name(run: Run):
    tracking.close_run(run, "KILLED", "PRUNED")
    found = run.client.get_run(run.id)
    assert found.data.tags["segexp.state"] == "PRUNED"
    assert "segexp.failure" not in found.data.tags
    assert found.info.run_name == run.name == "street-0000"


def test_a_run_that_ends_may_take_another_name(run: Run):
    tracking.close_run(run, "FINISHED", "COMPLETE", name="0000 merged10 Unet 0.497")
    assert run.client.get_run(run.id).info.run_name == "0000 merged10 Unet 0.497"
    tracking.rename_run(run, "the best")
    assert run.client.get_run(run.id).info.run_name == "the best"


@pytest.mark.slow
def test_a_database_that_does_not_answer_is_told_so_and_takes_records_again(
    postgres_server: PostgresServer,  # noqa: F811
    postgres_url: str,  # noqa: F811
    tmp_path: Path,
):
    url = postgres_url.replace("postgres@", "postgres:secret@")
    experiment = tracking.open_experiment(tmp_path, url, "street")
    run = tracking.start_run(experiment, "r", {}, {"a": 1})
    with postgres_server.away(postgres_url):
        with pytest.raises(AwayError) as caught:
            tracking.log_metrics(run, {"m": 1.0}, step=1)
        with pytest.raises(AwayError):
            tracking.start_run(experiment, "s", {}, {})
    assert str(caught.value).startswith("tracking.uri: postgresql")
    assert "secret" not in str(caught.value)
    tracking.log_metrics(run, {"m": 1.0}, step=1)
    assert run.client.get_run(run.id).data.metrics == {"m": 1.0}
