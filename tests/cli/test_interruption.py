"""`segexp tune` that is interrupted, killed or out of disk, and run again."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from segexp.study.reconcile import close_abandoned
from tests.cli.running import runs_of, segexp, study_names, study_of, write_study
from tests.small_disk import fill, on_a_small_disk

TUNE = ["tune", "tiny", "--workers", "1", "--set", "epochs=10"]
PATIENCE = 120
"""How long a test waits for what is to happen, in seconds."""

DEMAND = 10
"""How long `segexp` may take to end after a signal, in seconds."""

GRACE = 30
"""The same after SIGTERM where a worker hangs: what Slurm and Kubernetes give."""


class Running:
    """A ``segexp`` command in a session of its own, as a terminal has one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said += line

    def wait_for(self, text: str, after: str = "") -> None:
        """Wait until it has said a text, after another one."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.said.partition(after)[2] if after else text not in self.said:
            assert time.monotonic() < deadline, self.said
            assert self.process.poll() is None, self.said
            time.sleep(0.02)

    def press_ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> tuple[int, float]:
        """Wait for its end; return its exit code, and how long that took."""
        started = time.monotonic()
        code = self.process.wait(timeout=PATIENCE)
        seconds = time.monotonic() - started
        wait_until_gone(self.process.pid)
        self._reader.join()
        return code, seconds

    def workers(self, project: Path) -> list[psutil.Process]:
        """The processes that run trials now."""
        owners = [
            t.user_attrs["segexp.owner"]
            for t in study_of(project, "tiny").trials
            if t.state.name == "RUNNING" and "segexp.owner" in t.user_attrs
        ]
        return [psutil.Process(owner["pid"]) for owner in owners]


@contextmanager
def started(project: Path, *words: str) -> Iterator[Running]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-m", "segexp", *words],
        cwd=project,
        env=environment,
        text=True,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield Running(process)
    finally:
        for member in members(process.pid):
            member.kill()
        process.wait()


def members(session: int) -> list[psutil.Process]:
    """The processes of a session that run."""
    found = []
    for process in psutil.process_iter():
        try:
            in_it = os.getsid(process.pid) == session
            if in_it and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return found


def wait_until_gone(session: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while left := members(session):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def states_of(project: Path) -> list[str]:
    return [t.state.name for t in study_of(project, "tiny").trials]


def statuses_of(project: Path) -> list[str]:
    """The status of the study's run, and those of its trials' runs."""
    (parent,), children = runs_of(project, "tiny")
    return [run.info.status for run in (parent, *children)]


def assert_the_next_run_does_the_rest(project: Path, trials: int = 2) -> None:
    outcome = segexp(project, *TUNE, "--workers", "0", "--trials", str(trials))
    assert outcome.code == 0, outcome.err
    assert f"has its {trials} trials (" in outcome.out
    states = states_of(project)
    assert sorted(set(states)) in (["COMPLETE"], ["COMPLETE", "FAIL"])
    assert states.count("COMPLETE") == trials
    numbers = [t.number for t in study_of(project, "tiny").trials]
    assert numbers == list(range(len(numbers)))
    parent, *children = statuses_of(project)
    assert parent == "FINISHED"
    # A trial that was interrupted before it had a run has none.
    assert children.count("FINISHED") == trials
    assert children.count("KILLED") + trials == len(children)
    again = segexp(project, *TUNE, "--workers", "0", "--trials", str(trials))
    assert "nothing to do" in again.out
    assert states_of(project) == states


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_leaves_nothing_running(project: Path) -> None:
    write_study(project)
    with started(project, *TUNE) as command:
        command.wait_for("epoch", after="trial 1 (2/2)")
        command.press_ctrl_c()
        code, seconds = command.end()
    assert code == 130, command.said
    assert seconds < DEMAND
    assert "interrupted; everything finished so far is kept" in command.said
    assert "Traceback" not in command.said
    assert states_of(project) == ["COMPLETE", "FAIL", "WAITING"]
    before = study_of(project, "tiny").trials
    assert before[1].user_attrs["segexp.failure"] == "interrupted by a signal"
    assert statuses_of(project) == ["KILLED", "FINISHED", "KILLED"]
    _, (_, second) = runs_of(project, "tiny")
    assert second.data.tags["segexp.state"] == "FAIL"
    assert second.data.tags["segexp.failure"] == "interrupted by a signal"

    assert_the_next_run_does_the_rest(project)
    after = study_of(project, "tiny").trials
    assert [t.state.name for t in after] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert after[2].params == after[1].params
    left = (project / ".segexp" / "studies").glob("tiny-*/trial-*")
    best = study_of(project, "tiny").best_trial.number
    assert [path.name for path in left] == [f"trial-{best:04d}"]


@pytest.mark.slow
def test_a_worker_that_hangs_does_not_hold_up_the_end(project: Path) -> None:
    """SIGTERM as a service is stopped; one of two workers waits for a device for ever."""
    write_study(project)
    with started(project, *TUNE, "--workers", "2") as command:
        command.wait_for("epoch 1/10", after="trial 1 (")
        hung, *_ = command.workers(project)
        hung.suspend()
        command.process.send_signal(signal.SIGTERM)
        code, seconds = command.end()
    assert code == 143, command.said
    assert seconds < GRACE
    assert "Traceback" not in command.said
    assert not hung.is_running()
    assert states_of(project) == ["FAIL", "FAIL", "WAITING", "WAITING"]
    assert statuses_of(project) == ["KILLED"] * 3
    assert_the_next_run_does_the_rest(project)


@pytest.mark.slow
def test_a_second_ctrl_c_stops_immediately_and_loses_nothing_finished(project: Path) -> None:
    write_study(project)
    with started(project, *TUNE) as command:
        command.wait_for("epoch", after="trial 1 (2/2)")
        (hung,) = command.workers(project)
        hung.suspend()  # the first one would wait for it
        command.press_ctrl_c()
        command.wait_for("another Ctrl-C stops at once")
        command.press_ctrl_c()
        code, seconds = command.end()
    assert code == 130, command.said
    assert seconds < DEMAND
    assert "Traceback" not in command.said
    assert states_of(project)[0] == "COMPLETE"
    assert_the_next_run_does_the_rest(project)


def test_ctrl_c_while_it_starts_leaves_nothing_behind(project: Path) -> None:
    write_study(project)
    with started(project, *TUNE) as command:
        command.wait_for("loading torch")
        command.press_ctrl_c()
        code, seconds = command.end()
    assert code == 130, command.said
    assert seconds < DEMAND
    assert "Traceback" not in command.said
    assert study_names(project) == []


@pytest.mark.slow
def test_workers_whose_supervisor_was_killed_end_by_themselves(project: Path) -> None:
    write_study(project)
    with started(project, *TUNE, "--workers", "2") as command:
        command.wait_for("epoch 1/10", after="trial 1 (")
        command.process.kill()
        command.end()
    assert "Traceback" not in command.said
    states = states_of(project)
    assert "RUNNING" not in states
    assert statuses_of(project)[0] == "RUNNING"  # nobody was left to end the study's run
    assert_the_next_run_does_the_rest(project)


@pytest.mark.slow
def test_what_was_killed_as_a_whole_is_closed_by_the_next_run_once(project: Path) -> None:
    write_study(project)
    with started(project, *TUNE) as command:
        command.wait_for("epoch", after="trial 1 (2/2)")
        os.killpg(command.process.pid, signal.SIGKILL)
        command.end()
    assert states_of(project) == ["COMPLETE", "RUNNING"]
    assert statuses_of(project) == ["RUNNING", "FINISHED", "RUNNING"]

    # Under the budget of the finished trial the next run only reconciles.
    once = [*TUNE, "--workers", "0", "--trials", "1"]
    again = segexp(project, *once)
    assert again.code == 0, again.err
    assert "trial 1 was left by a process that ended; it is tried again" in again.err
    assert states_of(project) == ["COMPLETE", "FAIL", "WAITING"]
    assert statuses_of(project) == ["FINISHED", "FINISHED", "KILLED"]

    assert close_abandoned(study_of(project, "tiny"))[0] == []
    assert "was left" not in segexp(project, *once).err
    assert states_of(project) == ["COMPLETE", "FAIL", "WAITING"]

    assert_the_next_run_does_the_rest(project)
    after = study_of(project, "tiny").trials
    assert [t.state.name for t in after] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert after[2].params == after[1].params


def tune_on_a_full_disk(disk: Path) -> dict[str, Any]:
    """Tune with room for the databases but not for a checkpoint; with none; with enough."""
    import shutil

    project = disk / "project"
    shutil.copytree(disk.parent / "project", project)
    databases = [project / "mlflow.db", project / "studies" / "optuna.db"]
    found: dict[str, Any] = {}
    for name, free in (("checkpoint", 4_000_000), ("database", 0), ("enough", None)):
        ballast = fill(disk, free) if free is not None else None
        outcome = segexp(project, "tune", "tiny", "--workers", "1")
        if ballast is not None:
            ballast.unlink()
        checks = []
        for path in databases:
            with sqlite3.connect(path) as connection:
                checks += connection.execute("PRAGMA integrity_check").fetchone()
        found[name] = {
            "code": outcome.code,
            "said": outcome.err,
            "integrity": checks,
            "states": states_of(project),
            "reasons": [
                t.user_attrs.get("segexp.failure") for t in study_of(project, "tiny").trials
            ],
            "statuses": statuses_of(project),
        }
    return found


@pytest.mark.slow
def test_a_full_disk_fails_the_trial_and_says_what_to_free_and_is_gone_on_from(
    project: Path,
) -> None:
    write_study(project)
    found = on_a_small_disk(__name__, "tune_on_a_full_disk", project.parent, "100M")
    for name, code in (("checkpoint", 1), ("database", 1), ("enough", 0)):
        assert found[name]["code"] == code, found[name]["said"]
        assert found[name]["integrity"] == ["ok", "ok"]
        assert "Traceback" not in found[name]["said"]
        assert ("MB are free in" in found[name]["said"]) == (code == 1), found[name]["said"]
    full = found["checkpoint"]
    assert full["states"] == ["FAIL", "WAITING"]
    assert full["reasons"][0] == "OSError: [Errno 28] No space left on device"
    assert full["statuses"] == ["FAILED", "KILLED"]
    assert "No space left on device; " in full["said"]
    assert ".segexp/studies/" in full["said"]
    assert "disk is full" in found["database"]["said"]
    done = found["enough"]
    assert "RUNNING" not in done["states"]
    assert done["states"].count("COMPLETE") == 2
    assert done["statuses"][0] == "FINISHED"
    assert set(done["statuses"][1:]) == {"FINISHED", "KILLED"}
