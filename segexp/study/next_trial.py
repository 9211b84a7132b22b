"""The next trial of a study: taken, run to its end, and ended in Optuna and in MLflow."""

import logging
import math
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from segexp import tracking
from segexp.core import failpoint
from segexp.core.config import with_values
from segexp.core.credentials import without_credentials
from segexp.core.disk import FullDiskError, full_disk_explained, is_full, what_to_free
from segexp.core.errors import WorkError
from segexp.core.files import locked
from segexp.core.lease import Owner, is_gone
from segexp.core.signals import signals_held_back
from segexp.evaluation.result import TrialResult
from segexp.study.attributes import (
    FAILURE,
    FILES,
    RESULT,
    RUN_ID,
    host_of,
    is_interrupted,
)
from segexp.study.best import best_trial
from segexp.study.display import StudyDisplay
from segexp.study.kept_files import prune_directories
from segexp.study.open import OpenStudy
from segexp.study.plan import StudyPlan
from segexp.study.promotion import is_promotion, number_before
from segexp.study.pruners import Placing, Promoting
from segexp.study.reconcile import (
    close_abandoned,
    close_interrupted,
    close_record,
    close_records,
    counts_towards_budget,
    drop,
    forerunners,
    heard_of,
    is_enqueued_twice,
    is_second,
    is_unsigned,
    next_promotion,
    not_taken,
    params_of,
    place_of,
    put_next_in_line,
    put_promotion,
    put_retries,
    sampling_place,
    sign,
    sign_next,
    taken,
)
from segexp.study.samplers import make_sampler, suggest
from segexp.study.trial import TrialSetup, run_tags, run_trial
from segexp.study.trial_files import file_digests
from segexp.study.untried import Key, UntriedSampler
from segexp.training.fit import DivergedError

_log = logging.getLogger(__name__)

# A study whose first trials all fail is ended: the rest would fail as well.
GIVE_UP_AFTER = 3


def run_next_trial(opened: OpenStudy, display: StudyDisplay) -> bool:
    """Run one trial of a study.

    An interruption passes through; the trial is closed by whoever ends the process' work.

    Returns:
        False, and nothing was run, when enough trials are finished or under way.

    Raises:
        WorkError: When the study's first trials all failed.
        FullDiskError: When the disk is full.
    """
    # What is still open where a database could not be written to is closed by the next start.
    with full_disk_explained(opened.plan.project):
        trial = _ask(opened, display)
        if trial is None:
            return False
        with heard_of(trial):
            _run_one(opened, trial, display)
    return True


def _ask(opened: OpenStudy, display: StudyDisplay) -> optuna.Trial | None:
    """Take the next trial, or None when enough are finished or under way."""
    while True:
        with locked(opened.lock), signals_held_back():
            reconcile(opened, display)
            trial = _ask_once(opened)
            if trial is not None:
                return trial
            trials = opened.study.get_trials(deepcopy=False)
        if not any(map(is_unsigned, trials)):
            return None
        # Its process has died, or is about to sign it: which of the two decides whether
        # the trial is still to be run.
        time.sleep(0.5)


def trials_left(opened: OpenStudy) -> int:
    """Return how many trials of a study can be begun now."""
    trials, plan = opened.study.get_trials(deepcopy=False), opened.plan
    if plan.keeps_all:
        return len(not_taken(plan.first, trials))
    goes_on = next_promotion(opened.study, trials) is not None
    left = max(0, plan.study.trials - len(taken(trials)))
    if plan.points.keys is not None:
        left = min(left, len(plan.points.keys - _tried(plan, taken(trials))))
    return left + goes_on


def is_exhausted(plan: StudyPlan, trials: Sequence[FrozenTrial]) -> bool:
    """Whether a study has tried every point of its space, or is about to, and none waits."""
    is_waited_for = any(t.state == TrialState.WAITING and params_of(t) for t in trials)
    return not is_waited_for and plan.points.are_all_in(_tried(plan, taken(trials)))


def _tried(plan: StudyPlan, trials: Iterable[FrozenTrial]) -> set[Key]:
    return {plan.points.key(params_of(trial)) for trial in trials}


def reconcile(
    opened: OpenStudy,
    display: StudyDisplay,
    is_gone: Callable[[Owner, float | None], bool] = is_gone,
) -> None:
    """Close what processes left behind that are gone; the caller holds the study's lock."""
    abandoned = close_abandoned(opened.study, is_gone)
    if not abandoned:
        return
    close_records(opened.study, opened.parent)
    trials = opened.study.get_trials(deepcopy=False)
    for number in abandoned:
        outlook = "it is tried again" if is_interrupted(trials[number]) else "it is given up"
        display.say(f"trial {number} was left by a process that ended; {outlook}")


def _ask_once(opened: OpenStudy) -> optuna.Trial | None:
    study, plan = opened.study, opened.plan
    trials = study.get_trials(deepcopy=False)
    interrupted = [t.number for t in trials if is_interrupted(t)]
    if isinstance(study.pruner, Placing):
        study.pruner.interrupted = interrupted
    if plan.keeps_all:
        if not put_next_in_line(study, plan.first):
            return None
    elif not put_promotion(study, trials) and len(taken(trials)) >= plan.study.trials:
        return None
    study.sampler = make_sampler(plan.study.sampler, plan.space, 0)
    trials = study.get_trials(deepcopy=False)  # one that is promoted is in line now
    if not plan.keeps_all and is_exhausted(plan, trials):
        return None
    waiting = [t for t in trials if t.state == TrialState.WAITING]
    tried = _tried(plan, [*waiting, *taken(trials)])
    sign_next(study)
    trial = study.ask()
    # A new one for each trial, seeded by the trial's own number, which no other one has: workers
    # and hosts that ask at the same time, and runs that go on after an interruption, would
    # otherwise begin with the same suggestions. Optuna samples when the params are asked for.
    place = sampling_place(trial.number, study.get_trials(deepcopy=False))
    study.sampler = make_sampler(plan.study.sampler, plan.space, place)
    if not plan.keeps_all:
        study.sampler = UntriedSampler(study.sampler, plan.points, tried, place)
    failpoint.passed("after_ask")
    # Again: where there is no lock in common, another process may have signed it as well.
    with suppress(UpdateFinishedTrialError):  # too late: it is seen when the trial begins
        sign(trial)
        if plan.points.keys is not None:
            suggest(trial, plan.space)  # before another process asks, which is not to take the same
    return trial


def _is_too_much(
    opened: OpenStudy, trial: optuna.Trial, trials: Sequence[FrozenTrial]
) -> str | None:
    """Say why a trial that was just taken is not to be run.

    A lock hands out the trials of a project. Hosts that share a storage have no lock in common:
    the trials' numbers decide between them.
    """
    own = trials[trial.number]
    if is_second(own, trials):
        return f"another trial takes over trial {number_before(own)}"
    if is_promotion(own):
        return None
    earlier = taken(trials[: trial.number])
    if opened.plan.keeps_all:
        params = params_of(own)
        is_double = any(params_of(other) == params for other in earlier)
        return "another trial trains the same" if is_double else None
    is_tried = bool(own.params) and opened.plan.points.key(own.params) in _tried(
        opened.plan, earlier
    )
    if is_tried or is_enqueued_twice(own, trials):
        return "another trial trains the same"
    if len(earlier) >= opened.plan.study.trials:
        return f"the study has its {opened.plan.study.trials} trials"
    return None


@dataclass(frozen=True)
class _Outcome:
    """How a trial went: what Optuna is to be told, and the MLflow run to be closed.

    Attributes:
        state: Its state.
        text: How it went, for a person.
        run: Its MLflow run, if it came so far.
        result: Its scores, if it is complete.
        files: The digests of what it leaves, if it keeps its model.
        disk_is_full: Whether that ended it.
    """

    state: TrialState
    text: str
    run: tracking.Run | None
    result: TrialResult | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    disk_is_full: bool = False


def _run_one(opened: OpenStudy, trial: optuna.Trial, display: StudyDisplay) -> None:
    """Run a trial to its end, and end it in Optuna first and in MLflow then."""
    trials = opened.study.get_trials(deepcopy=False)
    if reason := _is_too_much(opened, trial, trials):
        drop(opened.study, trials[trial.number], reason)
        return
    before = number_before(trials[trial.number])
    if before is not None:
        what = f"tries trial {before} again"
        if trials[before].state == TrialState.PRUNED:
            epochs = trials[before].last_step
            what = f"goes on with trial {before}, which is among the best after epoch {epochs} now"
        display.say(f"trial {trial.number} {what}")
    if not _take_over(opened, trial, trials) and before is not None:
        display.say(
            f"trial {trial.number} begins at epoch 1: no checkpoint of trial {before} is here; it "
            f"ran on {host_of(trials[before])}"
        )
    place = place_of(trials[trial.number], trials)
    try:
        outcome = _train(opened, trial, place, display)
        failpoint.passed("before_tell")
        with locked(opened.lock), signals_held_back():
            told = _tell(opened, trial, outcome)
            failpoint.passed("after_tell_before_run_close")
            if outcome.run is not None:
                close_record(told, outcome.run)
            prune_directories(opened)
    except UpdateFinishedTrialError:
        text = "this process was silent for so long that it was taken for dead; it is tried again"
        display.trial_ended(trial.number, "DISCARDED", text)
        return
    display.trial_ended(trial.number, outcome.state.name, outcome.text)
    if outcome.disk_is_full:
        raise FullDiskError(f"{outcome.text}; {what_to_free(opened.plan.project)}")
    if outcome.state == TrialState.FAIL:
        give_up_if_hopeless(opened.study)


def _train(opened: OpenStudy, trial: optuna.Trial, place: int, display: StudyDisplay) -> _Outcome:
    """Train and score a trial, whatever happens.

    Raises:
        UpdateFinishedTrialError: When another process has closed the trial meanwhile.
    """
    run: tracking.Run | None = None
    try:
        setup = _set_up_trial(opened, trial, place, display)
        with signals_held_back():
            run = _start_trial_run(opened, trial, setup)
        result = run_trial(
            setup,
            run,
            opened.directory(trial.number),
            report=partial(_report, trial),
            prune=partial(_prune, opened, trial),
            is_worth_keeping=lambda value: _is_worth_keeping(opened, trial, value),
            display=display,
        )
        text = f"{setup.objective} {result.value:.4f}"
        files = file_digests(opened.directory(trial.number)) if result.bundle else {}
        return _Outcome(TrialState.COMPLETE, text, run, result, files)
    except optuna.TrialPruned as pruned:
        return _Outcome(TrialState.PRUNED, str(pruned), run)
    except UpdateFinishedTrialError:
        raise
    except Exception as error:
        # Whatever a model, a loss or the device throws is this trial's failure, not the study's.
        _log.debug("trial %d failed", trial.number, exc_info=True)
        text = without_credentials(f"{type(error).__name__}: {error}".partition("\n")[0])
        return _Outcome(TrialState.FAIL, text, run, disk_is_full=is_full(error))


def _tell(opened: OpenStudy, trial: optuna.Trial, outcome: _Outcome) -> FrozenTrial:
    """End a trial in Optuna; one that a full disk has ended is put in line again."""
    if outcome.disk_is_full:
        # With the next trial the same would happen.
        close_interrupted(opened.study, _frozen(opened, trial), outcome.text, crashed=False)
        put_retries(opened.study)
        return _frozen(opened, trial)
    if outcome.result is not None:
        movable = _movable(outcome.result, opened.plan.project)
        trial.set_user_attr(RESULT, movable.to_dict())
        if movable.bundle is not None:
            trial.set_user_attr(FILES, dict(outcome.files))
        if outcome.run is not None and (known := tracking.known_id(outcome.run)) != outcome.run.id:
            trial.set_user_attr(RUN_ID, known)
        return opened.study.tell(trial, outcome.result.value)
    if outcome.state == TrialState.FAIL:
        trial.set_user_attr(FAILURE, outcome.text)
    return opened.study.tell(trial, state=outcome.state)


def _take_over(opened: OpenStudy, trial: optuna.Trial, trials: Sequence[FrozenTrial]) -> bool:
    """Move the checkpoints of the trial that this one tries again to its own directory.

    Returns:
        Whether there are any, or none is missed: no epoch was reported.
    """
    own = opened.directory(trial.number) / "checkpoints"
    for forerunner in forerunners(trials[trial.number], trials):
        directory = opened.directory(forerunner.number)
        if not own.exists() and (directory / "checkpoints").is_dir():
            own.parent.mkdir(parents=True, exist_ok=True)
            (directory / "checkpoints").rename(own)
        shutil.rmtree(directory, ignore_errors=True)
    past = forerunners(trials[trial.number], trials)
    return own.is_dir() or not any(t.intermediate_values for t in past)


def _frozen(opened: OpenStudy, trial: optuna.Trial) -> FrozenTrial:
    return opened.study.get_trials(deepcopy=False)[trial.number]


def _set_up_trial(
    opened: OpenStudy, trial: optuna.Trial, place: int, display: StudyDisplay
) -> TrialSetup:
    plan = opened.plan
    params = suggest(trial, plan.space)
    config = with_values(plan.config, params)
    shown = {"mapping": config.mapping, **params}
    display.trial_started(trial.number, place, plan.study.trials, shown)
    return TrialSetup(
        config=config,
        dataset=opened.dataset,
        mapping=plan.mappings[config.mapping],
        common=plan.common,
        objective=plan.study.objective,
        origin={"study": opened.study.study_name, "trial": trial.number},
        keeps_predictions=plan.keeps_all,
        project=plan.project,
    )


def _report(trial: optuna.Trial, epoch: int, value: float) -> None:
    if not math.isfinite(value):
        # Optuna takes infinity for the best value there is.
        raise DivergedError(f"the objective is {value} in epoch {epoch}")
    trial.report(value, epoch)


def _prune(
    opened: OpenStudy, trial: optuna.Trial, epoch: int, value: float, write: Callable[[], None]
) -> None:
    plan, pruner = opened.plan, opened.study.pruner
    # After the last epoch there is nothing left to save: the trial is complete, good or bad.
    is_over = epoch >= plan.config.training.epochs
    if is_over or _is_baseline(opened, trial) or not trial.should_prune():
        return
    trials = opened.study.get_trials(deepcopy=False)
    if isinstance(pruner, Promoting) and pruner.will_be_next_in_line(trials[trial.number], trials):
        write()
    raise optuna.TrialPruned(f"epoch {epoch}, {plan.study.objective} {value:.4f}")


def _movable(result: TrialResult, project: Path) -> TrialResult:
    """Return the result with its bundle's path relative to the project, which may be moved."""
    if result.bundle is None:
        return result
    return replace(result, bundle=Path(result.bundle).relative_to(project).as_posix())


def _start_trial_run(opened: OpenStudy, trial: optuna.Trial, setup: TrialSetup) -> tracking.Run:
    study = opened.study.study_name
    tags = {**run_tags(setup), "segexp.study": study, "segexp.trial": str(trial.number)}
    name = f"{study}-{trial.number:04d}"
    params = tracking.config_params(setup.config)
    run = tracking.start_run(opened.experiment, name, tags, params, opened.parent)
    failpoint.passed("run_opened")
    trial.set_user_attr(RUN_ID, run.id)
    return run


def _is_worth_keeping(opened: OpenStudy, trial: optuna.Trial, value: float) -> bool:
    """Whether a trial is the best by now, or the baseline that the best is compared with."""
    keeps = opened.plan.keeps_all or _is_baseline(opened, trial)
    return keeps or value > _best_value(opened.study)


def _is_baseline(opened: OpenStudy, trial: optuna.Trial) -> bool:
    """Whether a trial has the params that all others are compared with, so that it is run whole."""
    return trial.params == dict(opened.plan.first[0])


def _best_value(study: optuna.Study) -> float:
    best = best_trial(study)
    return float("-inf") if best is None or best.value is None else best.value


def give_up_if_hopeless(study: optuna.Study) -> None:
    """Refuse to go on with a study whose first trials all failed.

    Raises:
        WorkError: With their reasons.
    """
    finished = [t for t in study.get_trials(deepcopy=False) if counts_towards_budget(t)]
    if len(finished) >= GIVE_UP_AFTER and all(t.state == TrialState.FAIL for t in finished):
        reasons = dict.fromkeys(str(t.user_attrs.get(FAILURE)) for t in finished)
        raise WorkError(
            f"the first {len(finished)} trials all failed: {'; '.join(reasons)}; mend that, and "
            "begin again with another --study-name"
        )
