"""Which trial is next, and whether it is still to be run."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from segexp.core import failpoint
from segexp.core.lease import Owner, is_gone
from segexp.core.signals import signals_held_back
from segexp.study.attributes import is_interrupted
from segexp.study.budget import is_unsigned, not_taken, params_of, sampling_place, taken
from segexp.study.display import StudyDisplay
from segexp.study.gave_up import forget_giving_up
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
    signature,
)
from segexp.study.samplers import make_sampler, suggest
from segexp.study.storage.begin import begin_trial
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
) -> Sequence[FrozenTrial]:
    """Close what processes that are gone left open; the caller holds the study's lock.

    Returns:
        The study's trials then.
    """
    has_given_up = partial(forget_giving_up, opened.plan.base.project)
    abandoned, trials = close_abandoned(opened.study, is_gone, has_given_up)
    if abandoned:
        close_records(opened.study, opened.parent)
    for number in abandoned:
        outlook = "it is tried again" if is_interrupted(trials[number]) else "it is given up"
        display.say(f"trial {number} was left by a process that ended; {outlook}")
    return trials


@dataclass(frozen=True)
class Taken:
    """A trial that this process has begun.

    Attributes:
        trials: Those of the study just after, itself among them.
    """

    trial: optuna.Trial
    trials: Sequence[FrozenTrial]

    @property
    def own(self) -> FrozenTrial:
        """The trial as it was just after it was taken."""
        return self.trials[self.trial.number]


def ask(opened: OpenStudy, display: StudyDisplay) -> Taken | None:
    """Take the next trial; None when enough have ended or are under way."""
    plan, study = opened.plan, opened.study
    while True:
        promotion = None
        if isinstance(plan, SearchPlan):
            promotion = next_promotion(study, study.get_trials(deepcopy=False))
        with opened.deciding(), signals_held_back():
            trials = reconcile(opened, display)
            trial = _take(plan, study, trials, promotion)
            if trial is not None and _is_finite(plan):
                return _sampled(plan, study, trial)  # before another process takes the same
        if trial is not None:
            return _sampled(plan, study, trial)
        if not any(map(is_unsigned, trials)):
            return None
        # Its process has died or is about to sign it: wait to see whether it is still to be run.
        time.sleep(0.5)


def _take(
    plan: SearchPlan | ListPlan,
    study: optuna.Study,
    trials: Sequence[FrozenTrial],
    promotion: int | None,
) -> optuna.Trial | None:
    """Begin the trial that is next, a queued one first, then one that resumes a pruned one."""
    if isinstance(study.pruner, Placing):
        study.pruner.interrupted = [t.number for t in trials if is_interrupted(t)]
    if isinstance(plan, ListPlan):
        queued = queue_listed(study, plan.listed, trials)
        if queued is None:
            return None
    else:
        queued = queue_promotion(study, trials, promotion)
        if queued is None and len(taken(trials)) >= plan.base.study.trials:
            # Only one that is resumed may be left: now it matters whether there is one.
            queued = queue_promotion(study, trials, next_promotion(study, trials))
            if queued is None:
                return None
        queued = trials if queued is None else queued
        if is_exhausted(plan, queued):
            return None
    # What decides what it samples is given to it when its number is known.
    study.sampler = make_sampler(plan.base.study.sampler, plan.base.space, 0)
    trial = begin_trial(study, (t for t in queued if t.state == TrialState.WAITING), signature())
    failpoint.passed("after_ask")
    return trial


def _sampled(plan: SearchPlan | ListPlan, study: optuna.Study, trial: optuna.Trial) -> Taken:
    """Choose how a trial is sampled; in a finite space, sample it now.

    Each trial has a sampler seeded by its own number: workers and hosts that ask at the same time,
    and resumed runs, would otherwise begin with the same suggestions. Optuna samples when the
    params are asked for.
    """
    base = plan.base
    trials = study.get_trials(deepcopy=False)
    place = sampling_place(trial.number, trials)
    study.sampler = make_sampler(base.study.sampler, base.space, place)
    if isinstance(plan, SearchPlan):
        waiting = [t for t in trials if t.state == TrialState.WAITING]
        tried = _tried(plan, [*waiting, *taken(trials)])
        study.sampler = UntriedSampler(study.sampler, plan.points, tried, place)
    if _is_finite(plan):
        with suppress(UpdateFinishedTrialError):  # closed already, as is seen when it begins
            suggest(trial, base.space)
            trials = study.get_trials(deepcopy=False)
    return Taken(trial, trials)


def _is_finite(plan: SearchPlan | ListPlan) -> bool:
    return isinstance(plan, SearchPlan) and plan.points.keys is not None


def reason_to_drop(
    plan: SearchPlan | ListPlan, own: FrozenTrial, trials: Sequence[FrozenTrial]
) -> str | None:
    """Say why a trial that was just taken is not to be run; None where it is.

    Trials are taken under a lock, see `segexp.study.storage.study_lock`. Between hosts that have
    none in common the trials' numbers decide.
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
