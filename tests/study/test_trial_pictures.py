"""What trials predicted, read back from MLflow's artifacts."""

import shutil
import socket
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from segexp import tracking
from segexp.evaluation.result import TrialResult
from segexp.report.pictures import comparison, encode_png
from segexp.study import trial_pictures
from segexp.study.attributes import LISTED, RESULT, RUN_ID
from segexp.study.family import Family, own_folders
from segexp.study.trial_pictures import read_trials
from tests.report.study_example import scores

OWN_RUN = "0123456789abcdef" * 2
NAMES, COLORS = ("road", "sky"), np.array([[128, 64, 128], [70, 130, 180]], np.uint8)
YAML = {
    "name": "fine",
    "classes": [{"name": n, "color": c.tolist()} for n, c in zip(NAMES, COLORS, strict=True)],
}


def picture() -> bytes:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (16, 32, 3)).astype(np.uint8)
    truth, prediction = random.integers(0, 2, (2, 16, 32)).astype(np.uint8)
    return encode_png(comparison(image, truth, prediction, COLORS, NAMES, "val city/a"))


@pytest.fixture
def experiment(project: Path) -> tracking.Experiment:
    return tracking.open_experiment(project, None, "street")


@pytest.fixture
def study() -> optuna.Study:
    study = optuna.create_study(study_name="street", direction="maximize")
    study.set_user_attr(RUN_ID, OWN_RUN)
    return study


def add_trial(study: optuna.Study, value: float, run_id: str) -> None:
    trial = study.ask()
    trial.set_user_attr(RUN_ID, run_id)
    trial.set_user_attr(RESULT, TrialResult(value, 1, 2.0, scores(value)).to_dict())
    study.tell(trial, value, TrialState.COMPLETE)


def recorded(experiment: tracking.Experiment, *, has_pictures: bool = True) -> str:
    run = tracking.start_run(experiment, "trial", {"segexp.kind": "trial"}, {})
    tracking.log_yaml(run, YAML, "mapping.yaml")
    if has_pictures:
        tracking.log_bytes(run, picture(), "overlays/city/a.png")
        tracking.log_bytes(run, b"not a picture", "overlays/city/b.png")
    return run.id


def test_pictures_are_read_once_and_go_with_the_study(
    project: Path, experiment: tracking.Experiment, study: optuna.Study
):
    add_trial(study, 0.25, recorded(experiment))
    add_trial(study, 0.5, recorded(experiment))
    study.tell(study.ask(), state=TrialState.PRUNED)
    found = read_trials(project, None, [("", study)], "report.html")
    assert (found.complete, found.left_out, found.missing) == (2, 0, [])
    assert [(t.name, t.mapping, t.score, t.link) for t in found.trials] == [
        ("trial 1", "fine", 0.5, "report.html#trial-1"),
        ("trial 0", "fine", 0.25, "report.html#trial-0"),
    ]
    assert found.trials[0].classes == [("road", (128, 64, 128)), ("sky", (70, 130, 180))]
    assert [*found.trials[0].images] == ["city/a"]
    assert found.trials[0].images["city/a"].truth.startswith("data:image/webp;base64,")
    shutil.rmtree(project / "mlruns")
    assert read_trials(project, None, [("", study)], "report.html") == found
    (folder,) = own_folders(project, Family(study))
    assert [*folder.rglob("*.json")]


def test_a_trial_without_pictures_is_named_and_the_others_are_there(
    project: Path, experiment: tracking.Experiment, study: optuna.Study
):
    killed = recorded(experiment, has_pictures=False)
    add_trial(study, 0.25, killed)
    add_trial(study, 0.5, "feed" * 8)
    add_trial(study, 0.75, recorded(experiment))
    found = read_trials(project, None, [("", study)], "")
    assert [trial.name for trial in found.trials] == ["trial 2"]
    assert found.missing[0] == f"No pictures of trial 0: MLflow has none of run {killed}."
    assert found.missing[1].startswith(f"No pictures of trial 1: no run '{'feed' * 8}' in sqlite")


def test_what_is_not_read_in_time_is_said_and_read_the_next_time(
    project: Path, experiment: tracking.Experiment, study: optuna.Study
):
    add_trial(study, 0.25, recorded(experiment))
    late = read_trials(project, None, [("", study)], "", seconds=-1)
    assert late.missing == ["No pictures of trial 0: they have not been read yet."]
    assert len(read_trials(project, None, [("", study)], "").trials) == 1


def test_a_server_that_is_away_is_asked_once_and_nothing_fails(
    project: Path, study: optuna.Study, monkeypatch: pytest.MonkeyPatch
):
    asked = []
    read_folder = tracking.read_folder
    monkeypatch.setattr(
        tracking, "read_folder", lambda *given: asked.append(given) or read_folder(*given)
    )
    for number in range(3):
        add_trial(study, number / 4, f"{number:032x}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    found = read_trials(project, uri, [("", study)], "report.html")
    assert (len(asked), len(found.trials), found.complete) == (1, 0, 3)
    (line,) = found.missing
    assert line.startswith("No pictures of trial 2, trial 0, trial 1: overlays of run ")


def test_parts_are_named_and_their_best_and_worst_come_first(
    project: Path,
    experiment: tracking.Experiment,
    study: optuna.Study,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(trial_pictures, "MOST", 3)
    listed = optuna.create_study(study_name="street-b", direction="maximize")
    listed.set_user_attr(LISTED, True)
    run = recorded(experiment)
    for value in (0.5, 0.75, 0.25):
        add_trial(study, value, run)
    add_trial(listed, 0.375, run)
    found = read_trials(project, None, [("a", study), ("b", listed)], "")
    assert (found.complete, found.left_out) == (4, 1)
    assert [(trial.part, trial.name) for trial in found.trials] == [
        ("a", "trial 1"),
        ("b", "final 0"),
        ("a", "trial 2"),
    ]
