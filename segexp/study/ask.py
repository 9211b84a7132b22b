"""Which trial is next, and whether it is still to be run."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from segexp.core import failpoint
from segexp.core.files import locked
from segexp.core.lease import Owner, is_gone
from segexp.core.signals import signals_held_back
from segexp.study.attributes import is_interrupted
from segexp.study.budget import is_unsigned, not_taken, params_of, sampling_place, taken
from segexp.study.display import StudyDisplay
from segexp.study.open import OpenStudy
from segexp.study.plan import ListPlan, SearchPlan
from segexp.study.promotion import is_promotion, number_before
from segexp.study.pruners import Placing
from segexp.study.reconcile import (
    close_abandoned,
    close_records,
    is_enqueued_twice,
    is_second,
    next_promotion,
    queue_listed,
    queue_promotion,
    sign,
    sign_next,
)
from segexp.study.samplers import make_sampler, suggest
from segexp.study.untried import Key, UntriedSampler


def trials_left(plan: SearchPlan | ListPlan, study: optuna.Study) -> int:
    """Return how many trials of a study can begin now."""
    trials = study.get_trials(deepcopy=False)
    if isinstance(plan, ListPlan):
        return len(not_taken(plan.listed, trials))
    resumes = next_promotion(study, trials) is not None
    counted = taken(trials)
    left = max(0, plan.base.study.trials - len(counted))
    if plan.points.keys is not None:
        left = min(left, len(plan.points.keys - _tried(plan, counted)))
    return left + resumes


def is_exhausted(plan: SearchPlan, trials: Sequence[FrozenTrial]) -> bool:
    """Whether every point of a study's space is tried or under way, and no trial is queued."""
    if plan.points.keys is None:  # endless: no need to look at the trials
        return False
    is_queued = any(t.state == TrialState.WAITING and params_of(t) for t in trials)
    return not is_queued and plan.points.are_all_in(_tried(plan, taken(trials)))


def _tried(plan: SearchPlan, trials: Iterable[FrozenTrial]) -> set[Key]:
    return {plan.points.key(params_of(trial)) for trial in trials}


def reconcile(
    opened: OpenStudy,
    display: StudyDisplay,
    is_gone: Callable[[Owner, float | None], bool] = is_gone,
) -> None:
    """Close what processes that are gone left open; the caller holds the study's lock."""
    abandoned = close_abandoned(opened.study, is_gone)
    if not abandoned:
        return
    close_records(opened.study, opened.parent)
    trials = opened.study.get_trials(deepcopy=False)
    for number in abandoned:
        outlook = "it is tried again" if is_interrupted(trials[number]) else "it is given up"
        display.say(f"trial {number} was left by a process that ended; {outlook}")


def ask(opened: OpenStudy, display: StudyDisplay) -> optuna.Trial | None:
    """Take the next trial; None when enough have ended or are under way."""
    while True:
        with locked(opened.lock), signals_held_back():
            reconcile(opened, display)
            trial = _ask_once(opened.plan, opened.study)
            if trial is not None:
                return trial
            trials = opened.study.get_trials(deepcopy=False)
        if not any(map(is_unsigned, trials)):
            return None
        # Its process has died or is about to sign it: wait to see whether it is still to be run.
        time.sleep(0.5)


def _ask_once(plan: SearchPlan | ListPlan, study: optuna.Study) -> optuna.Trial | None:
    trials = study.get_trials(deepcopy=False)
    interrupted = [t.number for t in trials if is_interrupted(t)]
    if isinstance(study.pruner, Placing):
        study.pruner.interrupted = interrupted
    base = plan.base
    if isinstance(plan, ListPlan):
        if not queue_listed(study, plan.listed):
            return None
    elif not queue_promotion(study, trials) and len(taken(trials)) >= base.study.trials:
        return None
    study.sampler = make_sampler(base.study.sampler, base.space, 0)
    trials = study.get_trials(deepcopy=False)  # a promotion is queued now
    if isinstance(plan, SearchPlan) and is_exhausted(plan, trials):
        return None
    waiting = [t for t in trials if t.state == TrialState.WAITING]
    sign_next(study)
    trial = study.ask()
    # Each trial has a sampler seeded by its own number: workers and hosts that ask at the same
    # time, and resumed runs, would otherwise begin with the same suggestions. Optuna samples when
    # the params are asked for.
    place = sampling_place(trial.number, study.get_trials(deepcopy=False))
    study.sampler = make_sampler(base.study.sampler, base.space, place)
    if isinstance(plan, SearchPlan):
        tried = _tried(plan, [*waiting, *taken(trials)])
        study.sampler = UntriedSampler(study.sampler, plan.points, tried, place)
    failpoint.passed("after_ask")
    # Again: hosts share no lock, and another one may have signed it, too.
    with suppress(UpdateFinishedTrialError):  # closed already, as is seen when the trial begins
        sign(trial)
        if isinstance(plan, SearchPlan) and plan.points.keys is not None:
            suggest(trial, base.space)  # before another process takes the same
    return trial


def reason_to_drop(
    plan: SearchPlan | ListPlan, own: FrozenTrial, trials: Sequence[FrozenTrial]
) -> str | None:
    """Say why a trial that was just taken is not to be run; None where it is.

    Processes of a project take trials under a lock. Hosts that share a storage have no lock in
    common: between them the trials' numbers decide.
    """
    if is_second(own, trials):
        return f"another trial takes over trial {number_before(own)}"
    if is_promotion(own):
        return None
    earlier = taken(trials[: own.number])
    if isinstance(plan, ListPlan):
        params = params_of(own)
        is_double = any(params_of(other) == params for other in earlier)
        return "another trial trains the same" if is_double else None
    is_tried = bool(own.params) and plan.points.key(own.params) in _tried(plan, earlier)
    if is_tried or is_enqueued_twice(own, trials):
        return "another trial trains the same"
    if len(earlier) >= plan.base.study.trials:
        return f"the study has its {plan.base.study.trials} trials"
    return None
