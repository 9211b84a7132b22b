from mlflow.entities import ViewType

from segexp import tracking
from segexp.tracking import Experiment, Run


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
