"""A study: its trials one after another, and what is kept when it is interrupted."""

import shutil
import traceback
from collections.abc import Mapping as Dict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from segexp import tracking
from segexp.config import flatten, with_values
from segexp.dataset.cache import Dataset
from segexp.errors import InputError, Interrupted, WorkError
from segexp.evaluate import constant_miou
from segexp.files import locked
from segexp.plan import StudyPlan, definition, definition_faults
from segexp.project import WORK_DIRECTORY, describe_data, open_data
from segexp.reconcile import close_interrupted, counts_towards_budget, reconcile, this_process
from segexp.report.study_page import study_page
from segexp.result import TrialResult
from segexp.space import make_pruner, make_sampler, suggest
from segexp.storage import CONSTANT, DEFINITION, FAILURE, OWNER, RESULT, RUN_ID
from segexp.trial import Display, TrialSetup, run_trial

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


@dataclass(frozen=True)
class OpenStudy:
    """A study under way: its plan, data and records."""

    plan: StudyPlan
    dataset: Dataset
    study: optuna.Study
    experiment: tracking.Experiment
    parent: tracking.Run

    @property
    def directory(self) -> Path:
        """Where the study's checkpoints and bundles are."""
        return self.plan.project / WORK_DIRECTORY / "studies" / self.study.study_name


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
    study = _open_study(plan, dataset, storage)
    experiment = tracking.open_experiment(
        plan.project,
        plan.config.tracking.uri,
        plan.config.tracking.experiment or study.study_name,
    )
    parent = _open_parent_run(plan, dataset, study, experiment)
    opened = OpenStudy(plan, dataset, study, experiment, parent)
    status: tracking.Status = "KILLED"
    ran = 0
    try:
        while (trial := _ask(opened, display)) is not None:
            _run_one(opened, trial, display, debug)
            ran += 1
            _give_up_if_hopeless(study)
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        _record_study(opened, display)
        tracking.end_run(parent, status)
    return study, ran


def _open_study(plan: StudyPlan, dataset: Dataset, storage: BaseStorage) -> optuna.Study:
    now = definition(plan, dataset)
    with locked(_lock_of(plan)):
        try:
            study = optuna.create_study(
                storage=storage,
                study_name=plan.study.name,
                direction="maximize",
                load_if_exists=True,
                pruner=make_pruner(plan.study.pruner, plan.config.training.epochs),
            )
        except optuna.exceptions.StorageInternalError as error:
            raise WorkError(f"storage: {error}") from error
        stored = study.user_attrs.get(DEFINITION)
        if stored is None:
            study.set_user_attr(DEFINITION, now)
            study.set_user_attr(CONSTANT, constant_miou(dataset, plan.common))
            study.enqueue_trial(dict(plan.baseline), skip_if_exists=True)
        elif faults := definition_faults(plan.study.name, stored, now):
            raise InputError(faults)
        before = len(study.get_trials(deepcopy=False))
        study.sampler = make_sampler(plan.study.sampler, plan.space, before)
    return study


def _open_parent_run(
    plan: StudyPlan, dataset: Dataset, study: optuna.Study, experiment: tracking.Experiment
) -> tracking.Run:
    with locked(_lock_of(plan)):
        parent = tracking.attach_run(experiment, study.user_attrs.get(RUN_ID))
        if parent is None:
            tags = {**_shared_tags(plan, dataset, study), "segexp.kind": "study"}
            params = flatten(plan.study.model_dump(mode="json", exclude={"space", "baseline"}))
            parent = tracking.start_run(experiment, study.study_name, tags, params)
            study.set_user_attr(RUN_ID, parent.id)
            tracking.log_yaml(parent, plan.study.model_dump(mode="json"), "study.yaml")
            tracking.log_yaml(parent, plan.config.to_dict(), "config.yaml")
            for mapping in plan.mappings.values():
                tracking.log_yaml(parent, mapping.to_dict(), f"mappings/{mapping.name}.yaml")
            tracking.log_yaml(parent, plan.common.to_dict(), "common_space.yaml")
    return parent


def _ask(opened: OpenStudy, display: StudyDisplay) -> optuna.Trial | None:
    """Take the next trial, or None when enough are finished or under way."""
    study, target = opened.study, opened.plan.study.trials
    with locked(_lock_of(opened.plan)):
        for number in reconcile(study, opened.experiment):
            display.say(f"trial {number} was left by a process that ended; it is tried again")
        trials = study.get_trials(deepcopy=False)
        running = sum(t.state == TrialState.RUNNING for t in trials)
        if sum(map(counts_towards_budget, trials)) + running >= target:
            return None
        trial = study.ask()
        trial.set_user_attr(OWNER, this_process())
    return trial


def _run_one(opened: OpenStudy, trial: optuna.Trial, display: StudyDisplay, debug: bool) -> None:
    """Run a trial to its end, and end it in Optuna first and in MLflow then."""
    study = opened.study
    directory = opened.directory / f"trial-{trial.number:04d}"
    run: tracking.Run | None = None
    status: tracking.Status = "FINISHED"
    failure = None
    try:
        setup = _set_up_trial(opened, trial, display)
        run = _start_trial_run(opened, trial, setup)
        result = run_trial(
            setup,
            run,
            directory,
            report=partial(_report, trial, setup.objective),
            is_worth_keeping=lambda value: value > _best_value(study),
            display=display,
        )
        state, text = "COMPLETE", f"{setup.objective} {result.value:.4f}"
        _tell_complete(opened, trial, result)
    except optuna.TrialPruned as pruned:
        state, text = "PRUNED", str(pruned)
        study.tell(trial, state=TrialState.PRUNED)
    except (KeyboardInterrupt, Interrupted):
        close_interrupted(study, trial.number, "interrupted by a signal")
        if run is not None:
            tracking.close_run(run, "KILLED", "FAIL", "interrupted by a signal")
        shutil.rmtree(directory, ignore_errors=True)
        raise
    except Exception as error:
        # Whatever a model, a loss or the device throws is this trial's failure, not the study's.
        state, status = "FAIL", "FAILED"
        text = failure = f"{type(error).__name__}: {error}".partition("\n")[0]
        if debug:
            display.say(traceback.format_exc())
        trial.set_user_attr(FAILURE, failure)
        study.tell(trial, state=TrialState.FAIL)
    if run is not None:
        tracking.close_run(run, status, state, failure)
    shutil.rmtree(directory / "checkpoints", ignore_errors=True)
    display.trial_ended(trial.number, state, text)


def _set_up_trial(opened: OpenStudy, trial: optuna.Trial, display: StudyDisplay) -> TrialSetup:
    plan = opened.plan
    params = suggest(trial, plan.space)
    config = with_values(plan.config, params)
    before = sum(map(counts_towards_budget, opened.study.get_trials(deepcopy=False)))
    display.trial_started(trial.number, before + 1, plan.study.trials, params)
    return TrialSetup(
        config=config,
        dataset=opened.dataset,
        mapping=plan.mappings[config.mapping],
        common=plan.common,
        objective=plan.study.objective,
        origin={"study": opened.study.study_name, "trial": trial.number},
    )


def _report(trial: optuna.Trial, objective: str, epoch: int, value: float) -> None:
    trial.report(value, epoch)
    if trial.should_prune():
        raise optuna.TrialPruned(f"epoch {epoch}, {objective} {value:.4f}")


def _tell_complete(opened: OpenStudy, trial: optuna.Trial, result: TrialResult) -> None:
    if result.bundle is not None:
        relative = Path(result.bundle).relative_to(opened.plan.project)
        result = replace(result, bundle=relative.as_posix())
    trial.set_user_attr(RESULT, result.to_dict())
    opened.study.tell(trial, result.value)


def _start_trial_run(opened: OpenStudy, trial: optuna.Trial, setup: TrialSetup) -> tracking.Run:
    tags = {
        **_shared_tags(opened.plan, opened.dataset, opened.study),
        "segexp.kind": "trial",
        "segexp.trial": str(trial.number),
        "segexp.mapping": setup.mapping.name,
        "segexp.mapping_hash": setup.mapping.hash,
        "segexp.seed": str(setup.config.training.seed),
    }
    name = f"{opened.study.study_name}-{trial.number:04d}"
    params = tracking.config_params(setup.config)
    run = tracking.start_run(opened.experiment, name, tags, params, opened.parent)
    trial.set_user_attr(RUN_ID, run.id)
    return run


def _shared_tags(plan: StudyPlan, dataset: Dataset, study: optuna.Study) -> dict[str, str]:
    return {
        "segexp.study": study.study_name,
        "segexp.dataset": dataset.name,
        "segexp.dataset_hash": dataset.hash,
        "segexp.common_space": plan.common.name,
    }


def _record_study(opened: OpenStudy, display: StudyDisplay) -> None:
    study, parent = opened.study, opened.parent
    complete = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    if complete:
        best = max(complete, key=lambda t: t.value if t.value is not None else float("-inf"))
        scores = best.user_attrs[RESULT]["val"]
        tracking.log_metrics(
            parent,
            {
                "best/miou": scores["miou"],
                "best/miou_common": scores["miou_common"],
                "best/epoch": best.user_attrs[RESULT]["best_epoch"],
            },
        )
        tracking.set_tags(parent, {"segexp.best_trial": str(best.number)})
    try:
        page = study_page(study)
    except Exception as error:  # a picture must not hide why a study ended
        display.say(f"the study's page could not be drawn: {type(error).__name__}: {error}")
    else:
        tracking.log_text(parent, page, "study.html")


def _best_value(study: optuna.Study) -> float:
    complete = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    return max((t.value for t in complete if t.value is not None), default=float("-inf"))


def _give_up_if_hopeless(study: optuna.Study) -> None:
    finished = [t for t in study.get_trials(deepcopy=False) if counts_towards_budget(t)]
    if len(finished) >= GIVE_UP_AFTER and all(t.state == TrialState.FAIL for t in finished):
        reasons = dict.fromkeys(str(t.user_attrs.get(FAILURE)) for t in finished)
        raise WorkError(f"the first {len(finished)} trials all failed: {'; '.join(reasons)}")


def _lock_of(plan: StudyPlan) -> Path:
    return plan.project / WORK_DIRECTORY / "locks" / f"{plan.study.name}.lock"
