"""What segexp stored before results had versions: a trial's result, its matrices, an A/B's answer.

The files are as segexp wrote them, of one trial on three synthetic images of 32x64 pixels.
"""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import create_trial
from sklearn.metrics import jaccard_score

from harness.trees import camvid_like, picture, raw_mask, save
from segexp.compare.page.ab_page import ab_page
from segexp.core.errors import InputError, WorkError
from segexp.evaluation.confusions import load_confusions
from segexp.evaluation.result import result_from_dict
from segexp.study.attributes import DEFINITION, RESULT
from segexp.study.best import find_best, scored_otherwise_note
from segexp.study.changes import change_faults, definition_changes, is_known
from segexp.study.storage.open import open_storage
from tests.tiny_study import Said, run

STORED = Path(__file__).parent / "stored"


def stored_result() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((STORED / "trial_result.json").read_text())
    assert "version" not in content
    return content


def true_iou(split: str) -> float:
    """Mean IoU of the classes that the truth has, by scikit-learn from the stored matrices."""
    confusion = load_confusions(STORED / "confusions.npz")[split].by["own"].sum(axis=0)
    truth, prediction = np.indices(confusion.shape)
    truth, prediction = (np.repeat(a, confusion.ravel()) for a in (truth, prediction))
    ious = jaccard_score(truth, prediction, labels=np.unique(truth), average=None)
    return float(ious.mean())


def study_of(content: dict[str, Any]) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", study_name="yesterday")
    study.set_user_attr(DEFINITION, {"objective": "val/miou_common"})
    study.add_trial(create_trial(value=content["value"], user_attrs={RESULT: content}))
    return study


def test_a_result_of_before_is_read_with_the_means_of_today():
    content = stored_result()
    found = result_from_dict(content)
    assert found.heldout is not None
    for split, scores in (("val", found.val), ("heldout", found.heldout)):
        assert scores.of("miou") == pytest.approx(true_iou(split), abs=1e-12)
        assert scores.of("miou", "common") == scores.of("miou")  # its common space is its own
        assert scores.of("classes_in_mean") + scores.of("classes_predicted_only") == 16
        assert scores.of("pixel_accuracy") == content[split]["pixel_accuracy"]
        assert scores.of("miou", "common_argmax") == content[split]["miou_common_argmax"]
        assert content[split]["classes_in_mean"] == 16
    counts = [found.val.of(name) for name in ("classes_in_mean", "classes_predicted_only")]
    assert counts == [14, 2]
    assert found.val.of("miou") == pytest.approx(content["val"]["miou"] * 16 / 14)
    assert found.val.tables["own"] == content["val"]["table"]
    assert found.value == content["value"]  # what the study ranks it by stays
    assert found.bundle == content["bundle"]


def test_what_is_read_is_written_in_the_version_of_today_and_read_again():
    found = result_from_dict(stored_result())
    written = json.loads(json.dumps(found.to_dict()))
    assert written["version"] == 4
    assert result_from_dict(written) == found


def test_a_field_from_a_later_segexp_is_ignored_and_a_missing_one_has_its_default():
    content = {**result_from_dict(stored_result()).to_dict(), "energy_kwh": 1.5}
    content["val"] = {**content["val"], "classes_of_interest": ["pole"]}
    del content["bundle"], content["heldout"]
    found = result_from_dict(content)
    assert found == replace(result_from_dict(stored_result()), bundle=None, heldout=None)


@pytest.mark.parametrize("version", [2, 3])
def test_the_scores_of_the_versions_before_are_read_as_they_stand(version: int):
    content = {**stored_result(), "version": version}
    content["val"] |= {"miou": 0.25, "miou_common": 0.5, "miou_common_argmax": 0.375}
    scores = result_from_dict(content).val
    assert scores.of("miou") == 0.25
    assert scores.of("miou", "common") == 0.5
    assert scores.of("miou", "common_argmax") == 0.375
    assert math.isnan(scores.of("pixel_accuracy", "common"))  # nobody had recorded it
    assert scores.tables["common"] == content["val"]["table_common"]


def test_a_result_of_a_newer_version_is_refused_and_says_to_upgrade():
    content = {**stored_result(), "version": 5}
    with pytest.raises(InputError, match=r"version 5, but this segexp reads up to 4: .*upgrade"):
        result_from_dict(content)


def test_the_best_trial_of_an_earlier_study_is_shown_with_how_it_was_ranked():
    best = find_best(study_of(stored_result()))
    assert best.result.val.of("miou") == pytest.approx(true_iou("val"), abs=1e-12)
    assert best.scored_otherwise == (0,)
    note = scored_otherwise_note(best)
    assert note is not None
    assert note.startswith("ranked as an older segexp scored them: trials 0.")


def test_where_every_predicted_class_is_true_nothing_was_scored_otherwise():
    content = stored_result()
    only = [("table", "iou"), ("table_common", "iou")]
    for table, column in only:
        pixels = content["val"][table]["pixels"]
        ious = content["val"][table][column]
        rows = zip(ious, pixels, strict=True)
        content["val"][table][column] = [iou if count else None for iou, count in rows]
    scores = result_from_dict(content).val
    best = find_best(study_of({**content, "value": scores.of("miou", "common")}))
    assert best.scored_otherwise == ()
    assert scored_otherwise_note(best) is None


def test_trials_ranked_by_the_earlier_sum_are_named_if_it_decided_anything():
    content = {**stored_result(), "version": 2}
    content["value"] = content["val"]["miou_common_argmax"] = content["val"]["miou_common"]
    merged = {**content, "val": {**content["val"], "miou_common_argmax": 0.01}}
    for version, found, numbers in ((2, content, ()), (2, merged, (0,)), (3, merged, ())):
        best = find_best(study_of({**found, "version": version}))
        assert best.scored_otherwise == numbers
    native = study_of({**merged, "version": 2, "value": content["val"]["miou"]})
    native.set_user_attr(DEFINITION, {"objective": "val/miou"})
    assert find_best(native).scored_otherwise == ()


def test_a_study_that_a_newer_segexp_continued_is_refused_before_anything_runs(project: Path):
    study, _ = run(project, trials=1)
    newer = {**study.trials[0].user_attrs[RESULT], "version": 5}
    study.add_trial(
        create_trial(
            value=0.5,
            params=study.trials[0].params,
            distributions=study.trials[0].distributions,
            user_attrs={RESULT: newer},
        )
    )
    display = Said()
    with pytest.raises(InputError, match="a newer segexp wrote it; upgrade this one"):
        run(project, display, trials=3)
    assert display.started == []


def test_a_study_of_before_a_setting_was_there_goes_on_at_its_default(project: Path):
    study, _ = run(project, trials=1)
    definition = dict(study.user_attrs[DEFINITION])
    width = definition.pop("training.gradient_clip")
    assert width == "1.0"
    study.set_user_attr(DEFINITION, definition)
    assert is_known(
        open_storage(None, project), "tiny", {**definition, "training.gradient_clip": "1.0"}
    )
    _, ran = run(project, trials=2)
    assert ran == 1
    changed = {**definition, "training.gradient_clip": "0.5"}
    first, *_ = change_faults("tiny", definition_changes(definition, changed))
    assert first == "study 'tiny' was begun with training.gradient_clip = 1.0, now it is 0.5"


def two_videos(root: Path) -> dict[str, Any]:
    """Data of two videos in val, and the settings that name it."""
    camvid_like(root, train=3)
    for n, name in enumerate(f"v{video}_{frame}" for video in (1, 2) for frame in range(3)):
        save(root / "val" / f"{name}.png", picture(50 + n))
        save(root / "valannot" / f"{name}.png", raw_mask(n))
    return {"data.format": "folder", "data.root": str(root), "mapping": "camvid11"}


def test_a_study_of_before_val_was_halved_by_video_goes_on_with_its_own_halves(project: Path):
    settings = two_videos(project / "videos")
    study, _ = run(project, trials=1, **{**settings, "data.heldout_by": "image"})
    definition = dict(study.user_attrs[DEFINITION])
    assert definition.pop("heldout") == "half of val by image"
    assert "data.heldout_by" not in definition
    study.set_user_attr(DEFINITION, definition)  # as it was written then
    display = Said()
    _, ran = run(project, display, trials=2, **settings)
    assert ran == 1
    assert "3 held-out (a half of val, by image) images" in display.lines[0]
    with pytest.raises(InputError) as caught:
        run(project, trials=3, **{**settings, "data.heldout_by": "sequence"})
    assert caught.value.faults[0] == (
        "study 'tiny' was begun with heldout = half of val by image "
        "(--set data.heldout_by=image), now it is half of val by sequence"
    )


def test_a_study_goes_on_with_the_halves_that_it_was_begun_with(project: Path):
    settings = two_videos(project / "videos")
    display = Said()
    study, _ = run(project, display, trials=1, **settings)
    assert "3 held-out (a half of val, by sequence) images" in display.lines[0]
    assert study.user_attrs[DEFINITION]["heldout"] == "half of val by sequence"
    with pytest.raises(InputError, match="now it is half of val by image"):
        run(project, trials=2, **{**settings, "data.heldout_by": "image"})


def test_a_setting_that_was_searched_is_not_taken_for_one_that_was_not_there():
    stored = {"space.learning_rate": "0.1 to 0.2", "objective": "val/miou"}
    now = {"objective": "val/miou", "training.learning_rate": "0.001"}
    first, *_ = change_faults("tiny", definition_changes(stored, now))
    assert "space.learning_rate = 0.1 to 0.2" in first


def test_matrices_of_a_newer_version_are_refused_and_say_to_upgrade(tmp_path: Path):
    with np.load(STORED / "confusions.npz") as arrays:
        assert "version" not in arrays
        newer = {**arrays, "version": np.array([2])}
        later = {**arrays, "version": np.array([1]), "seconds": np.zeros(3)}
    np.savez_compressed(tmp_path / "newer.npz", **newer)
    with pytest.raises(WorkError, match=r"newer\.npz: is of version 2, .*upgrade this one"):
        load_confusions(tmp_path / "newer.npz")
    np.savez_compressed(tmp_path / "later.npz", **later)
    assert set(load_confusions(tmp_path / "later.npz")) == {"val", "heldout"}


def test_the_answer_of_an_ab_study_of_before_still_has_a_page():
    answer = json.loads((STORED / "ab_result.json").read_text())
    assert "version" not in answer
    assert answer["pairs"][0]["sentence"].partition(",")[0] in ab_page(answer, [])
