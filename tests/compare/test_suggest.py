"""Mappings that a trained model suggests."""

import io
from pathlib import Path

import numpy as np
import optuna
import pytest
import yaml

from harness.project import ROOT
from harness.trees import camvid_like
from segexp import tracking
from segexp.compare.suggest import (
    DEFAULT_CLASSES,
    SuggestedFile,
    Suggestion,
    best_run,
    suggest_mapping,
    suggested_file,
)
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError, WorkError
from segexp.core.yaml import MAX_BYTES
from segexp.data.open import digest_of, find_source
from segexp.evaluation.confusions import CONFUSIONS_FILE, Confusions, save_confusions
from segexp.evaluation.metrics import RULERS, score
from segexp.labels.files import find_mapping
from segexp.labels.ladder import RULER_EFFECT, make_ladder
from segexp.labels.mapping import MappedClass, Mapping, coarsens
from segexp.labels.taxonomy import Label, Taxonomy
from segexp.study.attributes import RESULT, RUN_ID
from segexp.tracking import Experiment, Run

IMAGES = ("aachen_0", "aachen_1")
SHIPPED_CONFIG = ROOT / "config.yaml"


def confused(num, pair):
    """Two images: each class is right for 50 pixels, but the pair is guessed between."""
    own = np.zeros((2, num, num + 1), np.int64)
    own[:, range(num), range(num)] = 50
    for i, j in (pair, pair[::-1]):
        own[:, i, i], own[:, i, j] = 20, 30
    return own


def record(experiment: Experiment, mapping, val, heldout=None, data=()) -> Run:
    run = tracking.start_run(experiment, "t", {"segexp.kind": "trial"}, {})
    splits = {"val": val} if heldout is None else {"val": val, "heldout": heldout}
    save_confusions(
        artifacts(experiment, run) / CONFUSIONS_FILE,
        {name: Confusions(IMAGES, dict.fromkeys(RULERS, own)) for name, own in splits.items()},
    )
    tracking.log_yaml(run, mapping.to_dict(), "mapping.yaml")
    config = load_config(SHIPPED_CONFIG, dict(data)).to_dict()
    tracking.log_yaml(run, config, "config.yaml")
    return run


def artifacts(experiment: Experiment, run: Run) -> Path:
    """The folder of a run's artifacts."""
    return Path(experiment.client.get_run(run.id).info.artifact_uri.removeprefix("file://"))


def write(file: SuggestedFile) -> Path:
    assert file.text is not None
    file.path.write_text(file.text, encoding="utf-8")
    return file.path


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
    path = write(suggested_file(project, found, force=False))
    assert path == project / "mappings" / "cityscapes19_suggested10.yaml"
    loaded = find_mapping(project, "cityscapes19_suggested10")
    assert loaded == found.rung.space
    assert len(loaded.classes) == DEFAULT_CLASSES == 10
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
    assert found.study_command == "segexp ab cityscapes19 no_bus"


@pytest.mark.parametrize("classes", [1, 0, 19, 30])
def test_a_number_of_classes_without_a_rung_is_refused(project: Path, run: Run, classes):
    with pytest.raises(InputError, match=rf"--classes {classes}: expected 2 to 18"):
        suggest(project, run, classes=classes)


def test_a_name_that_cannot_name_a_file_is_refused(project: Path, run: Run):
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


def test_the_mapping_is_the_runs_even_if_the_file_has_changed(project: Path, run: Run):
    path = project / "mappings" / "cityscapes19.yaml"
    path.unlink()
    assert suggest(project, run).notes == ()  # the taxonomy's name is that of the same mapping
    path.write_text("classes: []\n")
    found = suggest(project, run)
    assert found.ladder.base.names[14:16] == ("truck", "bus")
    (gone,) = found.notes
    assert gone.startswith(f"{path}: ")
    assert "restore the model's own mappings/cityscapes19.yaml" in gone
    assert found.study_command is None
    text = suggested_file(project, found, force=False).text
    assert text is not None
    assert "segexp ab" not in text


def test_a_mapping_edited_since_is_not_an_arm_and_this_is_noted(project: Path, run: Run):
    path = project / "mappings" / "cityscapes19.yaml"
    path.write_text(path.read_text().replace("name: bus,", "name: coach,"))
    found = suggest(project, run)
    (edited,) = found.notes
    assert "cityscapes19.yaml is no longer what the model was trained on" in edited
    assert found.study_command is None


def test_a_mapping_of_that_name_over_another_taxonomy_is_refused(project: Path, run: Run):
    other = (project / "mappings" / "camvid11.yaml").read_text()
    path = project / "mappings" / "cityscapes19.yaml"
    path.write_text(other.replace("name: camvid11", "name: cityscapes19"))
    with pytest.raises(InputError, match="has the taxonomy camvid11 in this project, but"):
        suggest(project, run)


def test_the_name_of_the_models_own_mapping_is_refused(project: Path, run: Run):
    with pytest.raises(InputError, match="--name cityscapes19: is the model's own mapping"):
        suggest(project, run, name="cityscapes19")


@pytest.mark.parametrize(
    ("of_run", "of_project", "options"),
    [
        ({}, {}, ""),
        ({"data.root": "my data"}, {}, ""),  # drawn scenes are read from no folder
        (
            {"data.format": "auto", "data.root": "my data"},
            {},
            " --data '{project}/my data'",
        ),
        (
            {"data.format": "folder", "data.root": "there"},
            {"data.format": "folder", "data.root": "here"},
            " --data {project}/there --format folder",
        ),
        (
            {"data.format": "auto", "data.root": "there"},
            {"data.format": "folder", "data.root": "./here/../there"},
            "",
        ),
        ({}, {"data.format": "folder", "data.root": "here"}, " --format synthetic"),
    ],
)
def test_the_study_is_of_the_runs_data(
    project: Path, experiment: Experiment, of_run, of_project, options
):
    config = load_config(project / "config.yaml", of_project).to_dict()
    (project / "config.yaml").write_text(yaml.safe_dump(config))
    for folder in ("my data", "there"):
        (project / folder).mkdir()
    mapping = find_mapping(project, "categories7")
    found = suggest(project, record(experiment, mapping, confused(7, (1, 3)), data=of_run))
    command = "segexp ab categories7 categories7_suggested6" + options.format(project=project)
    assert found.study_command == command
    assert found.notes == ()
    assert f"study can show: {command}\n" in (suggested_file(project, found, False).text or "")


def test_the_runs_data_is_told_by_its_digest_wherever_it_was(
    project: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
):
    root = camvid_like(project / "here", train=2, val=2)
    monkeypatch.setenv("SEGEXP_DATA", str(root))
    config = load_config(project / "config.yaml", {})
    digest = digest_of(project, find_source(project, config, []))
    mapping = find_mapping(project, "camvid11")
    of_run = {"data.format": "folder", "data.root": "/elsewhere/streets"}
    run = record(experiment, mapping, confused(11, (1, 3)), data=of_run)
    tracking.set_tags(run, {"segexp.dataset": "streets", "segexp.dataset_hash": digest})
    found = suggest(project, run)
    assert found.study_command == "segexp ab camvid11 camvid11_suggested10"
    assert found.notes == ()
    mask = next((root / "valannot").iterdir())
    mask.write_bytes(mask.read_bytes() + b"\0")
    (note,) = suggest(project, run).notes
    assert note == (
        "tell `segexp ab` where the model's data is: /elsewhere/streets is not on this host; "
        f"--data DIR or SEGEXP_DATA names the folder that has streets ({digest})"
    )


def test_a_run_that_does_not_say_what_data_it_had_is_noted(
    project: Path, experiment: Experiment, run: Run
):
    (artifacts(experiment, run) / "config.yaml").write_text("data: {root: 3}")
    (note,) = suggest(project, run).notes
    assert note.startswith("tell `segexp ab` where the model's data is: config.yaml of run")


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


def test_a_file_of_the_same_or_of_another_label_space_is_not_replaced(project: Path, run: Run):
    found = suggest(project, run)
    path = write(suggested_file(project, found, force=False))
    path.write_text(
        "# mine\n" + path.read_text().replace("color: [128, 64, 128]", "color: [1, 2, 3]")
    )
    assert find_mapping(project, path.stem) != found.rung.space
    assert suggested_file(project, found, force=False) == SuggestedFile(path, None)
    assert suggested_file(project, found, force=True).text is not None
    other = suggest(project, run, classes=12, name="cityscapes19_suggested10")
    with pytest.raises(InputError, match="exists and is another mapping"):
        suggested_file(project, other, force=False)
    write(suggested_file(project, other, force=True))
    assert len(find_mapping(project, "cityscapes19_suggested10").classes) == 12


def test_a_broken_file_is_not_replaced_without_force(project: Path, run: Run):
    path = project / "mappings" / "cityscapes19_suggested10.yaml"
    path.write_text("name: [")
    with pytest.raises(InputError, match=r"exists and is broken \(.*yaml:1:8: .*--force") as caught:
        suggested_file(project, suggest(project, run), force=False)
    assert len(caught.value.faults) == 1
    assert suggested_file(project, suggest(project, run), force=True).path == path


def test_a_file_that_could_not_be_read_again_is_refused(project: Path):
    names = [f"{'€' * 97}{i:03}" for i in range(160)]
    labels = tuple(Label(name, (i, 0, 0)) for i, name in enumerate(names))
    taxonomy = Taxonomy("long", labels, {"default": {i: i for i in range(160)}})
    base = Mapping("long", taxonomy, tuple(MappedClass(x.name, x.color, (x.name,)) for x in labels))
    ladder = make_ladder(base, confused(160, (0, 1)).sum(axis=0))
    long = Suggestion("feed", 1, ladder, ladder.rung(150), (), None)
    with pytest.raises(
        InputError, match=rf"would have \d+ bytes, but a mapping file may have at most {MAX_BYTES}"
    ):
        suggested_file(project, long, force=False)


def damaged(kind: str) -> bytes:
    own = confused(19, (14, 15))
    file = io.BytesIO()
    if kind == "heldout only":
        np.savez(file, **{f"heldout/{n}": own for n in ("own", "common", "common_argmax")},
                 **{"heldout/image_ids": np.array(IMAGES)})  # fmt: skip
    return file.getvalue() or b"junk"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("confusions.npz", damaged("junk"), "is damaged, or not a file that segexp wrote"),
        ("confusions.npz", damaged("heldout only"), "has no part 'val', only heldout"),
        ("mapping.yaml", b"name: a\nclasses: []\n", "taxonomy: None; expected a name"),
        ("mapping.yaml", b"name: \xff", "not UTF-8 text (byte 6)"),
        ("mapping.yaml", b"- a", "holds a list; expected `key: value` lines"),
    ],
)
def test_a_damaged_file_of_a_run_is_named_in_one_line(
    project: Path, experiment: Experiment, run: Run, name, content, expected
):
    (artifacts(experiment, run) / name).write_bytes(content)
    with pytest.raises((InputError, WorkError)) as caught:
        suggest(project, run)
    assert str(caught.value) == f"{name} of run {run.id}: {expected}"


def test_confusions_of_another_number_of_classes_are_refused(project: Path, experiment: Experiment):
    run = record(experiment, find_mapping(project, "cityscapes19"), confused(7, (1, 3)))
    with pytest.raises(WorkError, match=r"mapping\.yaml of run .*: 19 classes, its confusions 7"):
        suggest(project, run)


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
    table = {"class": ["road"], "iou": [value], "pixels": [100]}
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


def test_a_study_means_the_run_of_its_best_trial(project: Path):
    storage = f"sqlite:///{project}/studies/optuna.db"
    study = optuna.create_study(storage=storage, study_name="street", direction="maximize")
    add_trial(study, 0.4, "first")
    add_trial(study, 0.6, "second")
    assert best_run(project, None, "street") == ("second", None)
    study.set_user_attr("segexp.tracking", ["http://tracker:5000", "street", "7"])
    there = "http://ann:hunter2@tracker:5000"  # with what it takes to sign in there
    assert best_run(project, None, "street") == ("second", "http://tracker:5000")
    assert best_run(project, None, "street", there) == ("second", there)
    add_trial(study, 0.7, None)
    with pytest.raises(WorkError, match="trial 2 of study 'street' has no MLflow run"):
        best_run(project, None, "street")
    with pytest.raises(InputError, match="stret"):
        best_run(project, None, "stret")
