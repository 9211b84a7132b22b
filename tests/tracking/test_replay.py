"""What is spooled, applied in order; here to a database, which answers as a server does."""

import logging
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from segexp.core.run_token import new_token
from segexp.tracking import Experiment, Run
from segexp.tracking.operations import RECORD, Operation, RefusedError
from segexp.tracking.replay import Sent, id_of, replay
from segexp.tracking.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def creation(experiment: str, token: str) -> Operation:
    content = {"name": "street", "tags": {RECORD: token}, "parent": None, "start_time": 1000}
    return Operation("create", token, {"experiment": experiment, **content})


def point(run: str, step: int) -> Operation:
    return Operation("metrics", run, {"metrics": [["a", step / 4, 1000 + step, step]]})


def test_a_run_is_made_and_filled_under_the_id_that_it_was_given(
    spool: Spool, experiment: Experiment
):
    token = new_token()
    for operation in (creation(experiment.id, token), point(token, 1), point(token, 2)):
        spool.append(operation)
    spool.append(Operation("artifact", token, {"folder": "b", "is_table": False}, "c.txt"), b"1")
    assert replay(spool, experiment.client) == Sent(4, 0, None)
    assert spool.count() == 0
    run_id = id_of(spool, experiment.client, token)
    points = experiment.client.get_metric_history(run_id, "a")
    assert [(p.step, p.value) for p in points] == [(1, 0.25), (2, 0.5)]
    assert [f.path for f in experiment.client.list_artifacts(run_id, "b")] == ["b/c.txt"]


def test_a_token_of_another_host_is_looked_up_and_one_of_nobody_refused(
    spool: Spool, experiment: Experiment
):
    token = new_token()
    made = experiment.client.create_run(experiment.id, tags={RECORD: token})
    assert id_of(spool, experiment.client, token) == made.info.run_id
    assert spool.run_id(token) == made.info.run_id  # not asked for again
    assert id_of(spool, experiment.client, "f" * 32) == "f" * 32
    with pytest.raises(RefusedError, match="there is no run"):
        id_of(spool, experiment.client, new_token())


def test_what_is_refused_is_put_aside_and_the_rest_is_sent(
    spool: Spool, run: Run, caplog: pytest.LogCaptureFixture
):
    gone, token = new_token(), new_token()
    for operation in (creation("999", token), point(token, 1), point(gone, 1), point(run.id, 1)):
        spool.append(operation)
    with caplog.at_level(logging.WARNING, "segexp.tracking"):
        assert replay(spool, run.client) == Sent(1, 3, None)
    assert spool.refused() == 3
    assert [p.value for p in run.client.get_metric_history(run.id, "a")] == [0.25]
    assert any("could not be created" in message for message in caplog.messages)


def test_trouble_stops_it_and_nothing_is_skipped(
    spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch
):
    for step in (1, 2, 3):
        spool.append(point(run.id, step))
    real, calls = MlflowClient.log_batch, []

    def second_fails(self: MlflowClient, *words: object, **named: object) -> None:
        calls.append(named)
        if len(calls) == 2:
            raise MlflowException("the database is locked")
        real(self, *words, **named)

    monkeypatch.setattr(MlflowClient, "log_batch", second_fails)
    assert replay(spool, run.client) == Sent(1, 0, "the database is locked")
    assert spool.count() == 2
    assert replay(spool, run.client) == Sent(2, 0, None)
    assert [p.step for p in run.client.get_metric_history(run.id, "a")] == [1, 2, 3]
