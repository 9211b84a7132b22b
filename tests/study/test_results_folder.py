"""The results folder of a study: whole files, whatever happens beside it."""

import json
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from segexp.evaluation.confusions import CONFUSIONS_FILE, Confusions, save_confusions
from segexp.evaluation.result import TrialResult
from segexp.report.pictures import encode_png
from segexp.study.attributes import RESULT, RUN_KEY
from segexp.study.results_folder import (
    results_folder,
    results_line,
    write_files,
    write_gallery,
    write_results,
)
from tests.report.study_example import scores


def add_trial(study: optuna.Study, project: Path, value: float, *, keeps: bool = True) -> Path:
    """Add a complete trial, with the files that one leaves that keeps its model."""
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    directory = project / ".segexp" / "studies" / "a" / f"trial-{trial.number:04d}"
    bundle = f"{directory.relative_to(project)}/bundle" if keeps else None
    made = TrialResult(value, 1, 2.0, scores(value), scores(value), bundle)
    trial.set_user_attr(RESULT, made.to_dict())
    if keeps:
        (directory / "bundle").mkdir(parents=True)
        (directory / "bundle" / "model.safetensors").write_bytes(b"weights %f" % value)
        (directory / "bundle" / "bundle.json").write_text("{}")
        (directory / "overlays" / "city").mkdir(parents=True)
        png = encode_png(np.zeros((4, 4, 3), np.uint8))
        (directory / "overlays" / "city" / "a.png").write_bytes(png)
        matrices = np.ones((2, 3, 4), np.int64)
        by = dict.fromkeys(("own", "common", "common_argmax"), matrices)
        of_split = Confusions(("a", "b"), by)
        save_confusions(directory / CONFUSIONS_FILE, {"val": of_split, "heldout": of_split})
    study.tell(trial, value, TrialState.COMPLETE)
    return directory


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(study_name="tiny", direction="maximize")


def files_in(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_folder_has_the_page_the_trials_the_best_model_and_the_charts(
    tmp_path: Path, study: optuna.Study
) -> None:
    kept = add_trial(study, tmp_path, 0.4)
    page = write_results(tmp_path, study, is_live=False)
    folder = results_folder(tmp_path, study)
    assert page == folder / "report.html"
    assert files_in(folder) == [
        "best/bundle/bundle.json",
        "best/bundle/model.safetensors",
        "best/predictions/city/a.png",
        "best/trial.json",
        "plots/classes.png",
        "plots/confusion_heldout.png",
        "plots/confusion_val.png",
        "plots/history.png",
        "report.html",
        "results.csv",
        "study.json",
    ]
    # 4.8 MB of plotly aside, the page has the picture and both matrices: 3 classes, 2 of each.
    html = page.read_text(encoding="utf-8")
    assert html.count('<img class="picture"') == 1
    assert html.count('<table class="confusion">') == 2
    weights = folder / "best" / "bundle" / "model.safetensors"
    assert weights.samefile(kept / "bundle" / "model.safetensors")
    assert not (folder / "best/bundle/bundle.json").samefile(kept / "bundle" / "bundle.json")
    assert (tmp_path / "runs" / ".gitignore").read_text() == "*\n"


def test_a_better_trial_takes_the_place_of_the_best_and_nothing_is_left_of_the_other(
    tmp_path: Path, study: optuna.Study
) -> None:
    add_trial(study, tmp_path, 0.4)
    write_results(tmp_path, study, is_live=False)
    folder = results_folder(tmp_path, study)
    (folder / ".best.0123" / "bundle").mkdir(parents=True)  # of a process that was killed
    (folder / "plots" / ".history.png.0123").touch()
    (folder / "best" / ".before").mkdir()
    add_trial(study, tmp_path, 0.5)
    write_results(tmp_path, study, is_live=False)
    assert (folder / "best/bundle/model.safetensors").read_bytes() == b"weights 0.500000"
    assert json.loads((folder / "best/trial.json").read_text())["trial"] == 1
    assert not [*folder.rglob(".*")]


def test_a_gallery_is_led_to_until_another_trial_is_the_best(
    tmp_path: Path, study: optuna.Study
) -> None:
    add_trial(study, tmp_path, 0.4)
    page = results_folder(tmp_path, study) / "report.html"
    files = {"gallery.html": "<p>images</p>", "gallery/01-truth.webp": b"WEBP"}
    gallery = write_gallery(tmp_path, study, files, is_live=False)
    assert (gallery.parent / "gallery" / "01-truth.webp").read_bytes() == b"WEBP"
    assert gallery == page.parent / "best" / "gallery.html"
    assert gallery.read_text(encoding="utf-8") == "<p>images</p>"
    link = 'href="best/gallery.html"'
    assert link in page.read_text(encoding="utf-8")
    write_results(tmp_path, study, is_live=False)
    assert gallery.is_file() and link in page.read_text(encoding="utf-8")
    add_trial(study, tmp_path, 0.5)
    write_results(tmp_path, study, is_live=False)
    assert not gallery.exists() and link not in page.read_text(encoding="utf-8")


def test_the_best_model_is_copied_once(tmp_path: Path, study: optuna.Study) -> None:
    add_trial(study, tmp_path, 0.4)
    write_results(tmp_path, study, is_live=False)
    mark = results_folder(tmp_path, study) / "best" / "bundle" / "mark"
    mark.touch()
    add_trial(study, tmp_path, 0.3, keeps=False)
    write_results(tmp_path, study, is_live=False)
    assert mark.exists()
    assert len((mark.parents[2] / "results.csv").read_text().splitlines()) == 3


def test_a_best_trial_of_another_host_has_no_model_here(
    tmp_path: Path, study: optuna.Study
) -> None:
    add_trial(study, tmp_path, 0.4)
    write_results(tmp_path, study, is_live=False)
    add_trial(study, tmp_path / "elsewhere", 0.5)
    write_results(tmp_path, study, is_live=False)
    best = results_folder(tmp_path, study) / "best"
    assert files_in(best) == ["trial.json"]
    assert json.loads((best / "trial.json").read_text())["has_bundle"] is False


def test_a_study_of_this_name_in_another_storage_has_a_folder_of_its_own(
    tmp_path: Path, study: optuna.Study
) -> None:
    study.set_user_attr(RUN_KEY, "0123456789abcdef")
    first = write_files(tmp_path, study, {"report.html": "the first"})
    other = optuna.create_study(study_name="tiny", direction="maximize")
    other.set_user_attr(RUN_KEY, "fedcba9876543210")
    second = write_files(tmp_path, other, {"report.html": "the second"})
    assert second == tmp_path / "runs" / "tiny-fedcba98"
    assert results_line(tmp_path, other).endswith(
        f"{second}/report.html (runs/tiny has those of another study of this name)"
    )
    assert results_line(tmp_path, study).endswith(f": {first}/report.html")
    assert write_files(tmp_path, study, {"a.txt": "more"}) == first
    assert (first / "report.html").read_text() == "the first"


def test_a_file_that_cannot_be_written_leaves_the_one_that_was_there(
    tmp_path: Path, study: optuna.Study
) -> None:
    folder = write_files(tmp_path, study, {"a.txt": "before"})
    (folder / "b.txt").mkdir()
    with pytest.raises(OSError, match=r"b\.txt"):
        write_files(tmp_path, study, {"b.txt": "after"})
    assert files_in(folder) == ["a.txt", "study.json"]
