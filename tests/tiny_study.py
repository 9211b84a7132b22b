"""A study of tiny trainings on drawn data, for the tests that really run one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from mlflow import MlflowClient
from mlflow.entities import Run

from segexp.data.open import open_data
from segexp.evaluation.evaluate import Evaluation
from segexp.study.attributes import RUN_ID
from segexp.study.budget import counts_towards_budget
from segexp.study.config import read_study
from segexp.study.definition import definition
from segexp.study.engines import Engine, here
from segexp.study.engines import workers as in_workers
from segexp.study.open import OpenStudy, open_study
from segexp.study.plan import SearchPlan, plan_study
from segexp.study.read_space import read_space
from segexp.study.run import run_study
from segexp.study.so_far import SoFar
from segexp.study.stop import NEVER, StopRule
from segexp.study.storage.open import open_storage
from segexp.training.fit import EpochResult, Step

STUDY = """\
name: tiny
sampler: {name: random, seed: 1}
pruner: none
space: {learning_rate: {low: 1e-4, high: 1e-2, log: true}}
config: {mapping: merged10, training.epochs: 1}
"""


ALL_MEANS: dict[str, object] = {
    "ema": 0.7,
    "encoder_lr_factor": 0.5,
    "layer_decay": 0.8,
    "freeze_encoder_epochs": 1,
    "accumulate": 2,
    "repeat_rare": 0.9,
    "label_smoothing": 0.1,
    "loss": "ohem",
    "loss_weighting": "median_frequency",
}
"""What a training can have beside the defaults, all together."""


@dataclass
class Said:
    """A display that remembers, and calls what a test wants to happen meanwhile.

    Attributes:
        on_step: Called with the trial's number and the epoch at every step that is shown.
        on_epoch: The same, after every epoch.
    """

    on_step: Callable[[int, int], None] = lambda trial, epoch: None
    on_epoch: Callable[[int, int], None] = lambda trial, epoch: None
    lines: list[str] = field(default_factory=list)
    started: list[int] = field(default_factory=list)
    ended: list[tuple[int, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    epochs: list[tuple[int, int]] = field(default_factory=list)
    trial: int = -1

    def say(self, text: str) -> None:
        self.lines.append(text)

    def caching(self, done: int, total: int) -> None:
        pass

    def studied(self, so_far: SoFar) -> None:
        pass

    def trial_started(self, number: int, place: int, total: int, params: Mapping[str, Any]) -> None:
        self.trial = number
        self.started.append(number)

    def trial_ended(self, number: int, state: str, text: str) -> None:
        self.ended.append((number, state))
        self.texts.append(text)

    def doing(self, what: str) -> None:
        pass

    def step(self, step: Step, total_epochs: int) -> None:
        self.on_step(self.trial, step.epoch)

    def epoch(self, result: EpochResult[Evaluation], value: float, total_epochs: int) -> None:
        self.epochs.append((self.trial, result.epoch))
        self.on_epoch(self.trial, result.epoch)

    def beside(self) -> "Said":
        """Another trial's display, which remembers in the same lists."""
        return Said(
            self.on_step,
            self.on_epoch,
            self.lines,
            self.started,
            self.ended,
            self.texts,
            self.epochs,
        )


def raising(error: BaseException, in_trial: int, in_epoch: int = 1) -> Callable[[int, int], None]:
    """Return what raises in one epoch of one trial."""

    def on(trial: int, epoch: int) -> None:
        if (trial, epoch) == (in_trial, in_epoch):
            raise error

    return on


def plan_of(project: Path, **overrides: Any) -> SearchPlan:
    (project / "studies" / "tiny.yaml").write_text(STUDY, encoding="utf-8")
    path, study, config = read_study(project, "tiny", overrides)
    return plan_study(project, str(path), study, config, read_space(str(path), study, config))


def planned(project: Path, study: str = "default", **overrides: Any) -> SearchPlan:
    path, found, config = read_study(project, study, overrides)
    return plan_study(project, str(path), found, config, read_space(str(path), found, config))


def definition_of(plan: SearchPlan) -> dict[str, Any]:
    data = open_data(
        plan.base.project, plan.base.config, plan.base.source, lambda done, total: None
    )
    return definition(plan.base, data)


def run(
    project: Path,
    display: Said | None = None,
    *,
    workers: int | None = 0,
    stop: StopRule = NEVER,
    **overrides: Any,
) -> tuple[optuna.Study, int]:
    plan = plan_of(project, **overrides)
    config = plan.base.config
    storage = open_storage(config.storage, project, config.storage_patience)
    engine: Engine = here if workers == 0 else in_workers
    study, ran = run_study(
        plan, storage, display or Said(), engine=engine, workers=workers, stop=stop
    )
    return study, ran.new + ran.others


def opened(project: Path, **overrides: Any) -> OpenStudy:
    """Open the study as a process does that is about to run its trials."""
    plan = plan_of(project, **overrides)
    dataset = open_data(project, plan.base.config, plan.base.source, lambda done, total: None)
    now = definition(plan.base, dataset)
    config = plan.base.config
    storage = open_storage(config.storage, project, config.storage_patience)
    return open_study(plan, dataset, storage, now)


def run_here(studies: Sequence[OpenStudy], display: Said, stop: StopRule = NEVER) -> int:
    """Run trials in this process."""
    return here.run_trials(studies, display, workers=None, stop=stop)


def states(study: optuna.Study) -> list[str]:
    return [trial.state.name for trial in study.get_trials(deepcopy=False)]


def finished(study: optuna.Study) -> list[str]:
    """The states of the trials that count, by number."""
    trials = study.get_trials(deepcopy=False)
    return [t.state.name for t in trials if counts_towards_budget(t)]


def client_of(project: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=f"sqlite:///{project}/mlflow.db")


def record_of(project: Path, study: optuna.Study) -> Run:
    """The study's own run."""
    return client_of(project).get_run(study.user_attrs[RUN_ID])


def records_of(project: Path, study: optuna.Study) -> list[Run]:
    """The runs of the study's trials, by trial number."""
    client = client_of(project)
    parent = study.user_attrs[RUN_ID]
    experiment = client.get_run(parent).info.experiment_id
    found = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    return sorted(found, key=lambda r: int(r.data.tags["segexp.trial"]))


def statuses(project: Path, study: optuna.Study) -> list[str]:
    return [run.info.status for run in records_of(project, study)]
