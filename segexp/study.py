"""A study: its trials one after another, and what is kept when it is interrupted."""

import shutil
import traceback
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Dict
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from segexp import tracking
from segexp.best import best_trial
from segexp.config import with_values
from segexp.errors import WorkError
from segexp.files import locked
from segexp.interrupt import signals_held_back
from segexp.open_study import OpenStudy, open_study
from segexp.plan import StudyPlan
from segexp.project import describe_data, open_data
from segexp.reconcile import (
    close_abandoned,
    close_own,
    close_record,
    close_records,
    counts_towards_budget,
    put_next_in_line,
    taken,
    this_process,
)
from segexp.report.study_page import study_page
from segexp.result import TrialResult
from segexp.space import PlacedHyperbandPruner, is_exhausted, make_sampler, suggest
from segexp.storage import FAILURE, INTERRUPTED, OWNER, RESULT, RUN_ID
from segexp.trial import Display, TrialSetup, run_tags, run_trial

# A study whose first trials all fail is ended: the rest would fail as well.
GIVE_UP_AFTER = 3


class StudyDisplay(Display, Protocol):
    """Shows a person how a study goes on."""

    def say(self, text: str) -> None:
        """Show one line."""

    def caching(self, done: int, total: int) -> None:
        """Show how many images are decoded into the cache."""

    def trial_started(self, number: int, place: int, total: int, params: Dict[str, Any]) -> None:
        """Show that a trial begins, the ``place``-th of ``total``."""

    def trial_ended(self, number: int, state: str, text: str) -> None:
        """Show that a trial ended as COMPLETE, PRUNED or FAIL."""


def run_study(
    plan: StudyPlan, storage: BaseStorage, display: StudyDisplay, *, debug: bool = False
) -> tuple[optuna.Study, int]:
    """Run trials until the study has as many finished ones as it is to reach.

    Several processes of one machine may run the same study. A trial that a signal or a crash
    ended does not count towards the total, and its params are tried again.

    Args:
        plan: From `segexp.plan.plan_study`.
        storage: Optuna's storage.
        display: Shows progress.
        debug: Show the traceback of a trial that failed.

    Returns:
        The study, and how many trials were run by this call.

    Raises:
        InputError: When the data has faults, or a study of this name means something else.
        WorkError: When the first trials all fail.
    """
    dataset = open_data(plan.project, plan.config, plan.source, display.caching)
    display.say(describe_data(dataset))
    opened = open_study(plan, dataset, storage)
    ran = 0
    with under_way(opened, display):
        while run_next_trial(opened, display, debug=debug):
            ran += 1
    return opened.study, ran


@contextmanager
def under_way(opened: OpenStudy, display: StudyDisplay) -> Iterator[None]:
    """Close what a study has open in this process, however the block ends."""
    try:
        with ended_by(partial(_close, opened)):
            yield
    finally:
        if not opened.plan.keeps_all:
            _record_page(opened, display)


@contextmanager
def ended_by(end: Callable[[tracking.Status], None]) -> Iterator[None]:
    """Call ``end`` with how the block ended, and let signals wait meanwhile.

    FINISHED; FAILED by an exception; KILLED by whatever else ends a block, a signal above all.
    """
    status: tracking.Status = "KILLED"
    try:
        yield
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        with signals_held_back():
            end(status)


def _close(opened: OpenStudy, status: tracking.Status) -> None:
    reason = "interrupted by a signal" if status == "KILLED" else "its process failed"
    for number in close_own(opened.study, reason):
        shutil.rmtree(opened.directory(number), ignore_errors=True)
    close_records(opened.study, opened.parent)
    if not opened.plan.keeps_all:
        _record_best(opened)
    if not opened.plan.is_arm:
        tracking.end_run(opened.parent, status)


def run_next_trial(opened: OpenStudy, display: StudyDisplay, *, debug: bool = False) -> bool:
    """Run one trial of a study, within `under_way`.

    Returns:
        False, and nothing was run, when enough trials are finished or under way.

    Raises:
        WorkError: When the study's first trials all failed.
    """
    trial = _ask(opened, display)
    if trial is None:
        return False
    _run_one(opened, trial, display, debug)
    _give_up_if_hopeless(opened.study)
    return True


def _ask(opened: OpenStudy, display: StudyDisplay) -> optuna.Trial | None:
    """Take the next trial, or None when enough are finished or under way."""
    study, plan = opened.study, opened.plan
    with locked(opened.lock), signals_held_back():
        if abandoned := close_abandoned(study):
            close_records(study, opened.parent)
        for number in abandoned:
            shutil.rmtree(opened.directory(number), ignore_errors=True)
            display.say(f"trial {number} was left by a process that ended; it is tried again")
        trials = study.get_trials(deepcopy=False)
        interrupted = [t.number for t in trials if t.user_attrs.get(INTERRUPTED)]
        if isinstance(study.pruner, PlacedHyperbandPruner):
            study.pruner.interrupted = interrupted
        if plan.keeps_all:
            if not put_next_in_line(study, plan.first):
                return None
        elif len(taken(trials)) >= plan.study.trials:
            return None
        # A new one for each trial, seeded by its place: workers that start together, and runs
        # that go on after an interruption, would otherwise all begin with the same suggestions.
        before = len(trials) - len(interrupted)
        study.sampler = make_sampler(plan.study.sampler, plan.space, before)
        if is_exhausted(study):
            return None
        trial = study.ask()
        trial.set_user_attr(OWNER, this_process())
    return trial


def _run_one(opened: OpenStudy, trial: optuna.Trial, display: StudyDisplay, debug: bool) -> None:
    """Run a trial to its end, and end it in Optuna first and in MLflow then.

    An interruption passes through; `run_study` closes the trial then.
    """
    directory = opened.directory(trial.number)
    run: tracking.Run | None = None
    result: TrialResult | None = None
    failure: str | None = None
    try:
        setup = _set_up_trial(opened, trial, display)
        with signals_held_back():
            run = _start_trial_run(opened, trial, setup)
        result = run_trial(
            setup,
            run,
            directory,
            report=partial(_report, trial, setup),
            is_worth_keeping=lambda value: (
                opened.plan.keeps_all or value > _best_value(opened.study)
            ),
            display=display,
        )
        state, text = TrialState.COMPLETE, f"{setup.objective} {result.value:.4f}"
    except optuna.TrialPruned as pruned:
        state, text = TrialState.PRUNED, str(pruned)
    except Exception as error:
        # Whatever a model, a loss or the device throws is this trial's failure, not the study's.
        state = TrialState.FAIL
        text = failure = f"{type(error).__name__}: {error}".partition("\n")[0]
        if debug:
            display.say(traceback.format_exc())
    with signals_held_back():
        if result is not None:
            trial.set_user_attr(RESULT, _movable(result, opened.plan.project).to_dict())
        if failure is not None:
            trial.set_user_attr(FAILURE, failure)
        told = opened.study.tell(trial, result.value if result else None, state=state)
        if run is not None:
            close_record(told, run)
    is_kept = result is not None and result.bundle is not None
    shutil.rmtree(directory / "checkpoints" if is_kept else directory, ignore_errors=True)
    display.trial_ended(trial.number, state.name, text)


def _set_up_trial(opened: OpenStudy, trial: optuna.Trial, display: StudyDisplay) -> TrialSetup:
    plan = opened.plan
    params = suggest(trial, plan.space)
    config = with_values(plan.config, params)
    before = sum(map(counts_towards_budget, opened.study.get_trials(deepcopy=False)))
    shown = {"mapping": config.mapping, **params}
    display.trial_started(trial.number, before + 1, plan.study.trials, shown)
    return TrialSetup(
        config=config,
        dataset=opened.dataset,
        mapping=plan.mappings[config.mapping],
        common=plan.common,
        objective=plan.study.objective,
        origin={"study": opened.study.study_name, "trial": trial.number},
        keeps_predictions=plan.keeps_all,
    )


def _report(trial: optuna.Trial, setup: TrialSetup, epoch: int, value: float) -> None:
    trial.report(value, epoch)
    # After the last epoch there is nothing left to save: the trial is complete, good or bad.
    if epoch < setup.config.training.epochs and trial.should_prune():
        raise optuna.TrialPruned(f"epoch {epoch}, {setup.objective} {value:.4f}")


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
    trial.set_user_attr(RUN_ID, run.id)
    return run


def _record_best(opened: OpenStudy) -> None:
    best = best_trial(opened.study)
    if best is None:
        return
    scores = best.user_attrs[RESULT]["val"]
    tracking.log_metrics(
        opened.parent,
        {
            "best/miou": scores["miou"],
            "best/miou_common": scores["miou_common"],
            "best/epoch": best.user_attrs[RESULT]["best_epoch"],
        },
    )
    tracking.set_tags(opened.parent, {"segexp.best_trial": str(best.number)})


def _record_page(opened: OpenStudy, display: StudyDisplay) -> None:
    try:
        page = study_page(opened.study)
    except Exception as error:  # a picture must not hide why a study ended
        display.say(f"the study's page could not be drawn: {type(error).__name__}: {error}")
    else:
        tracking.log_text(opened.parent, page, "study.html")


def _best_value(study: optuna.Study) -> float:
    best = best_trial(study)
    return float("-inf") if best is None or best.value is None else best.value


def _give_up_if_hopeless(study: optuna.Study) -> None:
    finished = [t for t in study.get_trials(deepcopy=False) if counts_towards_budget(t)]
    if len(finished) >= GIVE_UP_AFTER and all(t.state == TrialState.FAIL for t in finished):
        reasons = dict.fromkeys(str(t.user_attrs.get(FAILURE)) for t in finished)
        raise WorkError(f"the first {len(finished)} trials all failed: {'; '.join(reasons)}")
