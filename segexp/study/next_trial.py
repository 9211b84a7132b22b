"""The next trial of a study: taken, run to its end, and ended in Optuna and in MLflow."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from segexp import tracking
from segexp.core import failpoint
from segexp.core.config_keys import with_values
from segexp.core.credentials import without_credentials
from segexp.core.disk import FullDiskError, full_disk_explained, is_away, is_full, what_to_free
from segexp.core.errors import AwayError, Interrupted
from segexp.core.lease import is_here, owner_from_dict
from segexp.core.signals import signals_held_back
from segexp.evaluation.result import TrialResult
from segexp.report.trials import values_text
from segexp.study import judging
from segexp.study.ask import Taken, ask, reason_to_drop
from segexp.study.attributes import (
    FAILURE,
    FILES,
    OWNER,
    PRECISION,
    RESULT,
    RUN_ID,
    host_of,
    is_interrupted,
)
from segexp.study.budget import forerunners, place_of
from segexp.study.display import StudyDisplay
from segexp.study.kept_files import prune_directories
from segexp.study.open import OpenStudy
from segexp.study.plan import ListPlan
from segexp.study.promotion import number_before
from segexp.study.reconcile import close_interrupted, close_record, drop, heard_of, queue_retries
from segexp.study.run_names import trial_name
from segexp.study.samplers import suggest
from segexp.study.shared_states import fetch_state, share_state
from segexp.study.so_far import so_far
from segexp.study.standing import values_of
from segexp.study.stop import give_up_if_hopeless
from segexp.study.storage.access import set_trial_attributes
from segexp.study.trial import run_trial
from segexp.study.trial_files import file_digests
from segexp.study.trial_setup import TrialSetup, precision_of, run_tags
from segexp.training.ranks import RankDiedError

_log = logging.getLogger(__name__)

SHARING_SECONDS = 5.0
"""How long a trial that a signal ends waits for a tracking server to take its state."""


def run_next_trial(opened: OpenStudy, display: StudyDisplay) -> bool:
    """Run one trial of a study.

    An interruption is passed on; the engine closes the trial.

    Returns:
        Whether there was one: False when enough have ended or are under way.

    Raises:
        WorkError: When the study's first trials all failed.
        FullDiskError: When the disk is full.
    """
    # What stays open because a database could not be written is closed by the next start.
    with full_disk_explained(opened.plan.base.project):
        taken = ask(opened, display)
        if taken is None:
            return False
        with heard_of(taken.trial):
            _run_one(opened, taken, display)
    return True


@dataclass(frozen=True)
class _Outcome:
    """How a trial went: what to tell Optuna, and which MLflow run to close.

    Attributes:
        values: Those of the objectives, if it is complete.
        files: The digests of what it leaves, if it keeps its model.
        crashed: Whether a process died that trained along, so that it is tried again.
    """

    state: TrialState
    text: str
    run: tracking.Run | None
    result: TrialResult | None = None
    values: Sequence[float] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    disk_is_full: bool = False
    crashed: bool = False


def _run_one(opened: OpenStudy, taken: Taken, display: StudyDisplay) -> None:
    """Run a trial to its end, and end it in Optuna first, then in MLflow."""
    trial, trials = taken.trial, taken.trials
    if reason := reason_to_drop(opened.plan, taken.own, trials):
        drop(opened.study, taken.own, reason)
        return
    before = number_before(taken.own)
    if before is not None:
        what = f"tries trial {before} again"
        if trials[before].state == TrialState.PRUNED:
            epochs = trials[before].last_step
            what = f"resumes trial {before}, which is now among the best after epoch {epochs}"
        display.say(f"trial {trial.number} {what}")
    if (why := _take_over(opened, trial, trials)) and before is not None:
        display.say(f"trial {trial.number} begins at epoch 1: {why}; it {_where(trials[before])}")
    try:
        outcome = _train(opened, trial, place_of(taken.own, trials), display)
        failpoint.passed("before_tell")
        with signals_held_back():
            trials = _end(opened, trial, outcome)
    except UpdateFinishedTrialError:
        text = "this process was silent for so long that it was taken for dead; it is tried again"
        display.trial_ended(trial.number, "DISCARDED", text)
        return
    display.studied(so_far(opened.study.study_name, opened.plan, trials))
    state, text = outcome.state.name, outcome.text
    if outcome.crashed and is_interrupted(trials[trial.number]):
        state, text = "INTERRUPTED", f"{text}; it is tried again"
    display.trial_ended(trial.number, state, text)
    if outcome.disk_is_full:
        raise FullDiskError(f"{outcome.text}; {what_to_free(opened.plan.base.project)}")
    if outcome.state == TrialState.FAIL:
        give_up_if_hopeless(trials)


def _end(opened: OpenStudy, trial: optuna.Trial, outcome: _Outcome) -> Sequence[FrozenTrial]:
    """End a trial in Optuna, then in MLflow, and delete the files that are not kept.

    Returns:
        The study's trials then.
    """
    if outcome.disk_is_full or outcome.crashed:
        # With a full disk the next trial would end the same way.
        with opened.deciding():
            close_interrupted(opened.study, _frozen(trial), outcome.text, crashed=outcome.crashed)
            queue_retries(opened.study, opened.study.get_trials(deepcopy=False))
    else:
        _tell(opened.plan.base.project, trial, outcome)
    failpoint.passed("after_tell_before_run_close")
    trials = opened.study.get_trials(deepcopy=False)
    if outcome.run is not None:
        close_record(trials[trial.number], outcome.run)
    prune_directories(opened, trials)
    if outcome.run is not None and outcome.state == TrialState.PRUNED:  # if it may be resumed
        share_state(opened.study, trial, outcome.run, opened.directory(trial.number))
    return trials


def _train(opened: OpenStudy, trial: optuna.Trial, place: int, display: StudyDisplay) -> _Outcome:
    """Train and score a trial, whatever happens.

    Raises:
        UpdateFinishedTrialError: When another process has closed the trial meanwhile.
        AwayError: When the storage was waited for in vain, or MLflow's database or a disk
            is away.
    """
    run: tracking.Run | None = None
    try:
        setup = _set_up_trial(opened, trial, place, display)
        trial.set_user_attr(PRECISION, precision_of(setup))
        with signals_held_back():
            run = _start_trial_run(opened, trial, setup)
        result = run_trial(
            setup,
            run,
            opened.directory(trial.number),
            report=partial(judging.report, trial),
            prune=partial(judging.prune, opened.plan, trial),
            is_worth_keeping=partial(judging.is_worth_keeping, opened.plan, trial),
            display=display,
            admit=partial(judging.admit, opened.plan, trial),
        )
        judging.set_constraints(opened.plan, trial, result)
        study = opened.plan.base.study
        values = values_of(result, study.costs)
        text = values_text(study.objectives, values)
        files = file_digests(opened.directory(trial.number)) if result.bundle else {}
        return _Outcome(TrialState.COMPLETE, text, run, result, values, files)
    except optuna.TrialPruned as pruned:
        return _Outcome(TrialState.PRUNED, str(pruned), run)
    except Interrupted:
        if run is not None:
            share_state(opened.study, trial, run, opened.directory(trial.number))
            tracking.drain(run.project, run.uri, SHARING_SECONDS)
        raise
    except (UpdateFinishedTrialError, AwayError):
        raise
    except RankDiedError as error:
        return _Outcome(TrialState.FAIL, str(error), run, crashed=True)
    except Exception as error:
        if is_away(error):
            raise AwayError(f"trial {trial.number}: {error}") from error
        # Whatever a model, a loss or the device throws is this trial's failure, not the study's.
        _log.debug("trial %d failed", trial.number, exc_info=True)
        text = without_credentials(f"{type(error).__name__}: {error}".partition("\n")[0])
        return _Outcome(TrialState.FAIL, text, run, disk_is_full=is_full(error))


def _tell(project: Path, trial: optuna.Trial, outcome: _Outcome) -> None:
    """End a trial in Optuna."""
    attributes: dict[str, Any] = {}
    if outcome.result is not None:
        movable = _movable(outcome.result, project)
        attributes[RESULT] = movable.to_dict()
        if movable.bundle is not None:
            attributes[FILES] = dict(outcome.files)
        if outcome.run is not None and (known := tracking.known_id(outcome.run)) != outcome.run.id:
            attributes[RUN_ID] = known
    elif outcome.state == TrialState.FAIL:
        attributes[FAILURE] = outcome.text
    if attributes:
        set_trial_attributes(trial.study, trial, attributes)
    if outcome.result is not None:
        trial.study.tell(trial, outcome.values)
    else:
        trial.study.tell(trial, state=outcome.state)


def _take_over(opened: OpenStudy, trial: optuna.Trial, trials: Sequence[FrozenTrial]) -> str | None:
    """Move the checkpoints of the trials that this one retries or resumes to its own directory.

    Those of another host are fetched, if it sent them.

    Returns:
        Why there are none; None if there are, or no epoch was reported.
    """
    own = opened.directory(trial.number) / "checkpoints"
    for forerunner in forerunners(trials[trial.number], trials):
        directory = opened.directory(forerunner.number)
        if not own.exists() and (directory / "checkpoints").is_dir():
            own.parent.mkdir(parents=True, exist_ok=True)
            (directory / "checkpoints").rename(own)
        shutil.rmtree(directory, ignore_errors=True)
    past = forerunners(trials[trial.number], trials)
    done = [t for t in past if t.intermediate_values]
    if own.is_dir() or not done:
        return None
    project, uri = opened.plan.base.project, opened.experiment.uri
    return fetch_state(project, uri, opened.study, done[0], own)


def _where(before: FrozenTrial) -> str:
    """Say where a trial ran whose checkpoints are not here."""
    owner = owner_from_dict(before.user_attrs.get(OWNER))
    if owner is not None and is_here(owner):  # a machine may have several projects of one storage
        return (
            "ran on this machine, and was ended before its first epoch was saved, or was run in "
            "another project directory"
        )
    return f"ran on {host_of(before)}"


def _frozen(trial: optuna.Trial) -> FrozenTrial:
    return trial.study.get_trials(deepcopy=False)[trial.number]


def _set_up_trial(
    opened: OpenStudy, trial: optuna.Trial, place: int, display: StudyDisplay
) -> TrialSetup:
    plan = opened.plan.base
    params = suggest(trial, plan.space)
    config = with_values(plan.config, params)
    shown = {"mapping": config.mapping, **params}
    display.trial_started(trial.number, place, plan.study.trials, shown)
    return TrialSetup(
        config=config,
        dataset=opened.dataset,
        mapping=plan.mappings[config.mapping],
        common=plan.common,
        objective=plan.study.score,
        origin={"study": opened.study.study_name, "trial": trial.number},
        keeps_predictions=isinstance(opened.plan, ListPlan),
        project=plan.project,
        lower_iou_of=tuple(
            c.class_name for c in plan.constraints if c.by_lower_end and c.class_name
        ),
    )


def _movable(result: TrialResult, project: Path) -> TrialResult:
    """Return the result with its bundle's path relative to the project, which may be moved."""
    if result.bundle is None:
        return result
    return replace(result, bundle=Path(result.bundle).relative_to(project).as_posix())


def _start_trial_run(opened: OpenStudy, trial: optuna.Trial, setup: TrialSetup) -> tracking.Run:
    study = opened.study.study_name
    tags = {**run_tags(setup), "segexp.study": study, "segexp.trial": str(trial.number)}
    is_final = isinstance(opened.plan, ListPlan)
    name = trial_name(trial.number, setup.config, is_final=is_final)
    params = tracking.config_params(setup.config)
    run = tracking.start_run(opened.experiment, name, tags, params, opened.parent)
    failpoint.passed("run_opened")
    trial.set_user_attr(RUN_ID, run.id)
    return run
