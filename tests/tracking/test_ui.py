"""MLflow's own pages, served for a project."""

import json
import socket
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from harness.tracking_server import free_port
from segexp.core.errors import InputError, WorkError
from segexp.tracking import Experiment
from segexp.tracking.ui import VIEW_TAG, leaderboard_address, served, share_view, view_address


def test_the_address_is_the_one_that_works_in_a_fresh_browser():
    assert leaderboard_address("http://127.0.0.1:5000", "7", "best/miou_common") == (
        "http://127.0.0.1:5000/#/experiments/7/runs?workflowType=machine_learning"
        "&orderByKey=metrics.%60best%2Fmiou_common%60&orderByAsc=false"
    )


def test_a_view_of_the_experiment_has_the_scores_as_columns_and_the_best_first(
    experiment: Experiment,
):
    assert share_view(experiment.project, None, experiment.id, "best/miou_common")
    tags = experiment.client.get_experiment(experiment.id).tags
    assert json.loads(tags[VIEW_TAG]) == {
        "selectedColumns": ["metrics.`best/miou_common`", "metrics.`heldout/miou_common`"],
        "orderByKey": "metrics.`best/miou_common`",
        "orderByAsc": False,
    }
    assert view_address("http://127.0.0.1:5000", experiment.id) == (
        f"http://127.0.0.1:5000/#/experiments/{experiment.id}/runs"
        "?workflowType=machine_learning&viewStateShareKey=segexp"
    )


def test_a_port_that_is_taken_is_refused_with_one_that_is_free(experiment: Experiment):
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        fault = rf"--port {port}: cannot be used \(Address already in use\).*free is --port \d+"
        with pytest.raises(InputError, match=fault), served(experiment.project, None, port):
            pass


def test_without_a_database_it_says_what_makes_one(project: Path):
    (project / "mlflow.db").unlink()
    with (
        pytest.raises(InputError, match=r"no MLflow database .*mlflow\.db yet: `segexp tune`"),
        served(project, None, free_port()),
    ):
        pass


def test_a_server_that_does_not_start_says_why(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("segexp.tracking.ui.sys.executable", "/bin/ls")  # has no option -m MODULE
    with (
        pytest.raises(WorkError, match=r"mlflow ui does not start; it said last: .+"),
        served(experiment.project, None, free_port()),
    ):
        pass


@pytest.mark.slow
def test_it_answers_while_the_block_runs_and_leaves_nothing_behind(experiment: Experiment):
    port = free_port()
    with served(experiment.project, None, port) as server:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
            assert b"MLflow" in page.read()
        assert server.poll() is None
    assert server.poll() is not None
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)
