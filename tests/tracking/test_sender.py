"""A real MLflow server that is away, hangs, answers with errors, or whose answers are lost."""

import json
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as Recorded
from mlflow.entities import ViewType

from harness.tracking_server import Outage, Proxy, free_port, start_mlflow, stop, wait_until_ready
from segexp import tracking
from segexp.cli.sync import sync as sync_command
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError, WorkError
from segexp.core.run_token import is_token
from segexp.study.single import run_training
from segexp.tracking import Experiment, Run, drain, pending_records, sender, sync
from segexp.tracking.operations import Operation
from segexp.tracking.spool import spool_of
from tests.tiny_study import Said, states
from tests.tiny_study import run as run_study_of

# What no call may take: far from MLflow's own time-out of 10 s, and from a slow test machine.
STALLED = 2.0
OUTAGES = [outage for outage in Outage if outage is not Outage.NONE]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server that is only started once: that takes 3 to 15 s."""
    port = free_port()
    process = start_mlflow(tmp_path_factory.mktemp("server"), port)
    try:
        wait_until_ready(port)
        # The first requests take a second: the server loads what it needs for them.
        client = MlflowClient(f"http://127.0.0.1:{port}")
        client.create_run("0", run_name="warm")
        client.search_runs(["0"])
        yield port
    finally:
        stop(process, signal.SIGKILL)


@pytest.fixture
def proxy(server: int) -> Iterator[Proxy]:
    proxy = Proxy(server)
    yield proxy
    proxy.close()


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server hangs in the test, so none handles late what it was sent before it was away."""
    monkeypatch.setattr(sender, "_SETTLE", 0.05)
    monkeypatch.setattr(sender, "_FIRST_PAUSE", 0.05)


@pytest.fixture
def experiment(proxy: Proxy, tmp_path: Path) -> Experiment:
    return tracking.open_experiment(tmp_path, proxy.uri, tmp_path.name)


@pytest.fixture
def run(experiment: Experiment) -> Run:
    return tracking.start_run(experiment, "street", {"segexp.kind": "study"}, {"seed": 0})


def drained(experiment: Experiment) -> None:
    assert tracking.drain(experiment.project, experiment.uri, 60) == 0


def recorded(experiment: Experiment) -> dict[str, Recorded]:
    """All runs of an experiment by name, of which no two may be the same."""
    runs = experiment.client.search_runs([experiment.id], run_view_type=ViewType.ALL)
    names = [run.info.run_name for run in runs]
    assert len(names) == len(set(names))
    return {run.info.run_name: run for run in runs}


def history(experiment: Experiment, run_id: str, name: str) -> list[tuple[int, float]]:
    """Every point of a metric in the order of time."""
    points = experiment.client.get_metric_history(run_id, name)
    return [(p.step, p.value) for p in sorted(points, key=lambda p: (p.timestamp, p.step))]


def content(experiment: Experiment, run_id: str, name: str) -> bytes:
    return tracking.read_artifact(experiment.project, experiment.uri, run_id, name)


@dataclass
class Stopwatch:
    """Calls things and remembers the longest call."""

    longest: float = 0.0

    def __call__(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        started = time.monotonic()
        answer = call(*arguments, **named)
        self.longest = max(self.longest, time.monotonic() - started)
        return answer


NOTE = "mlflow.note.content"
TAGS = {"segexp.kind": "trial", "segexp.trial": "0", "segexp.study": "street"}


def record_everything(timed: Stopwatch, experiment: Experiment, run: Run, tmp_path: Path) -> Run:
    """Call every function that records, while the server is away."""
    (tmp_path / "bundle" / "deep").mkdir(parents=True)
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    (tmp_path / "bundle" / "deep" / "weights").write_bytes(b"\x00" * 100_000)
    (tmp_path / "confusions.npz").write_bytes(b"\x01\x02")
    child: Run = timed(tracking.start_run, experiment, "street-0000", TAGS, {"lr": 0.1}, run)
    timed(tracking.log_yaml, child, {"name": "straße"}, "mapping.yaml")
    for step in range(1, 6):
        timed(tracking.log_metrics, child, {"val/miou": step / 7, "loss": 0.5}, step=step)
        timed(tracking.log_metrics, run, {"best/miou": step / 7}, step=step)
    timed(tracking.log_table, child, {"class": ["a", "b"], "iou": [0.1, None]}, "iou.json")
    timed(tracking.log_table, child, {"class": ["b"], "iou": [1 / 3]}, "iou.json")
    timed(tracking.log_bytes, child, b"\x89PNG", "overlays/a b.png")
    timed(tracking.log_file, child, tmp_path / "confusions.npz")
    timed(tracking.log_text, child, "<p>", "page.html")
    timed(tracking.log_directory, child, tmp_path / "bundle", "bundle")
    assert timed(tracking.running_trials, run, "street") == []
    assert timed(tracking.attach_run, experiment, run.id) == run
    assert timed(tracking.attach_run, experiment, child.id) == child
    timed(tracking.set_tags, child, {"segexp.common_space": "street8"})
    timed(tracking.close_run, child, "FAILED", "FAIL", "DivergedError: nan", "0000 merged10 Unet")
    timed(tracking.write_note, run, "### done", of_experiment=True)
    timed(tracking.end_run, run, "FINISHED")
    return child


@pytest.mark.slow
@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_holds_up_no_call_and_loses_and_doubles_nothing(
    proxy: Proxy, experiment: Experiment, run: Run, tmp_path: Path, outage: Outage
):
    timed = Stopwatch()
    with proxy.showing(outage):
        child = record_everything(timed, experiment, run, tmp_path)
        ended = time.time() * 1000
        assert tracking.pending_records(experiment.project, experiment.uri) >= 20
    assert timed.longest < STALLED
    drained(experiment)

    runs = recorded(experiment)
    assert set(runs) == {"street", "0000 merged10 Unet"}
    parent, trial = runs["street"], runs["0000 merged10 Unet"]
    assert parent.info.run_id == run.id
    assert parent.info.status == "FINISHED"
    of_experiment = experiment.client.get_experiment(experiment.id).tags
    assert parent.data.tags[NOTE] == of_experiment[NOTE] == "### done"
    assert history(experiment, run.id, "best/miou") == [(s, s / 7) for s in range(1, 6)]
    assert (trial.info.status, trial.data.params) == ("FAILED", {"lr": "0.1"})
    assert trial.info.end_time <= ended  # when it ended, not when the server heard of it
    assert TAGS.items() <= trial.data.tags.items()
    assert trial.data.tags["mlflow.parentRunId"] == run.id
    assert trial.data.tags["segexp.common_space"] == "street8"
    assert trial.data.tags["segexp.state"] == "FAIL"
    assert trial.data.tags["segexp.failure"] == "DivergedError: nan"
    tables = [{"path": "iou.json", "type": "table"}]
    assert json.loads(trial.data.tags["mlflow.loggedArtifacts"]) == tables
    points = history(experiment, trial.info.run_id, "val/miou")
    assert points == [(s, s / 7) for s in range(1, 6)]
    assert len(history(experiment, trial.info.run_id, "loss")) == 5
    table = json.loads(content(experiment, child.id, "iou.json"))
    assert table == {"columns": ["class", "iou"], "data": [["b", 0.3333]]}
    assert content(experiment, child.id, "mapping.yaml").decode() == 'name: "stra\\xDFe"\n'
    assert content(experiment, child.id, "overlays/a b.png") == b"\x89PNG"
    assert content(experiment, child.id, "confusions.npz") == b"\x01\x02"
    assert content(experiment, child.id, "page.html") == b"<p>"
    assert content(experiment, child.id, "bundle/bundle.json") == b"{}"
    assert content(experiment, child.id, "bundle/deep/weights") == b"\x00" * 100_000


@pytest.mark.usefixtures("settled")
def test_a_creation_whose_answer_was_lost_makes_one_run(proxy: Proxy, experiment: Experiment):
    with proxy.showing(Outage.CUT, cut_only="runs/create"):
        run = tracking.start_run(experiment, "street", {}, {"seed": 0})
        tracking.log_metrics(run, {"a": 0.5}, step=1)
        drained(experiment)  # while no creation is ever answered
    assert len([line for line in proxy.seen if "runs/create" in line]) == 1
    (found,) = recorded(experiment).values()
    assert (found.data.params, found.data.metrics) == ({"seed": "0"}, {"a": 0.5})


def test_a_run_on_a_server_that_answers_has_its_own_id(experiment: Experiment, run: Run):
    assert not is_token(run.id)
    drained(experiment)
    assert experiment.client.get_run(run.id).data.params == {"seed": "0"}


def test_nothing_is_printed_when_a_run_ends(
    experiment: Experiment, run: Run, capfd: pytest.CaptureFixture[str]
):
    tracking.end_run(run, "FINISHED")
    drained(experiment)
    assert capfd.readouterr().out == ""


# What a process of its own does with a pickled experiment.
FILLS = """
import os, pickle, signal, sys
from segexp import tracking
experiment = pickle.loads(bytes.fromhex(sys.argv[1]))
trials, epochs = int(sys.argv[2]), int(sys.argv[3])
for trial in range(trials):
    run = tracking.start_run(experiment, f"{sys.argv[4]}-{trial}", {}, {"trial": trial})
    for epoch in range(1, epochs + 1):
        tracking.log_metrics(run, {"a": trial + 1 / epoch, "b": 0.5}, step=epoch)
    tracking.log_text(run, str(trial), "trial.txt")
    tracking.end_run(run, "FINISHED")
print("filled", flush=True)
if sys.argv[5] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
elif sys.argv[5] == "send":
    tracking.drain(experiment.project, experiment.uri, 60)
"""


def filling(
    experiment: Experiment, trials: int, epochs: int, name: str, then: str
) -> subprocess.Popen[str]:
    words = [pickle.dumps(experiment).hex(), str(trials), str(epochs), name, then]
    command = [sys.executable, "-c", FILLS, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def assert_filled(experiment: Experiment, trials: int, epochs: int, *names: str) -> None:
    runs = recorded(experiment)
    assert set(runs) == {f"{name}-{trial}" for name in names for trial in range(trials)}
    for name, run in runs.items():
        trial = int(name.rpartition("-")[2])
        assert (run.info.status, run.data.params) == ("FINISHED", {"trial": str(trial)})
        expected = [(epoch, trial + 1 / epoch) for epoch in range(1, epochs + 1)]
        assert history(experiment, run.info.run_id, "a") == expected
        assert len(history(experiment, run.info.run_id, "b")) == epochs
        assert content(experiment, run.info.run_id, "trial.txt") == str(trial).encode()


@pytest.fixture
def killed(proxy: Proxy, experiment: Experiment, tmp_path: Path) -> Experiment:
    """An experiment in whose project a process was killed before it could send anything.

    Nothing of this process sends from there unasked.
    """
    elsewhere = replace(experiment, project=tmp_path / "killed")
    elsewhere.project.mkdir()
    (elsewhere.project / "config.yaml").write_text("{}")
    with proxy.showing(Outage.REFUSED):
        assert filling(elsewhere, 3, 4, "killed", "kill").wait() == -signal.SIGKILL
    assert tracking.pending_records(elsewhere.project, proxy.uri) == 3 * (2 + 4 + 2)
    assert recorded(experiment) == {}
    return elsewhere


def test_what_a_killed_process_spooled_is_sent_once_by_sync(
    killed: Experiment, capsys: pytest.CaptureFixture[str]
):
    sync_command(project=killed.project)
    assert capsys.readouterr().err == f"{killed.uri}: 24 records sent\n"
    assert tracking.pending_records(killed.project, killed.uri) == 0
    assert_filled(killed, 3, 4, "killed")


@pytest.mark.slow
@pytest.mark.parametrize("requests", [1, 2, 9, 20])
def test_a_process_that_is_killed_while_it_sends_doubles_nothing(
    proxy: Proxy, killed: Experiment, requests: int
):
    code = """
import pickle, sys
from segexp import tracking
experiment = pickle.loads(bytes.fromhex(sys.argv[1]))
tracking.sync(experiment.project, experiment.uri)
"""
    proxy.seen.clear()
    sends = subprocess.Popen([sys.executable, "-c", code, pickle.dumps(killed).hex()])
    while len(proxy.seen) < requests and sends.poll() is None:
        time.sleep(0.001)
    sends.kill()
    assert sends.wait() == -signal.SIGKILL
    assert tracking.pending_records(killed.project, killed.uri) > 0
    assert tracking.sync(killed.project, killed.uri).left == 0
    assert_filled(killed, 3, 4, "killed")


@pytest.mark.slow
def test_processes_that_record_together_keep_all_through_outages(
    proxy: Proxy, experiment: Experiment
):
    with proxy.showing(Outage.CUT):
        processes = [filling(experiment, 2, 5, name, "send") for name in ("x", "y")]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "filled\n"
    assert [process.wait() for process in processes] == [0, 0]
    drained(experiment)
    assert_filled(experiment, 2, 5, "x", "y")


def test_an_unpickled_run_asks_the_server_nothing(proxy: Proxy, experiment: Experiment, run: Run):
    drained(experiment)
    code = "import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1])).client.tracking_uri)"
    proxy.seen.clear()
    command = [sys.executable, "-c", code, pickle.dumps(run).hex()]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == proxy.uri
    assert proxy.seen == []
    assert pickle.loads(pickle.dumps(experiment)) == experiment


def test_a_record_that_is_refused_is_put_aside_and_said_once(
    experiment: Experiment, run: Run, caplog: pytest.LogCaptureFixture
):
    other = tracking.start_run(experiment, "other", {}, {})
    experiment.client.delete_run(run.id)
    for step in range(1, 4):
        tracking.log_metrics(run, {"a": 0.5}, step=step)
        tracking.log_metrics(other, {"a": 0.5}, step=step)
    drained(experiment)
    assert len(history(experiment, tracking.known_id(other), "a")) == 3
    spool = spool_of(experiment.project, experiment.uri)
    reasons = [path.read_text() for path in (spool.directory / "refused").glob("*/reason.txt")]
    assert len(reasons) == 3
    assert all("must be in the 'active' state" in reason for reason in reasons)
    (said,) = caplog.messages
    assert said.startswith(f"the tracking server refused a record of run {run.id}: ")


@pytest.mark.usefixtures("settled")
def test_what_belongs_to_a_run_that_cannot_be_created_is_put_aside(
    proxy: Proxy, experiment: Experiment, caplog: pytest.LogCaptureFixture
):
    gone = tracking.open_experiment(experiment.project, proxy.uri, f"{experiment.name}-gone")
    good = tracking.start_run(experiment, "good", {}, {})
    gone.client.delete_experiment(gone.id)
    with proxy.showing(Outage.REFUSED):
        bad = tracking.start_run(gone, "bad", {}, {})
        tracking.log_metrics(bad, {"a": 0.5}, step=1)
        tracking.log_metrics(good, {"a": 0.5}, step=1)
    assert is_token(bad.id)
    drained(experiment)
    assert set(recorded(experiment)) == {"good"}
    assert history(experiment, good.id, "a") == [(1, 0.5)]
    assert spool_of(experiment.project, experiment.uri).refused() == 3
    assert tracking.attach_run(experiment, bad.id) is None
    refusals = [message for message in caplog.messages if "refused a record" in message]
    assert any("could not be created" in message for message in refusals)


def test_a_run_that_was_gone_is_not_attached_to(experiment: Experiment, run: Run):
    assert tracking.attach_run(experiment, run.id) == run
    assert tracking.attach_run(experiment, None) is None
    assert tracking.attach_run(experiment, "0" * 32) is None
    assert tracking.attach_run(experiment, "0" * 24 + "-pending") is None
    drained(experiment)
    experiment.client.delete_run(run.id)
    assert tracking.attach_run(experiment, run.id) is None


@pytest.mark.usefixtures("settled")
def test_a_run_is_attached_to_by_its_token_before_and_after_it_was_created(
    proxy: Proxy, experiment: Experiment
):
    with proxy.showing(Outage.REFUSED):
        run = tracking.start_run(experiment, "street", {}, {})
        tracking.end_run(run, "KILLED")
        assert tracking.attach_run(experiment, run.id) == run
    drained(experiment)
    assert recorded(experiment)["street"].info.status == "RUNNING"
    tracking.end_run(run, "KILLED")
    drained(experiment)
    assert recorded(experiment)["street"].info.status == "KILLED"
    assert tracking.attach_run(experiment, run.id) == run


@pytest.mark.usefixtures("settled")
def test_another_host_finds_a_run_by_its_token(
    proxy: Proxy, experiment: Experiment, tmp_path: Path
):
    with proxy.showing(Outage.REFUSED):
        run = tracking.start_run(experiment, "street", {}, {})
        tracking.log_text(run, "1", "a.txt")
    drained(experiment)
    elsewhere = tracking.open_experiment(tmp_path / "elsewhere", proxy.uri, experiment.name)
    attached = tracking.attach_run(elsewhere, run.id)
    assert attached is not None
    tracking.log_metrics(attached, {"a": 0.5}, step=1)
    drained(elsewhere)
    assert recorded(experiment)["street"].data.metrics == {"a": 0.5}
    assert content(elsewhere, run.id, "a.txt") == b"1"


@pytest.mark.usefixtures("settled")
def test_running_trials_are_those_that_the_server_and_the_spool_agree_on(
    proxy: Proxy, experiment: Experiment, run: Run
):
    def begin(number: int) -> Run:
        tags = {"segexp.trial": str(number), "segexp.study": "street"}
        return tracking.start_run(experiment, f"street-{number}", tags, {}, run)

    first, second = begin(0), begin(1)
    running = tracking.running_trials(run, "street")
    assert sorted((number, found.id) for number, found in running) == [
        (0, first.id),
        (1, second.id),
    ]
    with proxy.showing(Outage.REFUSED):
        tracking.close_run(first, "FINISHED", "COMPLETE")
        assert tracking.running_trials(run, "street") == []
    drained(experiment)
    assert [number for number, _ in tracking.running_trials(run, "street")] == [1]
    assert tracking.running_trials(run, "another") == []
    with proxy.showing(Outage.HANGING):
        assert tracking.running_trials(run, "street") == []


@pytest.mark.parametrize("outage", [Outage.REFUSED, Outage.HANGING, Outage.ERRORS])
def test_a_server_that_is_away_at_the_start_is_a_work_error(
    proxy: Proxy, tmp_path: Path, outage: Outage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with proxy.showing(outage), pytest.raises(WorkError, match=f"tracking.uri: {proxy.uri}: "):
        tracking.open_experiment(tmp_path, proxy.uri, "street")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_study_and_a_training_end_with_the_server_away_and_say_what_waits(
    project: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("segexp.study.run.SYNC_SECONDS", 0.2)
    settings = {"tracking.uri": proxy.uri, "tracking.experiment": project.parent.name}
    waits = re.escape(proxy.uri) + r" does not answer: \d+ records wait .* `segexp sync` sends them"

    def leave(*_: int) -> None:
        proxy.outage = Outage.ERRORS

    display = Said(on_step=leave)
    study, ran = run_study_of(project, display, trials=1, **settings)
    assert (states(study), ran) == (["COMPLETE"], 1)
    assert re.fullmatch(waits, display.lines[-1])

    proxy.outage = Outage.NONE
    display = Said(on_step=leave)
    config = load_config(project / "config.yaml", {**settings, "epochs": 1})
    run_training(project, config, display)
    assert re.fullmatch(waits, display.lines[-1])

    proxy.outage = Outage.NONE
    assert tracking.sync(project, proxy.uri).left == 0
    runs = recorded(tracking.open_experiment(project, proxy.uri, project.parent.name))
    assert [run.info.status for run in runs.values()] == ["FINISHED"] * 3
    assert all(run.data.metrics for run in runs.values())


def test_processes_that_open_an_experiment_together_open_the_same(proxy: Proxy, tmp_path: Path):
    ids: list[str] = []

    def open_it() -> None:
        ids.append(tracking.open_experiment(tmp_path, proxy.uri, f"{tmp_path.name}-at-once").id)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1


def test_an_artifact_that_waits_is_said_to_wait(experiment: Experiment, tmp_path: Path):
    spool = spool_of(tmp_path / "b", experiment.uri)
    spool.append(Operation("status", "0" * 24 + "-pending", {"status": "RUNNING", "end_time": 1}))
    with pytest.raises(InputError, match=r"no run '0*-pending'.*1 records wait, `segexp sync`"):
        tracking.read_artifact(tmp_path / "b", experiment.uri, "0" * 24 + "-pending", "a.txt")


@pytest.mark.slow
def test_a_kill_between_two_files_of_a_directory_leaves_the_first(
    experiment: Experiment, run: Run, tmp_path: Path
):
    for name in ("bundle", "local"):
        (tmp_path / name).mkdir()
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / "bundle" / name).write_text(name)
    code = """
import pickle, sys
from pathlib import Path
from segexp import tracking
from segexp.core import failpoint
failpoint.choose("mid_artifact:1")
tracking.log_directory(pickle.loads(bytes.fromhex(sys.argv[1])), Path(sys.argv[2]), "bundle")
"""
    local = tracking.start_run(
        tracking.open_experiment(tmp_path / "local", None, "street"), "street", {}, {}
    )
    for target in (run, local):
        command = [sys.executable, "-c", code, pickle.dumps(target).hex(), tmp_path / "bundle"]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    drained(experiment)
    for target in (run, local):
        found = target.client.list_artifacts(target.id, "bundle")
        assert [file.path for file in found] == ["bundle/a.txt"]


def test_a_database_has_no_spool(tmp_path: Path):
    for uri in (None, "sqlite:///mlflow.db"):
        assert pending_records(tmp_path, uri) == 0
        assert drain(tmp_path, uri, 10) == 0
        assert sync(tmp_path, uri).sent == 0
    assert list(tmp_path.iterdir()) == []
