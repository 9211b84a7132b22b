"""Trials that nobody runs any more, in a real storage and a real MLflow."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from segexp import tracking
from segexp.core.lease import Owner, lease_seconds
from segexp.study.attributes import (
    BEAT,
    CRASHED,
    CRASHES,
    FAILURE,
    INTERRUPTED,
    OWNER,
    RETRY,
    RETRY_OF,
    is_interrupted,
)
from segexp.study.budget import (
    counts_towards_budget,
    is_unsigned,
    params_of,
    sampling_place,
)
from segexp.study.reconcile import (
    MAX_CRASHES,
    close_abandoned,
    close_of,
    close_records,
    heard_of,
    is_second,
    queue_listed,
    queue_retries,
    signature,
)
from segexp.study.storage.begin import begin_trial
from segexp.study.storage.open import open_storage as open_project_storage
from tests.study.left_trials import COMPLETE, DEAD, FAIL, OWN, PRUNED, begin

ELSEWHERE = replace(OWN, host="another", boot="another")

RUNNING, WAITING = TrialState.RUNNING, TrialState.WAITING


def states(study: optuna.Study) -> list[TrialState]:
    return [trial.state for trial in study.trials]


class DiedError(BaseException):
    """The process that writes to the storage is killed."""


@contextmanager
def hooked(study: optuna.Study, before_write: Callable[[int, str], None]) -> Iterator[None]:
    """Call a function with the number, from 0, and the name of each write before it happens."""
    storage: Any = study._storage
    names = ("set_trial_user_attr", "set_trial_state_values", "create_new_trial")
    originals = {name: getattr(storage, name) for name in names}
    count = itertools.count()

    def wrap(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            before_write(next(count), name)
            return originals[name](*arguments, **named)

        return call

    for name in names:
        setattr(storage, name, wrap(name))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(storage, name, original)


@pytest.fixture
def study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(direction="maximize")


def test_a_trial_of_a_dead_process_fails_and_its_params_wait_once(study: optuna.Study) -> None:
    trial = begin(study)
    assert close_abandoned(study)[0] == [0]
    closed, retry = study.trials
    assert closed.state == FAIL
    assert closed.user_attrs[INTERRUPTED] == RETRY
    assert closed.user_attrs[FAILURE] == "interrupted: its process ended"
    assert not counts_towards_budget(closed)
    assert retry.state == WAITING
    assert retry.user_attrs == {RETRY_OF: 0, CRASHES: 1}
    assert close_abandoned(study)[0] == []
    assert study.trials == [closed, retry]
    assert study.ask().suggest_float("x", 0, 1) == trial.params["x"]


def test_a_process_that_gave_up_on_the_storage_has_not_crashed_however_often(
    study: optuna.Study,
) -> None:
    begin(study)
    for _ in range(MAX_CRASHES + 1):
        number = len(study.trials) - 1
        assert close_abandoned(study, has_given_up=lambda owner: owner == DEAD)[0] == [number]
        closed, retry = study.trials[number:]
        assert closed.user_attrs[FAILURE] == "interrupted: the storage was away"
        assert retry.user_attrs == {RETRY_OF: number, CRASHES: 0}
        again = study.ask()
        again.suggest_float("x", 0, 1)
        again.set_user_attr(OWNER, DEAD.to_dict())


def test_a_silence_in_which_the_storage_was_away_is_no_crash(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segexp.core.lease._deaf_until", time.time())
    begin(study, DEAD, time.time() - 60)
    close_abandoned(study)
    assert study.trials[1].user_attrs[CRASHES] == 0
    begin(study, DEAD, time.time() + 60)  # heard of since
    close_abandoned(study)
    assert study.trials[-1].user_attrs[CRASHES] == 1


@pytest.mark.parametrize(
    ("owner", "silent", "is_abandoned"),
    [
        pytest.param(DEAD, 0, True, id="pid given again"),
        pytest.param(replace(OWN, pid=2**22 + 1), 0, True, id="no such pid"),
        pytest.param(OWN, 0, False, id="alive"),
        pytest.param(OWN, 1.1, True, id="alive and silent for longer than a lease"),
        pytest.param(ELSEWHERE, 0, False, id="on another host"),
        pytest.param(ELSEWHERE, 1.1, True, id="on another host and silent"),
    ],
)
def test_a_trial_is_abandoned_by_whoever_is_gone(
    study: optuna.Study, owner: Owner, silent: float, is_abandoned: bool
) -> None:
    begin(study, owner, time.time() - silent * lease_seconds())
    assert close_abandoned(study)[0] == ([0] if is_abandoned else [])
    assert states(study) == ([FAIL, WAITING] if is_abandoned else [RUNNING])


def test_a_trial_without_a_heartbeat_is_as_old_as_its_begin(study: optuna.Study) -> None:
    """As trials are that an earlier version began."""
    for seconds in (lease_seconds() + 5, 5):
        old = create_trial(state=RUNNING, user_attrs={OWNER: ELSEWHERE.to_dict()})
        old.datetime_start = datetime.now() - timedelta(seconds=seconds)
        study.add_trial(old)
    assert close_abandoned(study)[0] == [0]


def test_a_trial_without_an_owner_is_left_alone_for_its_first_seconds(study: optuna.Study) -> None:
    begin(study, None)
    old = create_trial(state=RUNNING)
    old.datetime_start = datetime.now() - timedelta(seconds=11)
    study.add_trial(old)
    assert [is_unsigned(trial) for trial in study.trials] == [True, True]
    assert close_abandoned(study)[0] == [1]
    assert [is_unsigned(trial) for trial in study.trials] == [True, False, False]


def test_params_that_were_in_line_wait_again_though_the_trial_never_took_them(
    study: optuna.Study,
) -> None:
    study.enqueue_trial({"x": 0.25, "y": 1})
    begin(study)  # y was still to come
    close_abandoned(study)
    assert study.trials[1].system_attrs["fixed_params"] == {"x": 0.25, "y": 1}


def test_a_trial_that_had_no_params_yet_is_tried_again_in_its_place(study: optuna.Study) -> None:
    for attempts in range(MAX_CRASHES + 1):  # it had not begun: no crash is counted against it
        study.ask().set_user_attr(OWNER, DEAD.to_dict())
        assert close_abandoned(study)[0] == [attempts]
        assert states(study) == [FAIL] * (attempts + 1) + [WAITING]
    trials = study.trials
    assert trials[-1].user_attrs == {RETRY_OF: MAX_CRASHES, CRASHES: 0}
    assert params_of(trials[-1]) == {}
    assert {sampling_place(trial.number, trials) for trial in trials} == {0}
    assert not any(map(counts_towards_budget, trials))


def died_in_step(step: int) -> Callable[[int, str], None]:
    def die(number: int, name: str) -> None:
        if number == step:
            raise DiedError

    return die


WRITES = 5  # three attributes, the state, the retry


DEATHS = [
    *((step,) for step in range(WRITES)),
    *((step, again) for step in range(WRITES - 1) for again in range(WRITES)),
    (WRITES - 1, 0),  # all that is left is the retry
]


@pytest.mark.parametrize("deaths", DEATHS, ids=str)
def test_there_is_one_retry_whatever_steps_reconcilers_died_in(
    study: optuna.Study, deaths: tuple[int, ...]
) -> None:
    begin(study)
    for step in deaths:
        with hooked(study, died_in_step(step)), pytest.raises(DiedError):
            close_abandoned(study)
    close_abandoned(study)
    trials = study.trials
    closed, retry = trials
    assert (closed.state, retry.state) == (FAIL, WAITING)
    assert closed.user_attrs[CRASHED] is True
    assert retry.user_attrs == {RETRY_OF: 0, CRASHES: 1}
    assert retry.system_attrs["fixed_params"] == closed.params
    assert close_abandoned(study)[0] == []
    assert study.trials == trials


def test_that_many_writes_it_takes(study: optuna.Study) -> None:
    begin(study)
    names: list[str] = []
    with hooked(study, lambda number, name: names.append(name)):
        close_abandoned(study)
    assert names == [
        "set_trial_user_attr",
        "set_trial_user_attr",
        "set_trial_user_attr",
        "set_trial_state_values",
        "create_new_trial",
    ]
    assert len(names) == WRITES


@pytest.mark.parametrize("step", range(WRITES))
def test_two_reconcilers_together_run_one_retry(study: optuna.Study, step: int) -> None:
    """Two hosts have no lock in common; the second one does all of it between two steps."""
    begin(study)

    def come_between(number: int, name: str) -> None:
        if number == step:
            close_abandoned(study)

    with hooked(study, come_between):
        close_abandoned(study)
    closed, *retries = study.trials
    assert closed.state == FAIL
    assert [r.user_attrs for r in retries] == [{RETRY_OF: 0, CRASHES: 1}] * len(retries)
    assert len(retries) == (2 if step == WRITES - 1 else 1)
    seconds = [is_second(trial, study.trials) for trial in study.trials]
    assert seconds == [False, False, True][: len(seconds)]
    queue_retries(study, study.trials)
    assert len(study.trials) == 1 + len(retries)


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("state", [COMPLETE, PRUNED])
def test_a_trial_that_ends_while_it_is_declared_dead_stays_as_it_ended(
    study: optuna.Study, step: int, state: TrialState
) -> None:
    trial = begin(study)

    def end(number: int, name: str) -> None:
        if number == step:
            study.tell(trial, 0.5 if state == COMPLETE else None, state=state)

    with hooked(study, end):
        close_abandoned(study)
    assert states(study) == [state]
    assert counts_towards_budget(study.trials[0])
    assert not is_interrupted(study.trials[0])
    assert close_abandoned(study)[0] == []
    assert states(study) == [state]


def test_a_trial_in_which_process_after_process_dies_fails_for_good(study: optuna.Study) -> None:
    params = []
    for _ in range(MAX_CRASHES):
        params.append(begin(study).params)
        close_abandoned(study)
    assert params == [params[0]] * MAX_CRASHES
    assert states(study) == [FAIL] * MAX_CRASHES
    *interrupted, last = study.trials
    assert all(is_interrupted(trial) for trial in interrupted)
    assert counts_towards_budget(last)
    assert last.user_attrs[FAILURE] == "interrupted: its process ended; given up after 3 attempts"
    assert close_abandoned(study)[0] == []
    assert len(study.trials) == MAX_CRASHES


@pytest.mark.parametrize("step", range(3))
def test_a_trial_that_fails_for_good_does_so_once(study: optuna.Study, step: int) -> None:
    study.enqueue_trial({"x": 0.5}, user_attrs={CRASHES: MAX_CRASHES - 1})
    begin(study)
    with hooked(study, died_in_step(step)), pytest.raises(DiedError):
        close_abandoned(study)
    close_abandoned(study)
    assert states(study) == [FAIL]
    assert counts_towards_budget(study.trials[0])


def test_being_interrupted_does_not_use_up_attempts(study: optuna.Study) -> None:
    for _ in range(2 * MAX_CRASHES):
        begin(study, OWN)
        close_of(study, OWN, "interrupted by a signal", crashed=False)
    begin(study)
    close_abandoned(study)
    begin(study, OWN)
    close_of(study, OWN, "interrupted by a signal", crashed=False)
    assert states(study)[-1] == WAITING
    assert study.trials[-1].user_attrs[CRASHES] == 1
    assert not any(map(counts_towards_budget, study.trials))


def test_close_of_closes_the_trials_of_one_process_only(study: optuna.Study) -> None:
    begin(study, OWN, beat=0)  # however long it was silent
    begin(study, ELSEWHERE)
    begin(study, replace(OWN, started=1.0))
    begin(study, None)
    study.tell(begin(study, OWN), 0.5)
    assert close_of(study, OWN, "its worker ended", crashed=True) == [0]
    assert states(study) == [FAIL, RUNNING, RUNNING, RUNNING, COMPLETE, WAITING]
    assert study.trials[0].user_attrs[FAILURE] == "its worker ended"
    assert close_of(study, OWN, "again", crashed=True) == []
    assert study.trials[0].user_attrs[FAILURE] == "its worker ended"


def test_a_signed_trial_is_heard_of_while_it_runs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGEXP_LEASE_SECONDS", "0.5")
    storage = open_project_storage(None, project)
    study = optuna.create_study(storage=storage)
    trial = begin_trial(study, (), signature())

    def beat() -> float:
        return float(study.trials[0].user_attrs[BEAT])

    assert study.trials[0].user_attrs[OWNER] == OWN.to_dict()
    with heard_of(trial):
        first, deadline = beat(), time.monotonic() + 30
        while beat() == first:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert beat() > first
        study.tell(trial, state=PRUNED)  # beats of a finished trial are refused, which is no error
        time.sleep(0.2)
    assert states(study) == [PRUNED]


def listed_study(study: optuna.Study, *lists: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put lists in line one after the other; return what waits then."""
    for params in lists:
        queue_listed(study, params, study.trials)
    waiting = study.get_trials(states=[WAITING])
    return [trial.system_attrs["fixed_params"] for trial in waiting]


A, B, C = {"x": 0.1}, {"x": 0.2}, {"x": 0.3}


def test_one_listed_training_waits_at_a_time(study: optuna.Study) -> None:
    assert listed_study(study, [A, B], [A, B]) == [A]
    study.tell(begin(study, OWN), 0.5)
    assert listed_study(study, [A, B]) == [B]
    begin(study, OWN)
    assert queue_listed(study, [A, B], study.trials) is None
    assert queue_listed(study, [A, B, C], study.trials) is not None


def test_what_is_no_longer_listed_is_closed_and_not_counted(study: optuna.Study) -> None:
    assert listed_study(study, [A], [B]) == [B]
    assert states(study) == [FAIL, WAITING]
    assert study.trials[0].user_attrs[FAILURE] == "no longer wanted"
    assert not counts_towards_budget(study.trials[0])


def test_the_retry_of_a_listed_training_is_the_one_that_waits(study: optuna.Study) -> None:
    listed_study(study, [A, B])
    begin(study)
    close_abandoned(study)
    assert listed_study(study, [A, B]) == [A]
    (waiting,) = study.get_trials(states=[WAITING])
    assert waiting.user_attrs[RETRY_OF] == 0
    study.tell(begin(study, OWN), 0.5)
    assert listed_study(study, [A, B]) == [B]


def test_the_retry_of_what_is_no_longer_listed_is_dropped_and_not_tried_again(
    study: optuna.Study,
) -> None:
    listed_study(study, [A, B])
    begin(study)
    close_abandoned(study)
    assert listed_study(study, [B]) == [B]
    queue_retries(study, study.trials)
    assert states(study) == [FAIL, FAIL, WAITING]
    assert listed_study(study, [B, A]) == [B]
    study.tell(begin(study, OWN), 0.5)
    assert listed_study(study, [B, A]) == [A]


def test_mlflows_runs_end_as_optunas_trials_did_and_twice_changes_nothing(
    project: Path, study: optuna.Study
) -> None:
    experiment = tracking.open_experiment(project, None, "tiny")
    parent = tracking.start_run(experiment, "tiny", {"segexp.kind": "study"}, {})
    other = tracking.start_run(experiment, "other", {"segexp.kind": "study"}, {})
    runs = []
    for number in range(6):
        begin(study, OWN)
        tags = {"segexp.study": study.study_name, "segexp.trial": str(number)}
        runs.append(tracking.start_run(experiment, f"tiny-{number}", tags, {}, parent))
    tags = {"segexp.study": study.study_name, "segexp.trial": "0"}
    stranger = tracking.start_run(experiment, "x", tags, {}, other)

    def note(number: int, **attributes: Any) -> None:
        for key, value in attributes.items():
            trial_id = study.trials[number]._trial_id
            study._storage.set_trial_user_attr(trial_id, f"segexp.{key}", value)

    study.tell(0, 0.5)
    study.tell(1, state=PRUNED)
    note(2, failure="DivergedError: nan")
    study.tell(2, state=FAIL)
    note(3, interrupted=True)
    study.tell(3, state=FAIL)
    note(5, interrupted=RETRY)  # it was being declared dead, and ended by itself
    study.tell(5, 0.5)

    def found() -> list[tuple[str, str | None]]:
        infos = [experiment.client.get_run(run.id) for run in [*runs, stranger]]
        return [(i.info.status, i.data.tags.get("segexp.state")) for i in infos]

    close_records(study, parent)
    expected = [
        ("FINISHED", "COMPLETE"),
        ("KILLED", "PRUNED"),
        ("FAILED", "FAIL"),
        ("KILLED", "FAIL"),
        ("RUNNING", None),
        ("FINISHED", "COMPLETE"),
        ("RUNNING", None),
    ]
    assert found() == expected
    names = [experiment.client.get_run(run.id).info.run_name for run in runs[:3]]
    assert names == ["tiny-0 0.500", "tiny-1", "tiny-2"]
    failed = experiment.client.get_run(runs[2].id)
    assert failed.data.tags["segexp.failure"] == "DivergedError: nan"
    before = [experiment.client.get_run(run.id).to_dictionary() for run in runs]
    close_records(study, parent)
    assert [experiment.client.get_run(run.id).to_dictionary() for run in runs] == before


def test_trials_are_compared_as_they_are(study: optuna.Study) -> None:
    """Equality of Optuna's frozen trials, on which the tests above rely, covers attributes."""
    one: FrozenTrial = create_trial(state=COMPLETE, value=0.0, user_attrs={"a": 1})
    assert one != create_trial(state=COMPLETE, value=0.0, user_attrs={"a": 2})
