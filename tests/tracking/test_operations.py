"""Operations as a store takes them; here it is a database."""

from pathlib import Path

import pytest
import requests
from mlflow.exceptions import MlflowException

from segexp import tracking
from segexp.tracking import Experiment, Run
from segexp.tracking.operations import RECORD, Operation, RefusedError, apply, find_run, refusal


def itself(run_id: str) -> str:
    return run_id


DATA = {
    "name": "street val",
    "digest": "0123abcd",
    "source_type": "local",
    "source": '{"uri": "/data/street"}',
    "profile": '{"num_rows": 4}',
    "use": "val",
}


def test_applied_twice_it_changes_nothing(run: Run, tmp_path: Path):
    table = tmp_path / "iou.json"
    table.write_text("{}", encoding="utf-8")
    operations = [
        Operation("metrics", run.id, {"metrics": [["val/miou", 0.5, 1000, 1]]}),
        Operation("params", run.id, {"params": {"loss": "focal"}}),
        Operation("tags", run.id, {"tags": {"segexp.state": "PRUNED"}}),
        Operation("inputs", run.id, {"datasets": [DATA]}),
        Operation("artifact", run.id, {"folder": "tables", "is_table": True}, "iou.json"),
        Operation("status", run.id, {"status": "FINISHED", "end_time": 2000}),
        Operation("experiment", "", {"experiment": run.experiment, "tags": {"of": "all"}}),
    ]
    for operation in (*operations, *operations):
        file = table if operation.file else None
        assert apply(run.client, operation, itself, file) == operation.run
    found = run.client.get_run(run.id)
    points = run.client.get_metric_history(run.id, "val/miou")
    assert [(p.timestamp, p.step, p.value) for p in points] == [(1000, 1, 0.5)]
    assert found.data.params["loss"] == "focal"
    assert found.data.tags["segexp.state"] == "PRUNED"
    assert found.data.tags["mlflow.loggedArtifacts"] == (
        '[{"path": "tables/iou.json", "type": "table"}]'
    )
    assert (found.info.status, found.info.end_time) == ("FINISHED", 2000)
    assert run.client.get_experiment(run.experiment).tags["of"] == "all"
    (used,) = found.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("street val", "0123abcd")
    assert [(tag.key, tag.value) for tag in used.tags] == [("mlflow.data.context", "val")]


def test_a_creation_that_may_have_been_applied_makes_no_second_run(experiment: Experiment):
    content = {
        "experiment": experiment.id,
        "name": "street",
        "tags": {RECORD: "t-pending"},
        "parent": None,
        "start_time": 1000,
    }
    operation = Operation("create", "t-pending", content)
    made = apply(experiment.client, operation, itself)
    assert apply(experiment.client, operation, itself, is_repeated=True) == made
    (found,) = experiment.client.search_runs([experiment.id])
    assert (found.info.run_id, found.info.start_time) == (made, 1000)


def test_of_two_runs_that_one_creation_made_one_is_deleted(experiment: Experiment):
    for _ in range(2):
        experiment.client.create_run(experiment.id, tags={RECORD: "t-pending"})
    kept = find_run(experiment.client, "t-pending", [experiment.id])
    (active,) = experiment.client.search_runs([experiment.id])
    assert active.info.run_id == kept
    assert find_run(experiment.client, "t-pending", [experiment.id]) == kept
    assert find_run(experiment.client, "u-pending", [experiment.id]) is None


def test_a_file_that_is_gone_is_refused(run: Run, tmp_path: Path):
    operation = Operation("artifact", run.id, {"folder": None, "is_table": False}, "a.txt")
    with pytest.raises(RefusedError, match=r"the file a\.txt is gone"):
        apply(run.client, operation, itself, tmp_path / "a.txt")


def http_error(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} for https://ann:secret@host/a", response=response)


def test_what_the_operation_is_to_blame_for_is_refused_for_good_and_trouble_is_not(run: Run):
    run.client.delete_run(run.id)
    with pytest.raises(MlflowException) as deleted:
        tracking.log_metrics(run, {"a": 1.0})
    assert "must be in the 'active' state" in (refusal(deleted.value) or "")
    assert refusal(RefusedError("damaged")) == "damaged"
    assert refusal(http_error(404)) == "404 for https://host/a"
    for later in (http_error(401), http_error(429), http_error(503), OSError("no route")):
        assert refusal(later) is None
    assert refusal(MlflowException("pool exhausted")) is None
