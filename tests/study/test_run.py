"""A study that really runs: tiny trainings, real Optuna, real MLflow."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from mlflow import MlflowClient
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from segexp import tracking
from segexp.core.errors import Interrupted, WorkError
from segexp.core.lease import is_gone
from segexp.study import run as run_module
from segexp.study.attributes import PROMOTES, RESULT, RUN_ID
from segexp.study.engines.workers import process_context
from segexp.study.open import OpenStudy
from segexp.study.plan import SearchPlan
from segexp.study.run import Ran, run_study
from segexp.study.storage.open import open_storage
from tests.tiny_study import Said, plan_of, raising, record_of, run, statuses


@pytest.mark.slow
def test_in_the_end_the_best_trial_alone_keeps_its_directory(project: Path) -> None:
    display = Said()
    study, ran = run(project, display, trials=4)
    assert ran == 4
    assert display.ended == [(number, "COMPLETE") for number in range(4)]
    best = float("-inf")
    for trial in study.trials:
        # A bundle is made by a trial that is the best so far.
        result = trial.user_attrs[RESULT]
        assert (result["bundle"] is not None) == (trial.value > best)
        assert (result["heldout"] is not None) == (trial.value > best)
        best = max(best, trial.value)
    directory = project / ".segexp" / "studies" / f"tiny-{study.user_attrs[RUN_ID][:8]}"
    kept = directory / f"trial-{study.best_trial.number:04d}"
    assert sorted(p.name for p in directory.iterdir()) == ["pictures", kept.name]
    assert {path.name for path in kept.iterdir()} == {"bundle", "confusions.npz", "overlays"}
    bundle = study.best_trial.user_attrs[RESULT]["bundle"]
    assert bundle == f"{kept.relative_to(project).as_posix()}/bundle"

    results = project / "runs" / "tiny"
    assert {path.name for path in results.iterdir()} == {
        "report.html",
        "results.csv",
        "study.json",
        "trials.html",
        "best",
        "plots",
    }
    weights = [each / "bundle" / "model.safetensors" for each in (results / "best", kept)]
    assert weights[0].samefile(weights[1])
    pictures = [*(results / "best" / "predictions").rglob("*.png")]
    assert len(pictures) == len(list((kept / "overlays").rglob("*.png"))) > 0
    page = (results / "report.html").read_text()
    assert page.count('<img class="picture"') == len(pictures)
    assert 'http-equiv="refresh"' not in page
    assert 'href="trials.html"' in page
    assert sum("report.html" in line for line in display.lines) == 1
    of_trials = (results / "trials.html").read_text()
    assert of_trials.count('data-kind="trial"') == len(pictures) * len(study.trials)
    assert 'class="note"' not in of_trials  # nothing is missing

    client = MlflowClient(tracking_uri=f"sqlite:///{project}/mlflow.db")
    parent = client.get_run(study.user_attrs[RUN_ID])
    assert parent.data.metrics["best/miou_common"] == pytest.approx(best)
    assert parent.data.tags["segexp.best_trial"] == str(study.best_trial.number)
    names = {artifact.path for artifact in client.list_artifacts(parent.info.run_id)}
    assert {
        "study.html",
        "trials.html",
        "study.yaml",
        "config.yaml",
        "mappings",
        "common_space.yaml",
    } <= names


def test_a_trial_that_reached_its_end_is_complete_though_the_pruner_would_stop_it(
    project: Path,
) -> None:
    # From the second trial on this pruner stops whatever is not the best so far.
    pruner = {"name": "percentile", "options": {"percentile": 0.0, "n_startup_trials": 1}}
    display = Said()
    run(project, display, trials=3, pruner=pruner)
    assert display.ended == [(number, "COMPLETE") for number in range(3)]


def test_an_interruption_keeps_finished_work_and_the_next_run_does_the_rest(
    project: Path,
) -> None:
    with pytest.raises(Interrupted):
        run(project, Said(raising(Interrupted(15), in_trial=1)), trials=3)
    study, ran = run(project, trials=3)
    assert ran == 2
    states = [t.state for t in study.trials]
    complete, fail = TrialState.COMPLETE, TrialState.FAIL
    assert states == [complete, fail, complete, complete]
    assert study.trials[2].params == study.trials[1].params
    client = MlflowClient(tracking_uri=f"sqlite:///{project}/mlflow.db")
    runs = [client.get_run(t.user_attrs[RUN_ID]).info.status for t in study.trials]
    assert runs == ["FINISHED", "KILLED", "FINISHED", "FINISHED"]


@pytest.mark.slow
def test_an_interrupted_study_ends_with_the_trials_of_one_that_was_not(project: Path) -> None:
    with pytest.raises(Interrupted):
        run(project, Said(raising(Interrupted(15), in_trial=2)), trials=3)
    resumed, _ = run(project, trials=3)
    straight, _ = run(project, trials=3, name="straight")
    params = [t.params for t in resumed.trials if t.state == TrialState.COMPLETE]
    assert params == [t.params for t in straight.trials]


@pytest.mark.slow
def test_two_processes_share_one_study(project: Path) -> None:
    trials = 4
    plan = plan_of(project, trials=trials)
    other = process_context().Process(target=run_elsewhere, args=(plan,))
    other.start()
    deadline = time.monotonic() + 120
    while not (names := optuna.get_all_study_names(open_storage(None, project))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert names == ["tiny"]
    study, ran = run(project, trials=trials)
    other.join()
    assert other.exitcode == 0
    assert ran < trials
    assert [t.number for t in study.trials] == list(range(trials))
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * trials
    assert len({t.params["learning_rate"] for t in study.trials}) == trials
    assert statuses(project, study) == ["FINISHED"] * trials
    assert record_of(project, study).info.status == "FINISHED"


def test_trials_that_continue_a_pruned_one_are_not_counted_as_more_trials(project: Path) -> None:
    # What two workers did: of two trials one was pruned, and a third one went on with it.
    def run_trials(studies: Sequence[OpenStudy], *_: object, **__: object) -> int:
        study = studies[0].study
        distributions = {"learning_rate": FloatDistribution(1e-4, 1e-2, log=True)}
        params = {"params": {"learning_rate": 1e-3}, "distributions": distributions}
        study.add_trial(create_trial(state=TrialState.PRUNED, **params))
        study.add_trial(create_trial(value=0.2, **params))
        promoted = {PROMOTES: len(study.trials) - 2}
        study.add_trial(create_trial(value=0.3, user_attrs=promoted, **params))
        return 3

    engine: Any = SimpleNamespace(run_trials=run_trials, is_gone=is_gone)
    plan = plan_of(project, trials=2)
    _, ran = run_study(plan, open_storage(None, project), Said(), engine=engine)
    assert ran == Ran(new=2, others=1)


def run_elsewhere(plan: SearchPlan) -> None:
    """Run the study in another process."""
    run_study(plan, open_storage(None, plan.base.project), Said())


def test_a_cache_that_cannot_be_written_leaves_no_study_behind(project: Path) -> None:
    shutil.rmtree(project / ".segexp")
    (project / ".segexp").write_text("a file where a folder is to be")
    plan = plan_of(project)
    storage = open_storage(None, project)
    with pytest.raises(WorkError, match="cache cannot be written"):
        run_study(plan, storage, Said())
    assert optuna.get_all_study_names(storage) == []


def test_a_run_that_a_server_has_only_at_the_end_is_closed_with_the_state_of_its_trial(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[tracking.Run] = []

    def arriving(experiment: tracking.Experiment, display: object) -> None:
        (parent,) = experiment.client.search_runs([experiment.id], "tags.segexp.kind = 'study'")
        tags = {"segexp.kind": "trial", "segexp.study": "tiny", "segexp.trial": "0"}
        own = tracking.Run(project, experiment.uri, experiment.id, parent.info.run_id)
        late.append(tracking.start_run(experiment, "killed", tags, {}, own))

    monkeypatch.setattr(run_module, "say_what_waits", arriving)
    run(project, trials=1)
    found = late[0].client.get_run(late[0].find_id())
    assert (found.info.status, found.data.tags["segexp.state"]) == ("FINISHED", "COMPLETE")
