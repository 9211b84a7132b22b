"""`segexp tune` that is interrupted, or killed, and run again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.trial import TrialState

from cli.running import runs_of, segexp, study_of, write_study
from segexp.reconcile import close_abandoned

TUNE = ["tune", "tiny", "--set", "epochs=8"]


def interrupt_in_the_second_trial(project: Path, number: int) -> tuple[int, str]:
    """Run ``segexp tune`` and send it a signal while trial 1 trains."""
    command = [sys.executable, "-m", "segexp", *TUNE]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, cwd=project, env=environment, text=True, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "trial 1 (2/2)" in said and "epoch" in line:
                process.send_signal(number)
                break
        said += process.stderr.read()
    return process.returncode, said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_what_is_finished_and_leaves_nothing_running(
    project: Path, number: int, code: int
) -> None:
    write_study(project)
    returned, said = interrupt_in_the_second_trial(project, number)
    assert returned == code, said
    assert "interrupted; everything finished so far is kept" in said
    assert "Traceback" not in said
    before = study_of(project, "tiny").trials
    assert [t.state for t in before] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.WAITING]
    assert before[1].user_attrs["segexp.failure"] == "interrupted by a signal"
    (parent,), (first, second) = runs_of(project, "tiny")
    assert [r.info.status for r in (parent, first, second)] == ["KILLED", "FINISHED", "KILLED"]
    assert second.data.tags["segexp.state"] == "FAIL"
    assert second.data.tags["segexp.failure"] == "interrupted by a signal"
    assert not list((project / ".segexp" / "studies").glob("tiny-*/trial-0001"))

    again = segexp(project, *TUNE)
    assert again.code == 0, again.err
    assert "has its 2 trials (2 complete, 1 interrupted)" in again.err
    after = study_of(project, "tiny").trials
    assert [t.state for t in after] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert after[2].params == after[1].params
    (parent,), children = runs_of(project, "tiny")
    assert parent.info.status == "FINISHED"
    assert [r.info.status for r in children] == ["FINISHED", "KILLED", "FINISHED"]


def test_a_kill_is_reconciled_by_the_next_run_once(project: Path) -> None:
    write_study(project)
    returned, said = interrupt_in_the_second_trial(project, signal.SIGKILL)
    assert returned == -signal.SIGKILL, said
    study = study_of(project, "tiny")
    assert study.trials[1].state == TrialState.RUNNING
    (parent,), (_, second) = runs_of(project, "tiny")
    assert parent.info.status == second.info.status == "RUNNING"

    # Under the budget of the finished trial the next run only reconciles.
    again = segexp(project, *TUNE, "--trials", "1")
    assert again.code == 0, again.err
    assert "trial 1 was left by a process that ended; it is tried again" in again.err
    states = [t.state for t in study.trials]
    assert states == [TrialState.COMPLETE, TrialState.FAIL, TrialState.WAITING]
    (parent,), (_, second) = runs_of(project, "tiny")
    assert (parent.info.status, second.info.status) == ("FINISHED", "KILLED")

    assert close_abandoned(study) == []
    assert "was left" not in segexp(project, *TUNE, "--trials", "1").err
    assert [t.state for t in study.trials] == states

    assert segexp(project, *TUNE).code == 0
    after = study.trials
    assert [t.state for t in after] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert after[2].params == after[1].params
