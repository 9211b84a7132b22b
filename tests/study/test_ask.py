import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from segexp.core.errors import Interrupted
from segexp.core.lease import this_process
from segexp.study import ask
from segexp.study.ask import is_exhausted, trials_left
from segexp.study.attributes import BEAT, CRASHES, FAILURE, INTERRUPTED, OWNER, RETRY_OF
from segexp.study.next_trial import run_next_trial
from segexp.study.open import OpenStudy
from segexp.study.reconcile import close_of
from segexp.study.samplers import suggest
from tests.tiny_study import (
    Said,
    finished,
    opened,
    raising,
    records_of,
    run_here,
    states,
)

OWN = this_process()


ELSEWHERE = replace(OWN, host="another", boot="another")
TWO_POINTS = {
    "space.loss": ["cross_entropy", "focal"],
    "space.learning_rate": [1e-3],
    "sampler": "tpe",
    "baseline": {"loss": "focal"},
}


def run_all(study: OpenStudy, display: Said | None = None) -> None:
    while run_next_trial(study, display or Said()):
        pass


def test_a_trial_is_not_asked_for_while_others_run_the_rest(project: Path) -> None:
    study = opened(project, trials=1)
    other = study.study.ask()
    other.set_user_attr(BEAT, time.time())
    other.set_user_attr(OWNER, ELSEWHERE.to_dict())
    assert run_next_trial(study, Said()) is False
    assert states(study.study) == ["RUNNING"]
    close_of(study.study, ELSEWHERE, "its host went down", crashed=True)
    assert run_next_trial(study, Said()) is True
    assert run_next_trial(study, Said()) is False
    assert finished(study.study) == ["COMPLETE"]


@pytest.mark.slow
def test_a_trial_without_an_owner_is_waited_for_until_it_has_one(
    project: Path,
) -> None:
    study = opened(project, trials=1)
    unsigned = create_trial(state=TrialState.RUNNING)
    unsigned.datetime_start = datetime.now() - timedelta(seconds=9)
    study.study.add_trial(unsigned)
    display = Said()
    assert run_next_trial(study, display) is True
    assert any("trial 1 was left by a process" in line for line in display.lines)
    assert finished(study.study) == ["COMPLETE"]
    assert run_next_trial(study, display) is False


def test_a_retry_that_another_host_put_in_line_as_well_is_run_once(project: Path) -> None:
    study = opened(project, trials=2)
    with pytest.raises(Interrupted):
        run_here([study], Said(raising(Interrupted(2), 0)))
    params = study.study.trials[0].params
    study.study.enqueue_trial(params, user_attrs={RETRY_OF: 0, CRASHES: 0})
    display = Said()
    run_all(study, display)
    assert display.started == [1, 3]
    assert states(study.study) == ["FAIL", "COMPLETE", "FAIL", "COMPLETE"]
    assert study.study.trials[2].user_attrs[FAILURE] == "another trial takes over trial 0"
    assert finished(study.study) == ["COMPLETE"] * 2
    assert len(records_of(project, study.study)) == 3


def test_a_trial_beyond_the_budget_that_another_host_took_first_is_dropped(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = opened(project, trials=1)
    asked: list[int] = []

    original = ask.begin_trial

    # Another host, with which this one shares no lock, begins one just before it.
    def begin_second(study: optuna.Study, queued: Any, signature: Any) -> optuna.Trial:
        others = {BEAT: time.time(), OWNER: ELSEWHERE.to_dict()}
        asked.append(original(study, queued, others).number)
        return original(study, (), signature)

    monkeypatch.setattr(ask, "begin_trial", begin_second)
    display = Said()
    assert run_next_trial(study, display) is True
    assert (asked, display.started) == ([0], [])
    assert states(study.study) == ["RUNNING", "FAIL"]
    assert study.study.trials[1].user_attrs[FAILURE] == "the study has its 1 trials"
    assert study.study.trials[1].user_attrs[INTERRUPTED] is True
    assert run_next_trial(study, display) is False


def test_a_point_that_runs_elsewhere_is_not_started_again(project: Path) -> None:
    study = opened(project, trials=8, **TWO_POINTS)
    other = study.study.ask()  # the baseline, which was in line
    suggest(other, study.plan.base.space)
    other.set_user_attr(BEAT, time.time())
    other.set_user_attr(OWNER, ELSEWHERE.to_dict())
    assert trials_left(study.plan, study.study) == 1
    run_all(study)
    assert [t.params["loss"] for t in study.study.trials] == ["focal", "cross_entropy"]
    assert trials_left(study.plan, study.study) == 0
    assert is_exhausted(study.plan, study.study.trials)


@pytest.mark.slow
def test_an_interrupted_trial_of_the_last_point_is_still_tried_again(project: Path) -> None:
    study = opened(project, trials=8, **TWO_POINTS)
    with pytest.raises(Interrupted):
        run_here([study], Said(raising(Interrupted(2), 1)))
    assert not is_exhausted(study.plan, study.study.trials)
    assert trials_left(study.plan, study.study) == 1
    run_all(study)
    assert finished(study.study) == ["COMPLETE", "COMPLETE"]
    assert [t.params["loss"] for t in study.study.trials] == ["focal", *["cross_entropy"] * 2]


@pytest.mark.slow
def test_of_two_hosts_that_asked_for_the_same_point_one_drops_it(project: Path) -> None:
    study = opened(project, trials=8, **TWO_POINTS)
    run_all(study)
    # What a host without our lock has put in line meanwhile, and took.
    study.study.enqueue_trial({"loss": "focal", "learning_rate": 1e-3})
    run_all(study)
    assert finished(study.study) == ["COMPLETE", "COMPLETE"]
    dropped = study.study.trials[2]
    assert dropped.user_attrs[FAILURE] == "another trial trains the same"
