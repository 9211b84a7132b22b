"""A study: its trials, and what is kept when it is interrupted."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from segexp import tracking
from segexp.core.credentials import without_credentials
from segexp.core.errors import AwayError
from segexp.core.signals import signals_held_back
from segexp.data.open import describe_data, open_data
from segexp.data.warnings import warn_of_data
from segexp.evaluation.metrics import COMMON, metric_of
from segexp.evaluation.result import result_from_dict
from segexp.report.study_page import study_page
from segexp.report.trial_gallery import TRIALS_FILE
from segexp.study.abandoned import forget_supervisors, supervised
from segexp.study.ask import reconcile
from segexp.study.attributes import RESULT, RUN_ID, host_of
from segexp.study.best import best_trials
from segexp.study.budget import counts_towards_budget
from segexp.study.definition import definition, stored_definition, with_begun_halves
from segexp.study.display import StudyDisplay
from segexp.study.engines import Engine, here
from segexp.study.kept_files import prune_directories
from segexp.study.live_results import LiveResults, ResultsFolder
from segexp.study.naming import Naming
from segexp.study.open import OpenStudy, open_study
from segexp.study.plan import SearchPlan, say_left_out
from segexp.study.reconcile import close_records
from segexp.study.results_folder import draw_trials, results_line, write_files, write_view
from segexp.study.revision import choose_revision, describe_revision, with_name
from segexp.study.run_names import study_name
from segexp.study.same_data import beginning
from segexp.study.so_far import so_far
from segexp.study.stop import NEVER, StopRule
from segexp.study.storage.open import revisions
from segexp.study.study_runs import gather_records
from segexp.study.trial_record import study_metrics
from segexp.study.turns import is_stopped
from segexp.study.view import view_study

SYNC_SECONDS = 5
"""How long a study or training that has ended waits for its tracking server."""


@dataclass(frozen=True)
class Ran:
    """The trials that one call of `run_study` ran.

    Attributes:
        new: Trials that count towards the total.
        others: Trials that resumed a pruned one, and interrupted ones.
    """

    new: int
    others: int


def run_study(
    plan: SearchPlan,
    storage: BaseStorage,
    display: StudyDisplay,
    *,
    engine: Engine = here,
    workers: int | None = None,
    stop: StopRule = NEVER,
    naming: Naming | None = None,
    new_revision: bool = False,
    mixed: bool = False,
) -> tuple[optuna.Study, Ran]:
    """Run trials until the study has as many finished ones as it is to reach, or a rule says stop.

    Several processes, on one machine or on several, may run the same study. A trial that a signal
    or a crash ended does not count towards the total, and is retried.

    Args:
        workers: How many of them run at a time; None for as many as suit it.
        stop: When to begin no further trial.
        naming: How the study is named; None where a person has named it.
        new_revision: Whether a study that means something else now gets a new revision.
        mixed: Whether trials may be computed in another precision here than the study's.

    Returns:
        The study, and how many trials this call ran.

    Raises:
        InputError: When the data has faults or only one class, or a study of this name means
            something else.
        WorkError: When the first trials all fail, or the disk is full.
    """
    stored = _newest_definition(plan, storage)
    base = replace(with_begun_halves(plan.base, stored), is_mixed=mixed)
    plan = replace(plan, base=base)
    dataset = open_data(base.project, base.config, base.source, display.caching)
    display.say(describe_data(dataset))
    say_left_out(plan, display.say)
    mappings = [*base.mappings.values()]
    is_common = metric_of(base.study.score)[1] == COMMON
    warn_of_data(dataset, mappings, [base.common] if is_common else mappings, display.say)
    with ExitStack() as held:
        if naming is not None and stored is None:
            begun = beginning(naming, storage, base.project, base.source, display.say)
            plan = with_name(plan, held.enter_context(begun))
            stored = _newest_definition(plan, storage)
        now = definition(base, dataset, stored if mixed else None)
        revision = choose_revision(plan, now, storage, new=new_revision)
        for line in describe_revision(revision, plan.base.study.name):
            display.say(line)
        opened = open_study(
            revision.plan, dataset, storage, now, carried=revision.carried, say=display.say
        )
    before = _count(opened.study)
    folder = ResultsFolder(opened, display.say)
    display.say(results_line(base.project, opened.study))
    with under_way(opened, display, folder):
        live = LiveResults(display, folder)
        ran = run_to_the_end([opened], live, engine, workers=workers, stop=stop)
    settle([opened], display)
    # Other processes may have run some of them.
    new = min(ran, _count(opened.study) - before)
    return opened.study, Ran(new, ran - new)


def _newest_definition(plan: SearchPlan, storage: BaseStorage) -> dict[str, Any] | None:
    """Return what the newest revision of a study means; None if there is none."""
    begun = revisions(storage, plan.base.study.name)
    return stored_definition(storage, begun[-1]) if begun else None


def _count(study: optuna.Study) -> int:
    return sum(map(counts_towards_budget, study.get_trials(deepcopy=False)))


def run_to_the_end(
    studies: Sequence[OpenStudy],
    display: StudyDisplay,
    engine: Engine,
    *,
    workers: int | None,
    stop: StopRule = NEVER,
) -> int:
    """Run trials by an engine, and wait for those that other processes are running.

    If such a process dies, on whatever host, its trial is retried here.

    Returns:
        How many trials were run by this call.
    """
    for opened in studies:
        trials = opened.study.get_trials(deepcopy=False)
        display.studied(so_far(opened.study.study_name, opened.plan, trials))
    ran = 0
    while True:
        ran += engine.run_trials(studies, display, workers=workers, stop=stop)
        running = _running(studies)
        if not running or is_stopped(studies, stop):
            return ran
        display.say(f"waiting for what other processes run: {', '.join(sorted(running))}")
        while _running(studies) == running and not is_stopped(studies, stop):
            time.sleep(1)
            for opened in studies:
                with opened.deciding(), signals_held_back():
                    reconcile(opened, display, engine.is_gone)


def _running(studies: Sequence[OpenStudy]) -> set[str]:
    states = [TrialState.RUNNING]
    return {
        f"trial {trial.number} of {opened.study.study_name} on {host_of(trial)}"
        for opened in studies
        for trial in opened.study.get_trials(deepcopy=False, states=states)
    }


@contextmanager
def under_way(
    opened: OpenStudy, display: StudyDisplay, folder: ResultsFolder | None = None
) -> Iterator[None]:
    """Close a study's records however the block ends, and write its results folder, if any."""
    with supervised(opened.study):
        try:
            with ended_by(partial(_close, opened)):
                with opened.deciding(), signals_held_back():
                    reconcile(opened, display)
                forget_supervisors(opened.study)
                yield
        finally:
            if isinstance(opened.plan, SearchPlan):
                _record_page(opened, display, folder)


@contextmanager
def ended_by(end: Callable[[tracking.Status], None]) -> Iterator[None]:
    """Call ``end`` with how the block ended, and hold signals back meanwhile.

    FINISHED; FAILED after an exception; KILLED after anything else, such as a signal.
    """
    try:
        yield
    except BaseException as error:
        status: tracking.Status = "FAILED" if isinstance(error, Exception) else "KILLED"
        # Why the block ended matters more than an end that cannot be recorded, as on a full disk.
        with suppress(Exception), signals_held_back():
            end(status)
        raise
    with signals_held_back():
        end("FINISHED")


def settle(studies: Sequence[OpenStudy], display: StudyDisplay) -> None:
    """Wait a little for a tracking server to have all records, and close what it has only now.

    Where a process was killed while the server was away, the runs that it began waited, too: they
    were not there when their trials were closed.
    """
    say_what_waits(studies[0].experiment, display.say)
    for opened in studies:
        with opened.deciding():
            close_records(opened.study, opened.parent)


def say_what_waits(experiment: tracking.Experiment, say: Callable[[str], None]) -> None:
    """Wait a little for a tracking server to have all records, and say so if it does not."""
    left = tracking.drain(experiment.project, experiment.uri, SYNC_SECONDS)
    if left:
        say(
            f"{without_credentials(experiment.uri)} does not answer: {left} records wait in "
            ".segexp/spool; `segexp sync` sends them"
        )


def _close(opened: OpenStudy, status: tracking.Status) -> None:
    with opened.deciding():
        close_records(opened.study, opened.parent)
        prune_directories(opened, opened.study.get_trials(deepcopy=False))
        if not opened.plan.base.is_part:
            gather_records(opened.study, opened.parent)
    parent = replace(opened.parent, id=opened.study.user_attrs[RUN_ID])
    if isinstance(opened.plan, SearchPlan):
        _record_best(opened, parent)
    if not opened.plan.base.is_part:
        tracking.end_run(parent, status)


def _record_best(opened: OpenStudy, parent: tracking.Run) -> None:
    study, base = opened.study, opened.plan.base
    front = best_trials(study.get_trials(deepcopy=False))
    if not front:
        return
    best = front[0]
    result = result_from_dict(best.user_attrs[RESULT])
    tracking.log_metrics(parent, study_metrics(result))
    numbers = ",".join(str(trial.number) for trial in front)
    tracking.set_tags(parent, {"segexp.best_trial": str(best.number), "segexp.front": numbers})
    if result.heldout and not base.is_part:  # what it is part of has a name of its own
        heldout = result.heldout.of(*metric_of(base.study.score))
        tracking.rename_run(parent, study_name(study.study_name, heldout))


def _record_page(opened: OpenStudy, display: StudyDisplay, folder: ResultsFolder | None) -> None:
    project = opened.plan.base.project
    try:
        trials = None if opened.plan.base.is_part else _draw_trials(opened)
        if trials is not None:
            tracking.log_text(opened.parent, trials, TRIALS_FILE)
        view = replace(view_study(opened.study, project), has_trials=trials is not None)
        page = study_page(view)
        tracking.log_text(opened.parent, page, "study.html")
    except AwayError:  # which ended the study, and is said
        return
    except Exception as error:  # a picture must not hide why a study ended
        display.say(f"the study's page could not be drawn: {type(error).__name__}: {error}")
        return
    if folder is not None:
        if trials is not None:
            contents = {TRIALS_FILE: trials}
            folder.trying(lambda: write_files(project, opened.study, contents))
        folder.trying(lambda: write_view(project, opened.study, view, page))
        folder.write_note(is_live=False)


def _draw_trials(opened: OpenStudy) -> str | None:
    """Draw what the trials predicted, once a tracking server has the last of it if it answers."""
    project, uri = opened.plan.base.project, opened.experiment.uri
    if not tracking.is_behind(project, uri):
        tracking.drain(project, uri, SYNC_SECONDS)
    return draw_trials(project, uri, opened.study)
