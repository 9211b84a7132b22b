"""The supervisor shows what a study's workers do, closes what they leave, and says when to stop."""

import logging
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from multiprocessing.connection import wait

from segexp.core.disk import FullDiskError
from segexp.core.errors import AwayError, InputError, Interrupted, WorkError
from segexp.core.lease import owner_from_dict
from segexp.study.ask import trials_left
from segexp.study.attributes import FAILURE, OWNER, is_interrupted
from segexp.study.display import StudyDisplay
from segexp.study.engines._launcher import Launcher, Worker
from segexp.study.engines._sent_display import LAST_TRIAL
from segexp.study.engines._worker import DONE, PAUSE, SPENT, STOPPED, Task
from segexp.study.open import OpenStudy
from segexp.study.stop import StopRule, give_up_if_hopeless
from segexp.study.storage.access import give_up_waiting
from segexp.study.turns import close_trials, is_stopped
from segexp.training.compute import choose_compute

STOP_SECONDS = {signal.SIGINT: 4, signal.SIGTERM: 20}
"""How long a worker that is told to stop may take to its next step before it is killed.

A person waits at Ctrl-C. Of the 30 s that Slurm, Kubernetes and spot machines give, closing takes
some.
"""

_LOOK_SECONDS = 2
"""How often rules and trials are looked at while no worker is there."""

_SHOWN = (
    "say", "caching", "studied", "trial_started", "trial_ended", "step", "epoch", "doing",
)  # fmt: skip

_ERRORS: dict[str, type[InputError | WorkError]] = {
    "input_error": InputError,
    "full_disk_error": FullDiskError,
    "away_error": AwayError,
    "work_error": WorkError,
}


def supervise(
    studies: Sequence[OpenStudy], display: StudyDisplay, launcher: Launcher, stop: StopRule
) -> int:
    """Run trials in workers; see `segexp.study.engines.Engine.run_trials`."""
    if _has_none(studies, stop):
        return 0
    task = Task(
        studies=tuple((s.plan, s.experiment, s.parent) for s in studies),
        data_hash=studies[0].dataset.hash,
        precision=choose_compute(studies[0].plan.base.config.training.precision).precision,
        stop=stop,
    )
    team: list[Worker] = []
    try:
        for worker in launcher.start(task, _left(studies), display):
            team.append(worker)  # one by one: those that were started are ended whatever happens
        return _watch(team, studies, launcher, stop)
    except Interrupted as interruption:
        is_person = interruption.signal_number == signal.SIGINT
        again = "; another Ctrl-C stops at once" if is_person else ""
        display.say(f"stopping after the current batch{again}")
        _stop(team, interruption.signal_number)
        raise
    except BaseException as error:
        if isinstance(error, AwayError):
            for opened in studies:
                give_up_waiting(opened.study)
        _stop(team, signal.SIGTERM)
        raise
    finally:
        for worker in team:
            launcher.end(worker)
            # The first error matters more; if the storage is away, the next start closes the trial.
            with suppress(Exception):
                _close(worker, studies, PAUSE, crashed=False)


def _left(studies: Sequence[OpenStudy]) -> int:
    return sum(trials_left(opened.plan, opened.study) for opened in studies)


def _watch(
    team: list[Worker], studies: Sequence[OpenStudy], launcher: Launcher, stop: StopRule
) -> int:
    """Show what the workers do until all have ended and none is to come; replace those that die."""
    ran = 0
    is_settled = False  # nothing has been left since a worker found no trial to take
    while True:
        team += launcher.newcomers(again=not is_settled)
        if not team and (is_settled or not launcher.is_open() or _has_none(studies, stop)):
            return ran
        wait([w.connection for w in team] + launcher.signs(team), None if team else _LOOK_SECONDS)
        for worker in list(team):
            has_ended = worker.process is not None and worker.has_ended()
            try:  # after that: no message comes later
                _listen(worker)
            except (InputError, WorkError) as error:
                launcher.after_error(worker, error)
                worker.left = str(error)
            if not has_ended and (worker.process is not None or not worker.has_ended()):
                continue
            team.remove(worker)
            ran += worker.trials
            if worker.is_stopped:
                _let_end(team)
            if worker.is_done:
                is_settled = True
                launcher.keep(worker)
                continue
            reason = worker.left or launcher.cause_of_death(worker)
            closed = _close(worker, studies, reason, crashed=not worker.left)
            _show_closed(studies, worker, closed, reason)
            is_settled = is_settled and not closed and worker.trial is None
            took_a_trial = bool(closed or worker.trials)
            for opened in studies:
                give_up_if_hopeless(opened.study.get_trials(deepcopy=False))
            another = launcher.after(worker, reason, took_a_trial=took_a_trial)
            team += [another] if another else []


def _has_none(studies: Sequence[OpenStudy], stop: StopRule) -> bool:
    return _left(studies) == 0 or is_stopped(studies, stop)


def _show_closed(
    studies: Sequence[OpenStudy],
    worker: Worker,
    closed: Sequence[tuple[OpenStudy, int]],
    reason: str,
) -> None:
    for opened, number in closed:
        trial = opened.study.get_trials(deepcopy=False)[number]
        state, text = "FAIL", trial.user_attrs[FAILURE]
        if is_interrupted(trial):
            state, text = "INTERRUPTED", f"{text}; it is tried again"
        worker.display.trial_ended(number, state, text)
    if closed or worker.trial is None:
        return
    # It has closed it itself, or died after it had ended it: then there is nothing more to say.
    if any(_has_interrupted(worker, worker.trial, opened) for opened in studies):
        worker.display.trial_ended(worker.trial, "INTERRUPTED", f"{reason}; it is tried again")


def _has_interrupted(worker: Worker, number: int, opened: OpenStudy) -> bool:
    trial = next((t for t in opened.study.get_trials(deepcopy=False) if t.number == number), None)
    if trial is None or not is_interrupted(trial):
        return False
    return owner_from_dict(trial.user_attrs.get(OWNER)) == worker.owner


def _listen(worker: Worker) -> None:
    try:
        while worker.connection.poll():
            name, values = worker.connection.recv()
            if name in _SHOWN:
                if name == "trial_started":
                    worker.trial = values[0]
                elif name == "trial_ended":
                    worker.trials, worker.trial = worker.trials + 1, None
                getattr(worker.display, name)(*values)
            elif name == "owner":
                (worker.owner,) = values
            elif name in {DONE, STOPPED}:
                worker.is_done, worker.is_stopped = True, name == STOPPED
            elif name == "left":
                (worker.left,) = values
            elif name == "log":
                (record,) = values
                if worker.name:  # of another host: it is that host's, not this one's
                    record.msg = f"{worker.name}: {record.msg}"
                if (log := logging.getLogger(record.name)).isEnabledFor(record.levelno):
                    log.handle(record)
            elif name != SPENT:
                raise _ERRORS[name](*values)
    except (EOFError, OSError):
        worker.is_cut = True


def _let_end(team: Iterable[Worker]) -> None:
    """Tell workers to begin no other trial.

    Otherwise a worker whose trial is the best so far would go on alone.
    """
    for worker in team:
        with suppress(OSError):  # it has ended
            worker.connection.send(LAST_TRIAL)


def _stop(team: Iterable[Worker], number: int) -> None:
    """Tell workers to stop, and wait for a while until they have."""
    deadline = time.monotonic() + STOP_SECONDS[signal.Signals(number)]
    waiting = list(team)
    for worker in waiting:
        with suppress(OSError):
            worker.connection.send(number)
    while waiting and time.monotonic() < deadline:
        wait([w.process.sentinel if w.process else w.connection for w in waiting], timeout=0.2)
        for worker in waiting:
            _forget(worker)
        waiting = [worker for worker in waiting if not worker.has_ended()]


def _forget(worker: Worker) -> None:
    """Read and drop what a worker sends: with a full pipe it would wait forever."""
    try:
        while worker.connection.poll():
            name, _ = worker.connection.recv()
            worker.is_cut |= name == "left"
    except (EOFError, OSError):
        worker.is_cut = True


def _close(
    worker: Worker, studies: Sequence[OpenStudy], reason: str, *, crashed: bool
) -> list[tuple[OpenStudy, int]]:
    if worker.owner is None:
        return []
    return close_trials(studies, worker.owner, reason, crashed=crashed)
