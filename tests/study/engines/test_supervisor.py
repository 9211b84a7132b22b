"""Worker processes that are killed, stopped and told to stop, in studies that really run."""

import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path

import optuna
import psutil
import pytest
import torch

from harness.postgres import PostgresServer, postgres_server, postgres_url  # noqa: F401
from harness.project import PRECISION
from segexp.core.errors import AwayError, Interrupted, WorkError
from segexp.core.lease import lease_seconds
from segexp.study.abandoned import left_behind
from segexp.study.attributes import CRASHES, FAILURE, OWNER, RETRY_OF
from segexp.study.engines._launcher import Worker
from segexp.study.engines._processes import MAX_EARLY_DEATHS, Processes
from segexp.study.engines._seats import Seat
from segexp.study.engines._sent_display import LAST_TRIAL, SentDisplay, sending_log
from segexp.study.engines._supervisor import STOP_SECONDS, _watch
from segexp.study.engines.workers import prepare, process_context
from segexp.study.reconcile import close_abandoned
from segexp.study.stop import NEVER, StopRule
from segexp.study.storage.open import open_storage
from segexp.training.compute import choose_compute
from tests.tiny_study import Said, client_of, finished, record_of, records_of, run, states
from tests.tiny_study import statuses as statuses_of

PATIENCE = 60
"""How long a test waits for what is to happen, in seconds."""


@pytest.fixture(scope="module", autouse=True)
def _workers_start_in_a_plain_environment() -> None:
    """Before a test sets a variable: later ones have workers of the same server."""
    prepare()


@cache
def study_of(project: Path) -> optuna.Study:
    return optuna.load_study(study_name="tiny", storage=open_storage(None, project))


def worker_of(project: Path, trial: int) -> psutil.Process:
    """The process that runs a trial."""
    return psutil.Process(study_of(project).trials[trial].user_attrs[OWNER]["pid"])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def workers() -> list[psutil.Process]:
    """The processes that run trials now."""
    server = psutil.Process(forkserver._forkserver._forkserver_pid)
    return [p for p in server.children() if p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(autouse=True)
def _nobody_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: workers() == [])


@pytest.mark.slow
def test_two_workers_reach_the_budget_exactly(project: Path) -> None:
    display = Said()
    pids: set[int] = set()
    display.on_epoch = lambda trial, epoch: pids.update(p.pid for p in workers())
    study, ran = run(project, display, workers=2, trials=4)
    assert ran == 4
    assert states(study) == ["COMPLETE"] * 4
    assert [t.number for t in study.trials] == list(range(4))
    assert sorted(display.started) == list(range(4))
    assert sorted(display.ended) == [(number, "COMPLETE") for number in range(4)]
    assert len(pids) == 2
    assert {t.user_attrs[OWNER]["pid"] for t in study.trials} <= pids
    assert len({t.params["learning_rate"] for t in study.trials}) == 4
    assert statuses_of(project, study) == ["FINISHED"] * 4
    assert record_of(project, study).info.status == "FINISHED"
    assert left_behind(open_storage(None, project)) == []
    assert run(project, workers=2, trials=4)[1] == 0


@pytest.mark.slow
def test_two_workers_on_every_device_score_as_one_alone_does(
    project: Path, tmp_path: Path, lay_out_project: Callable[[Path], Path], device: torch.device
) -> None:
    display = Said()
    pids: set[int] = set()
    display.on_epoch = lambda trial, epoch: pids.update(p.pid for p in workers())
    study, ran = run(project, display, workers=2, trials=4)
    assert (ran, states(study), len(pids)) == (4, ["COMPLETE"] * 4, 2)
    name = choose_compute(PRECISION).description
    assert any("2 workers" in line and name in line for line in display.lines)
    alone, _ = run(lay_out_project(tmp_path / "alone"), workers=1, trials=4)
    # Two workers may ask for params in another order; a GPU's sums have no fixed one.
    scores = [{t.params["learning_rate"]: t.value for t in s.trials} for s in (study, alone)]
    tolerance = 1e-9 if device.type == "cpu" else 0.02
    assert scores[0] == pytest.approx(scores[1], abs=tolerance)


@pytest.mark.slow
def test_a_trial_whose_workers_die_fails_with_the_reason_and_the_study_continues(
    project: Path,
) -> None:
    signals = [signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS]
    killed: list[int] = []

    def kill(trial: int, epoch: int) -> None:
        params = study_of(project).trials[trial].params
        if params == {"learning_rate": 1e-3} and trial not in killed:  # the baseline
            worker_of(project, trial).send_signal(signals[len(killed)])
            killed.append(trial)

    display = Said(on_step=kill)
    study, _ = run(project, display, workers=1, trials=3, epochs=6)
    assert len(killed) == 3
    assert finished(study) == ["FAIL", "COMPLETE", "COMPLETE"]
    first, second, third = (study.trials[number] for number in killed)
    assert (second.user_attrs[RETRY_OF], third.user_attrs[RETRY_OF]) == (0, second.number)
    assert [t.user_attrs.get(CRASHES, 0) for t in (first, second, third)] == [0, 1, 2]
    assert first.user_attrs[FAILURE] == (
        "its worker was ended by SIGKILL (the system does that when memory runs out)"
    )
    assert second.user_attrs[FAILURE] == "its worker was ended by SIGSEGV"
    assert third.user_attrs[FAILURE] == (
        "its worker was ended by SIGBUS; given up after 3 attempts"
    )
    shown = dict(zip(display.ended, display.texts, strict=True))
    assert shown[killed[1], "INTERRUPTED"] == "its worker was ended by SIGSEGV; it is tried again"
    assert shown[killed[2], "FAIL"] == third.user_attrs[FAILURE]
    assert f"trial {killed[1]} tries trial 0 again" in display.lines
    expected = {**dict.fromkeys(killed[:2], "KILLED"), killed[2]: "FAILED"}
    runs = records_of(project, study)
    assert [r.info.status for r in runs] == [
        expected.get(number, "FINISHED") for number in range(len(study.trials))
    ]
    assert runs[killed[2]].data.tags["segexp.failure"] == third.user_attrs[FAILURE]
    assert record_of(project, study).info.status == "FINISHED"


@pytest.mark.slow
def test_a_trial_whose_worker_dies_resumes_from_its_checkpoint(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGEXP_CHECKPOINT_SECONDS", "0")

    def kill(trial: int, epoch: int) -> None:
        if (trial, epoch) == (0, 2):
            worker_of(project, trial).kill()

    display = Said(on_epoch=kill)
    study, _ = run(project, display, workers=1, trials=1, epochs=12)
    assert states(study) == ["FAIL", "COMPLETE"]
    assert display.epochs[:2] == [(0, 1), (0, 2)]
    retried = [epoch for trial, epoch in display.epochs if trial == 1]
    assert retried[0] > 2
    assert retried == list(range(retried[0], 13))
    assert f"resuming after epoch {retried[0] - 1}, from its checkpoint" in display.lines
    assert list(study.trials[1].intermediate_values) == list(range(1, 13))
    history = client_of(project).get_metric_history(
        records_of(project, study)[1].info.run_id, "val/miou_common"
    )
    assert [m.step for m in history] == list(range(1, 13))
    straight, _ = run(project, workers=0, trials=1, epochs=12, name="straight")
    assert straight.trials[0].intermediate_values == study.trials[1].intermediate_values
    assert straight.trials[0].value == study.trials[1].value


@pytest.mark.slow
def test_a_paused_worker_taken_for_dead_discards_its_result_and_continues(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGEXP_LEASE_SECONDS", "2")
    pids: list[int] = []

    def stop(trial: int, epoch: int) -> None:
        if pids:
            return
        worker = worker_of(project, trial)
        pids.append(worker.pid)
        worker.suspend()
        # What another process does that runs the study as well.
        study = study_of(project)
        assert close_abandoned(study)[0] == []
        closed: list[int] = []
        wait_until(lambda: bool(closed.extend(close_abandoned(study)[0]) or closed))
        assert closed == [trial]
        worker.resume()

    display = Said(on_step=stop)
    study, _ = run(project, display, workers=1, trials=2, epochs=6)
    assert states(study) == ["FAIL", "COMPLETE", "COMPLETE"]
    assert display.ended == [(0, "DISCARDED"), (1, "COMPLETE"), (2, "COMPLETE")]
    assert [t.user_attrs[OWNER]["pid"] for t in study.trials] == pids * 3
    assert study.trials[1].user_attrs[RETRY_OF] == 0
    assert study.trials[1].params == study.trials[0].params
    assert statuses_of(project, study) == ["KILLED", "FINISHED", "FINISHED"]
    for run_of_trial in records_of(project, study)[1:]:
        history = client_of(project).get_metric_history(run_of_trial.info.run_id, "train/loss")
        assert [m.step for m in history] == list(range(1, 7))
    assert lease_seconds() == 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_the_workers_close_what_they_have_open(
    project: Path, number: signal.Signals
) -> None:
    running: set[int] = set()

    def interrupt(trial: int, epoch: int) -> None:
        running.add(trial)
        if len(running) == 2:
            raise Interrupted(number)

    display = Said(on_step=interrupt)
    with pytest.raises(Interrupted) as caught:
        run(project, display, workers=2, trials=4, epochs=300)
    assert caught.value.signal_number == number
    assert workers() == []
    study = study_of(project)
    assert states(study) == ["FAIL", "FAIL", "WAITING", "WAITING"]
    assert [t.user_attrs[FAILURE] for t in study.trials[:2]] == ["interrupted by a signal"] * 2
    assert [t.user_attrs[CRASHES] for t in study.trials[2:]] == [0, 0]
    assert statuses_of(project, study) == ["KILLED", "KILLED"]
    assert record_of(project, study).info.status == "KILLED"


def test_a_worker_that_does_not_stop_is_killed_and_its_trial_is_in_line(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STOP_SECONDS, signal.SIGINT, 0.5)

    def hang(trial: int, epoch: int) -> None:
        worker_of(project, trial).suspend()  # as one that waits for a device for ever
        raise Interrupted(signal.SIGINT)

    with pytest.raises(Interrupted):
        run(project, Said(on_step=hang), workers=1, trials=1, epochs=300)
    study = study_of(project)
    assert states(study) == ["FAIL", "WAITING"]
    assert statuses_of(project, study) == ["KILLED"]


def test_what_fails_in_a_worker_is_raised_here(project: Path) -> None:
    diverging = {
        "optimizer": "sgd",
        "weight_decay": 10,
        "gradient_clip": 0,
        "schedule": "constant",
        "warmup_epochs": 0,
        "batch_size": 1,
        "space": {"learning_rate": {"low": 90.0, "high": 100.0}},
        "baseline": {"learning_rate": 95.0},
    }
    with pytest.raises(WorkError, match="the first 3 trials all failed: DivergedError"):
        run(project, workers=1, trials=9, epochs=2, **diverging)
    assert states(study_of(project)) == ["FAIL"] * 3
    assert record_of(project, study_of(project)).info.status == "FAILED"


def test_when_time_is_up_no_worker_is_started(project: Path) -> None:
    display = Said()
    study, ran = run(project, display, workers=2, stop=StopRule(deadline=0.0), trials=2)
    assert ran == 0
    assert states(study) == ["WAITING"]
    told = [line for line in display.lines if str(project) not in line]  # its name has the word
    assert not any("worker" in line for line in told)
    assert record_of(project, study).info.status == "FINISHED"
    assert run(project, workers=2, trials=2)[1] == 2


@pytest.mark.slow
def test_workers_end_a_study_that_stops_improving_and_it_resumes_without_the_rule(
    project: Path,
) -> None:
    study, ran = run(project, workers=2, stop=StopRule(stagnation=2), trials=100)
    assert 3 <= ran < 100
    assert states(study) == ["COMPLETE"] * ran
    assert record_of(project, study).info.status == "FINISHED"
    assert run(project, workers=2, trials=ran + 1)[1] == 1


def test_if_one_worker_stops_the_others_are_told() -> None:
    said = Said()
    team = []
    for body in (stops, ends_when_told):
        here, there = multiprocessing.Pipe()
        process = process_context().Process(target=body, args=(there,))
        process.start()
        there.close()
        team.append(Worker(here, said, process, Seat(1)))
    assert _watch(list(team), [], Processes(1), NEVER) == 0
    assert [worker.process.exitcode for worker in team] == [0, 0]


def test_a_traceback_that_a_worker_logs_is_shown_here_where_it_is_wanted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for level, shown in [(logging.INFO, []), (logging.DEBUG, ["trial 3 failed"])]:
        caplog.clear()
        with caplog.at_level(level, "segexp"):
            here, there = multiprocessing.Pipe()
            process = process_context().Process(target=logs, args=(there,))
            process.start()
            there.close()
            assert _watch([Worker(here, Said(), process)], [], Processes(1), NEVER) == 0
        lines = [record.getMessage().splitlines() for record in caplog.records]
        assert [line for line, *_ in lines] == shown
        assert all(rest[-1] == "ZeroDivisionError: division by zero" for _, *rest in lines)


def test_what_a_worker_of_another_host_logs_has_its_name(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "nc-w3:9433"):
        here, there = multiprocessing.Pipe()
        record = logging.LogRecord("segexp", logging.WARNING, "", 0, "storage db: 100%", None, None)
        SentDisplay(there).log(record)
        there.send(("done", ()))
        assert _watch([Worker(here, Said(), name=name)], [], Processes(1), NEVER) == 0
    assert caplog.messages == ["storage db: 100%", "nc-w3:9433: storage db: 100%"]


def logs(connection: Connection) -> None:
    """As a worker does whose trial fails."""
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        with sending_log(SentDisplay(connection)):
            logging.getLogger("segexp.study.next_trial").debug("trial %d failed", 3, exc_info=True)
    connection.send(("done", ()))


def stops(connection: Connection) -> None:
    """As a worker does whose rule says so."""
    connection.send(("stopped", ()))


def ends_when_told(connection: Connection) -> None:
    """As a worker does that has a trial under way."""
    if connection.poll(PATIENCE) and connection.recv() == LAST_TRIAL:
        connection.send(("done", ()))


def test_workers_that_die_before_they_take_a_trial_end_the_study(project: Path) -> None:
    ended = threading.Event()
    killed: set[int] = set()

    def kill_all() -> None:
        while not ended.is_set():
            for worker in workers():
                worker.kill()
                killed.add(worker.pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill_all)
    killer.start()
    try:
        with pytest.raises(WorkError, match="3 workers ended before they took a trial: its work"):
            run(project, workers=1, trials=1)
    finally:
        ended.set()
        killer.join()
    assert len(killed) == MAX_EARLY_DEATHS
    assert record_of(project, study_of(project)).info.status == "FAILED"
    study, _ = run(project, workers=1, trials=1)
    assert finished(study) == ["COMPLETE"]


@pytest.mark.slow
def test_an_outage_of_the_storage_is_waited_out_and_one_that_lasts_ends_the_study(
    project: Path,
    postgres_server: PostgresServer,  # noqa: F811
    postgres_url: str,  # noqa: F811
) -> None:
    with ExitStack() as outage:
        display = Said(
            on_epoch=lambda trial, epoch: outage.enter_context(postgres_server.away(postgres_url))
        )
        with pytest.raises(AwayError, match="no answer for 1 s"):
            run(project, display, workers=1, trials=2, storage=postgres_url, storage_patience=1)
    assert display.ended == []

    def short(trial: int, epoch: int) -> None:
        with postgres_server.away(postgres_url):
            time.sleep(1)

    study, ran = run(project, Said(on_epoch=short), workers=1, trials=2, storage=postgres_url)
    assert ran == 2
    assert finished(study) == ["COMPLETE", "COMPLETE"]
    assert states(study) == ["FAIL", "COMPLETE", "COMPLETE"]  # number 1 tries number 0 again
    assert study.trials[1].user_attrs[RETRY_OF] == 0
    assert study.trials[1].user_attrs[CRASHES] == 0
    assert study.trials[0].user_attrs[FAILURE] == "interrupted: the storage was away"
