"""Mappings that a trained model suggests."""

from pathlib import Path

import numpy as np
import optuna
import pytest

from segexp import tracking
from segexp.confusions import CONFUSIONS_FILE, Confusions, save_confusions
from segexp.errors import InputError, WorkError
from segexp.ladder import RULER_EFFECT
from segexp.mapping import coarsens
from segexp.mapping_file import find_mapping
from segexp.metrics import score
from segexp.storage import RESULT, RUN_ID
from segexp.suggest import best_run, suggest_mapping, write_suggestion
from segexp.tracking import Experiment, Run

IMAGES = ("aachen_0", "aachen_1")


def confused(num, pair):
    """Two images: each class is right for 50 pixels, but the pair is guessed between."""
    own = np.zeros((2, num, num + 1), np.int64)
    own[:, range(num), range(num)] = 50
    for i, j in (pair, pair[::-1]):
        own[:, i, i], own[:, i, j] = 20, 30
    return own


def record(experiment: Experiment, mapping, val, heldout=None) -> Run:
    run = tracking.start_run(experiment, "t", {"segexp.kind": "trial"}, {})
    splits = {"val": val} if heldout is None else {"val": val, "heldout": heldout}
    folder = Path(experiment.client.get_run(run.id).info.artifact_uri.removeprefix("file://"))
    save_confusions(
        folder / CONFUSIONS_FILE,
        {name: Confusions(IMAGES, own, own, own) for name, own in splits.items()},
    )
    tracking.log_yaml(run, mapping.to_dict(), "mapping.yaml")
    return run


@pytest.fixture
def experiment(project: Path) -> Experiment:
    return tracking.open_experiment(project, None, "template")


@pytest.fixture
def run(project: Path, experiment: Experiment) -> Run:
    mapping = find_mapping(project, "cityscapes19")
    val, heldout = confused(19, (14, 15)), confused(19, (0, 1))
    return record(experiment, mapping, val, heldout)


def suggest(project: Path, run: Run, **options):
    return suggest_mapping(project, None, run.id, **{"classes": None, "name": None, **options})


def test_the_validation_images_decide_and_never_the_held_out_ones(project: Path, run: Run):
    found = suggest(project, run)
    assert found.ladder.rungs[0].merged == ("truck", "bus")
    assert found.ladder.miou == pytest.approx(score(confused(19, (14, 15)).sum(axis=0)).miou)
    assert found.images == 2
    assert found.to_dict()["split"] == "val"


def test_ten_classes_are_suggested_and_the_file_is_the_mapping_again(project: Path, run: Run):
    found = suggest(project, run)
    path = write_suggestion(project, found, force=False)
    assert path == project / "mappings" / "cityscapes19_suggested10.yaml"
    loaded = find_mapping(project, "cityscapes19_suggested10")
    assert loaded == found.rung.space
    assert len(loaded.classes) == 10
    assert coarsens(loaded, find_mapping(project, "cityscapes19"))
    comment = path.read_text(encoding="utf-8").partition("\nname:")[0]
    assert "ruler effect" in comment
    assert run.id in comment
    assert "segexp ab cityscapes19 cityscapes19_suggested10" in comment


def test_a_model_of_ten_or_fewer_classes_loses_one(project: Path, experiment: Experiment):
    run = record(experiment, find_mapping(project, "categories7"), confused(7, (1, 3)))
    found = suggest(project, run)
    assert found.rung.space.name == "categories7_suggested6"
    assert found.rung.space.names[1] == "construction+nature"


def test_number_and_name_can_be_chosen(project: Path, run: Run):
    found = suggest(project, run, classes=18, name="no_bus")
    assert found.rung.space.name == "no_bus"
    assert len(found.rung.space.classes) == 18
    assert found.next_command == "segexp ab cityscapes19 no_bus"


@pytest.mark.parametrize("classes", [1, 0, 19, 30])
def test_a_number_of_classes_that_is_no_rung_is_refused(project: Path, run: Run, classes):
    with pytest.raises(InputError, match=rf"--classes {classes}: expected 2 to 18"):
        suggest(project, run, classes=classes)


def test_a_name_that_cannot_be_a_files_is_refused(project: Path, run: Run):
    with pytest.raises(InputError, match=r"--name '\.\./x'"):
        suggest(project, run, name="../x")


def test_a_ladder_that_ends_early_gives_its_last_rung_and_says_so(project: Path, run: Run):
    found = suggest(project, run, classes=4, within=find_mapping(project, "categories7"))
    assert found.rung.space.name == "cityscapes19_suggested7"
    (early,) = found.notes
    assert early.startswith("the ladder ends at 7 classes")
    assert "4 were asked for" in early


def test_constraints_that_leave_nothing_are_refused(project: Path, run: Run):
    names = find_mapping(project, "cityscapes19").names
    with pytest.raises(InputError, match="leave no two classes"):
        suggest(project, run, keep=names[1:])


def test_the_mapping_is_the_runs_whatever_became_of_the_file(project: Path, run: Run):
    (project / "mappings" / "cityscapes19.yaml").unlink()
    assert suggest(project, run).ladder.base.names[14:16] == ("truck", "bus")


def test_classes_that_were_never_right_or_absent_are_noted(project: Path, experiment: Experiment):
    own = confused(19, (14, 15))
    own[:, 16] = 0  # train
    own[:, 3, 3], own[:, 3, 2] = 0, 50  # wall, all of it called building
    found = suggest(project, record(experiment, find_mapping(project, "cityscapes19"), own))
    never, absent = found.notes
    assert "found no pixel of wall:" in never
    assert "no pixel of train in val" in absent


def test_json_says_that_the_gain_is_the_ruler(project: Path, run: Run):
    content = suggest(project, run).to_dict()
    assert content["effect"] == RULER_EFFECT
    assert "ruler effect" in RULER_EFFECT
    assert [rung["classes"] for rung in content["rungs"]] == list(range(18, 1, -1))
    assert content["suggested"]["name"] == "cityscapes19_suggested10"
    assert content["base"]["miou"] + sum(r["gain"] for r in content["rungs"]) == pytest.approx(
        content["rungs"][-1]["miou"]
    )


def test_the_same_suggestion_is_written_again_and_another_is_not(project: Path, run: Run):
    path = write_suggestion(project, suggest(project, run), force=False)
    write_suggestion(project, suggest(project, run), force=False)
    other = suggest(project, run, classes=12, name="cityscapes19_suggested10")
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists and is another mapping"):
        write_suggestion(project, other, force=False)
    assert path.read_bytes() == before
    write_suggestion(project, other, force=True)
    assert len(find_mapping(project, "cityscapes19_suggested10").classes) == 12


def test_a_run_without_confusions_says_who_leaves_them(project: Path, experiment: Experiment):
    run = tracking.start_run(
        experiment, "t", {"segexp.kind": "trial", "segexp.state": "PRUNED"}, {}
    )
    with pytest.raises(InputError) as caught:
        suggest(project, run)
    assert "(a trial, PRUNED) has no artifact 'confusions.npz'" in str(caught.value)
    assert "--study" in str(caught.value)


def add_trial(study: optuna.Study, value: float, run_id: str | None) -> None:
    attrs = {RESULT: result(value)} | ({RUN_ID: run_id} if run_id else {})
    study.add_trial(optuna.trial.create_trial(value=value, user_attrs=attrs))


def result(value):
    table = {"class": ["road"], "iou": [value]}
    scores = {
        "miou": value,
        "classes_in_mean": 1,
        "pixel_accuracy": value,
        "miou_common": value,
        "miou_common_argmax": value,
        "classes_in_mean_common": 1,
        "table": table,
        "table_common": table,
    }
    return {"value": value, "best_epoch": 1, "seconds": 1.0, "val": scores, "heldout": None} | {
        "bundle": None
    }


def test_a_study_stands_for_the_run_of_its_best_trial(project: Path):
    storage = f"sqlite:///{project}/studies/optuna.db"
    study = optuna.create_study(storage=storage, study_name="street", direction="maximize")
    add_trial(study, 0.4, "first")
    add_trial(study, 0.6, "second")
    assert best_run(project, None, "street") == "second"
    add_trial(study, 0.7, None)
    with pytest.raises(WorkError, match="trial 2 of study 'street' has no MLflow run"):
        best_run(project, None, "street")
    with pytest.raises(InputError, match="stret"):
        best_run(project, None, "stret")
