"""A study that really runs: tiny trainings, real Optuna, real MLflow."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from mlflow import MlflowClient
from optuna.trial import TrialState

from segexp.errors import Interrupted, WorkError
from segexp.loop import EpochResult, Step
from segexp.plan import StudyPlan, plan_study
from segexp.storage import DEFINITION, RESULT, RUN_ID, open_storage
from segexp.study import run_study
from segexp.study_config import read_study

STUDY = """\
name: tiny
sampler: {name: random, seed: 1}
pruner: none
space: {learning_rate: {low: 1e-4, high: 1e-2, log: true}}
config: {mapping: merged10, training.epochs: 1}
"""


class Said:
    """A display that remembers, and interrupts where it is told to."""

    def __init__(self, interrupt_in_trial: int | None = None) -> None:
        self.lines: list[str] = []
        self.ended: list[tuple[int, str]] = []
        self._interrupt_in = interrupt_in_trial
        self._trial = -1

    def say(self, text: str) -> None:
        self.lines.append(text)

    def caching(self, done: int, total: int) -> None:
        pass

    def trial_started(self, number: int, place: int, total: int, params: Mapping[str, Any]) -> None:
        self._trial = number

    def trial_ended(self, number: int, state: str, text: str) -> None:
        self.ended.append((number, state))

    def step(self, step: Step, total_epochs: int) -> None:
        if self._trial == self._interrupt_in:
            raise Interrupted(15)

    def epoch(self, result: EpochResult, value: float, total_epochs: int) -> None:
        pass


def plan_of(project: Path, **overrides: Any) -> StudyPlan:
    (project / "studies" / "tiny.yaml").write_text(STUDY, encoding="utf-8")
    path, study, config = read_study(project, "tiny", overrides)
    return plan_study(project, str(path), study, config)


def run(project: Path, display: Said | None = None, **overrides: Any) -> tuple[optuna.Study, int]:
    plan = plan_of(project, **overrides)
    return run_study(plan, open_storage(None, project), display or Said())


def test_only_a_trial_that_is_the_best_so_far_keeps_a_bundle(project: Path) -> None:
    display = Said()
    study, ran = run(project, display, trials=4)
    assert ran == 4
    assert display.ended == [(number, "COMPLETE") for number in range(4)]
    best = float("-inf")
    for trial in study.trials:
        name = f"tiny-{study.user_attrs[RUN_ID][:8]}"
        directory = project / ".segexp" / "studies" / name / f"trial-{trial.number:04d}"
        result = trial.user_attrs[RESULT]
        if trial.value > best:
            best = trial.value
            assert result["bundle"] == directory.relative_to(project).as_posix() + "/bundle"
            assert {path.name for path in directory.iterdir()} == {"bundle", "confusions.npz"}
            assert result["heldout"] is not None
        else:
            assert result["bundle"] is None
            assert result["heldout"] is None
            assert not directory.exists()

    client = MlflowClient(tracking_uri=f"sqlite:///{project}/mlflow.db")
    parent = client.get_run(study.user_attrs[RUN_ID])
    assert parent.data.metrics["best/miou_common"] == pytest.approx(best)
    assert parent.data.tags["segexp.best_trial"] == str(study.best_trial.number)
    names = {artifact.path for artifact in client.list_artifacts(parent.info.run_id)}
    assert {"study.html", "study.yaml", "config.yaml", "mappings", "common_space.yaml"} <= names


def test_a_trial_that_trained_to_its_end_is_complete_though_the_pruner_would_stop_it(
    project: Path,
) -> None:
    # From the second trial on this pruner stops whatever is not the best so far.
    pruner = {"name": "percentile", "options": {"percentile": 0.0, "n_startup_trials": 1}}
    display = Said()
    run(project, display, trials=3, pruner=pruner)
    assert display.ended == [(number, "COMPLETE") for number in range(3)]


def test_an_interruption_keeps_what_is_finished_and_the_rest_is_done_by_the_next_run(
    project: Path,
) -> None:
    with pytest.raises(Interrupted):
        run(project, Said(interrupt_in_trial=1), trials=3)
    study, ran = run(project, trials=3)
    assert ran == 2
    states = [t.state for t in study.trials]
    complete, fail = TrialState.COMPLETE, TrialState.FAIL
    assert states == [complete, fail, complete, complete]
    assert study.trials[2].params == study.trials[1].params
    client = MlflowClient(tracking_uri=f"sqlite:///{project}/mlflow.db")
    runs = [client.get_run(t.user_attrs[RUN_ID]).info.status for t in study.trials]
    assert runs == ["FINISHED", "KILLED", "FINISHED", "FINISHED"]


def test_an_interrupted_study_ends_with_the_trials_of_one_that_was_not(project: Path) -> None:
    with pytest.raises(Interrupted):
        run(project, Said(interrupt_in_trial=2), trials=3)
    resumed, _ = run(project, trials=3)
    straight, _ = run(project, trials=3, name="straight")
    params = [t.params for t in resumed.trials if t.state == TrialState.COMPLETE]
    assert params == [t.params for t in straight.trials]


def test_a_study_is_whole_or_not_there(project: Path) -> None:
    """One that died while it was made has no definition yet; it is made again."""
    storage = open_storage(None, project)
    half = optuna.create_study(storage=storage, study_name="tiny", direction="maximize")
    half.enqueue_trial({"learning_rate": 1e-3})
    study, ran = run(project, trials=1)
    assert ran == 1
    assert len(study.trials) == 1
    assert study.user_attrs[DEFINITION]["training.epochs"] == "1"


def test_a_cache_that_cannot_be_written_leaves_no_study_behind(project: Path) -> None:
    plan = plan_of(project)
    (project / ".segexp").write_text("a file where a folder is to be")
    storage = open_storage(None, project)
    with pytest.raises(WorkError, match="cache cannot be written"):
        run_study(plan, storage, Said())
    assert optuna.get_all_study_names(storage) == []


def test_two_processes_share_one_study(project: Path) -> None:
    trials = 4
    (project / "studies" / "tiny.yaml").write_text(STUDY, encoding="utf-8")
    command = [sys.executable, "-m", "segexp", "tune", "tiny", "--trials", str(trials)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        command, cwd=project, env=environment, text=True, stderr=subprocess.PIPE
    ) as other:
        assert other.stderr is not None
        for line in other.stderr:
            if "trial 0 (1/4)" in line:
                break
        study, _ = run(project, trials=trials)
        rest = other.stderr.read()
    assert other.returncode == 0, rest
    assert [t.number for t in study.trials] == list(range(trials))
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * trials
    assert len({t.params["learning_rate"] for t in study.trials}) == trials
    client = MlflowClient(tracking_uri=f"sqlite:///{project}/mlflow.db")
    experiment = client.get_experiment_by_name("tiny")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert len(found) == trials + 1
    assert {run.info.status for run in found} == {"FINISHED"}
