"""A study's note in MLflow."""

from pathlib import Path

from optuna.trial import create_trial

from harness.results import made_scores
from segexp.core.run_token import new_token
from segexp.evaluation.result import TrialResult
from segexp.study.attributes import RESULT, RUN_ID
from segexp.study.note import write_note
from segexp.study.open import OpenStudy
from tests.tiny_study import client_of, opened

NOTE = "mlflow.note.content"


def with_trial(opened: OpenStudy, score: float, run_id: str) -> None:
    """Add a complete trial; its held-out score is that of its tuning less 0.1."""
    scores = [made_scores(value, value, {}) for value in (score, score - 0.1)]
    result = TrialResult(score, 1, 1.0, *scores)
    trial = create_trial(value=score, user_attrs={RESULT: result.to_dict(), RUN_ID: run_id})
    opened.study.add_trial(trial)


def test_the_run_and_the_experiment_of_a_study_have_its_note(project: Path) -> None:
    study = opened(project, trials=9)
    write_note(study, is_live=True)
    client = client_of(project)
    tags = client.get_run(study.parent.id).data.tags
    assert tags[NOTE].startswith("### No trial has completed with a score yet")
    for score, run_id in ((0.4, "abc"), (0.5, new_token())):
        with_trial(study, score, run_id)
    write_note(study, is_live=False)
    note = client.get_run(study.parent.id).data.tags[NOTE]
    assert note == client.get_experiment(study.experiment.id).tags[NOTE]
    assert note.startswith("### best 0.400 held-out")
    assert "**Stored** by Optuna in sqlite:///studies/optuna.db." in note
    address = f"#/experiments/{study.experiment.id}/runs/abc?workflowType=machine_learning"
    assert f"| [1]({address}) | 0.4000 | 0.3000 |" in note
    assert "| 2 | 0.5000 | 0.4000 |" in note  # a server has not created its run yet
    assert "in 9 trials? Search: random seed=1; none." in note
    assert "**Data.** synthetic: 6 train, 3 val, 3 held-out" in note
    assert "- learning\\_rate: 0.0001 to 0.01 (log)" in note


def test_an_experiment_of_another_name_keeps_its_own_note(project: Path) -> None:
    study = opened(project, **{"tracking.experiment": "shared"})
    client = client_of(project)
    client.set_experiment_tag(study.experiment.id, NOTE, "mine")
    write_note(study, is_live=True)
    assert NOTE in client.get_run(study.parent.id).data.tags
    assert client.get_experiment(study.experiment.id).tags[NOTE] == "mine"
