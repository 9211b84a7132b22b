"""Trials that run in this process."""

from pathlib import Path

import pytest

from segexp.core.errors import InputError, Interrupted
from segexp.study.engines import here
from segexp.study.stop import StopRule
from tests.tiny_study import Said, opened, raising, run_here, states


def test_when_time_is_up_the_running_trial_finishes_and_none_starts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("segexp.study.stop.monotonic", lambda: now[0])

    def at_the_second_trial(trial: int, epoch: int) -> None:
        if trial == 1:
            now[0] = 10.0

    study = opened(project, trials=3, epochs=2)
    display = Said(on_step=at_the_second_trial)
    assert run_here([study], display, stop=StopRule(deadline=10.0)) == 2
    assert display.ended == [(0, "COMPLETE"), (1, "COMPLETE")]
    assert display.epochs[-1] == (1, 2)
    assert run_here([study], Said(), stop=StopRule(deadline=10.0)) == 0
    assert run_here([study], Said()) == 1
    assert states(study.study) == ["COMPLETE"] * 3


def test_an_interrupted_trial_is_not_tried_again_after_the_time(project: Path) -> None:
    study = opened(project, trials=1)
    with pytest.raises(Interrupted):
        run_here([study], Said(raising(Interrupted(2), 0)))
    assert run_here([study], Said(), stop=StopRule(deadline=0.0)) == 0
    assert states(study.study) == ["FAIL", "WAITING"]
    assert run_here([study], Said()) == 1


def test_more_than_one_trial_at_a_time_is_refused() -> None:
    here.prepare(None)
    here.prepare(0)
    with pytest.raises(InputError, match=r"--workers 2: .* take --engine workers"):
        here.prepare(2)
