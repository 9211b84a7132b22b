"""`segexp compare`: saved models on the same images."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from segexp.cli.compare import _show
from segexp.cli.console import results
from segexp.compare.page.models_page import LUCK
from segexp.training.bundle import load_bundle, save_bundle
from tests.cli.running import Outcome, read, segexp, study_of, the_fault
from tests.report.parsed import read_page


@pytest.fixture(scope="module")
def other(tuned: tuple[Path, Outcome], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The best model of the study with noise in its weights."""
    bundle = load_bundle(tuned[0] / "runs" / "tiny" / "best" / "bundle")
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in bundle.model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    directory = tmp_path_factory.mktemp("other") / "noisy"
    save_bundle(directory, replace(bundle, origin={**bundle.origin, "trial": 99}))
    return directory


def test_a_study_and_a_bundle_are_compared_in_numbers_and_pictures(
    tuned: tuple[Path, Outcome], other: Path, tmp_path: Path
) -> None:
    project, _ = tuned
    words = ("compare", "tiny", str(other), "--out", str(tmp_path / "compared"))
    outcome = segexp(project, *words)
    assert outcome.code == 0, outcome.err
    content = read(segexp(project, *words, "--json"))
    first, second = content["models"]
    assert second["name"] == "tiny, trial 99"
    assert f"{first['miou_common']:.3f}" in outcome.out
    said = " ".join(outcome.out.split())
    limit = said.index("one training: the intervals are over the images alone")
    assert said.index("mIoU in the common space") < limit < said.index("per class")
    assert "over the images alone" not in " ".join(outcome.err.split())  # said once
    assert any("over the images alone" in caveat for caveat in content["caveats"])
    assert content["images"] == 3 and "saw" not in outcome.err
    page = tmp_path / "compared" / "gallery.html"
    assert content["page"] == str(page) and str(page) in outcome.out
    assert len(page.read_bytes()) < 2_000_000
    pictures = read_page(page.read_text(encoding="utf-8")).pictures
    assert len(pictures) == 3 * 5


def test_by_default_the_page_is_beside_the_results_of_studies(
    tuned: tuple[Path, Outcome], other: Path
) -> None:
    project, _ = tuned
    content = read(segexp(project, "compare", "runs/tiny", str(other), "--json"))
    name = f"compare-runs_tiny-{str(other).strip('/').replace('/', '_')[-60:]}"
    assert Path(content["page"]).parent == project / "runs" / name


def test_a_study_alone_is_its_best_trial_beside_its_baseline(
    tuned: tuple[Path, Outcome], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(tuned[0], project)
    study = study_of(project, "tiny")
    assert study.best_trial.number == 1  # so the baseline's model is in MLflow alone
    content = read(segexp(project, "compare", "tiny", "--json"))
    assert [model["name"] for model in content["models"]] == ["tiny, trial 0", "tiny, trial 1"]
    page = project / "runs" / "tiny" / "best" / "gallery.html"
    assert content["page"] == str(page) and page.is_file()
    report = page.parent.parent / "report.html"
    assert ("href", "best/gallery.html") in read_page(report.read_text(encoding="utf-8")).links


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("runs/tiny",), "one model; name two or more, as in segexp compare runs/tiny MODEL, or"),
        (("tiny", "runs/tiny"), "runs/tiny: is the model of tiny, too"),
        (("tiny", "tinny"), "did you mean 'tiny'?"),
        (("tiny", "OTHER", "--split", "hold"), "--split 'hold'"),
        (("tiny", "OTHER", "--out", "config.yaml"), "config.yaml is no folder"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tuned: tuple[Path, Outcome], other: Path, words: tuple[str, ...], expected: str
) -> None:
    named = [str(other) if word == "OTHER" else word for word in words]
    outcome = segexp(tuned[0], "compare", *named)
    assert outcome.code == 2
    assert expected in the_fault(outcome)


def test_all_references_that_name_nothing_are_told_at_once(tuned: tuple[Path, Outcome]) -> None:
    outcome = segexp(tuned[0], "compare", "nowhere", "neither")
    assert outcome.code == 2
    assert "nowhere: no model" in outcome.err
    assert "neither: no model" in outcome.err


def test_names_give_way_and_numbers_stay_whole_where_the_screen_is_narrow(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = {"mapping": "merged10", "arch": "Unet", "encoder": "tu-mobilenetv3_small_100"}
    first = {**of, "name": "runs/a-very-long-name/best/bundle", "miou_common": 0.38}
    second = {
        **of,
        "name": "runs/another-very-long-name/best/bundle",
        "miou_common": 0.39,
        "delta": 0.01,
        "delta_interval": [-0.012, 0.034],
        "level": 0.05,
    }
    road = {"class": "road", "a": 0.375, "b": 0.388, "delta": 0.013, "interval": [-0.02, 0.03]}
    models = [
        {**first, "interval": [0.375, 0.388], "per_class": []},
        {**second, "interval": [0.385, 0.398], "per_class": [road]},
    ]
    content = {"data": "d", "split": "heldout", "images": 9, "size": "s", "common_space": ["road"]}
    monkeypatch.setattr(results, "width", 80)
    _show({**content, "models": models, "caveats": [], "warnings": []})
    shown = screen.getvalue()
    lines = [line.split() for line in shown.splitlines()]
    assert max(len(line) for line in shown.splitlines() if "0.3" in line) <= 80
    for whole in (
        "[0.375, 0.388]",
        "[-0.012, +0.034]",
        "[-0.020, +0.030]",
        "runs/a-very-long-name/best/bundle: merged10, Unet with tu-mobilenetv3_small_100\n",
    ):
        assert whole in shown
    assert any(line[:1] == ["road"] and "0.388" in line for line in lines)


def test_at_80_columns_words_are_whole_and_each_further_model_has_its_own_classes(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = {"class": "traffic light", "a": 0.4, "b": 0.41, "delta": 0.01, "interval": [-0.02, 0.03]}
    of = {"mapping": "cityscapes19", "arch": "unet", "encoder": "e", "miou_common": 0.4}
    of |= {"interval": [0.375, 0.388]}
    against = {"delta": 0.01, "delta_interval": [-0.012, 0.034], "level": 0.05}
    names = ["quick, trial 3", "quick-merged10, trial 13", "other, trial 4"]
    models = [
        {**of, "name": name, "per_class": [road], **(against if place else {})}
        for place, name in enumerate(names)
    ]
    content = {"data": "d", "split": "heldout", "images": 9, "size": "s", "common_space": ["road"]}
    monkeypatch.setattr(results, "width", 80)
    _show({**content, "models": models, "caveats": [], "warnings": []})
    shown = "".join(line for line in screen.getvalue().splitlines(True) if LUCK not in line)
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.count("per class") == 2
    words = shown.split()
    for word in ("cityscapes19,", "quick-merged10,", "difference", "traffic", "light"):
        assert word in words
    assert words.count("[-0.020,") == words.count("+0.030]") == 2
    headers = shown.partition("per class")[2].partition("traffic")[0].splitlines()
    assert sum(bool(line.strip()) for line in headers) <= 4  # with the rule below them
