"""`segexp data`: check, stats and synth."""

import json
from pathlib import Path

import numpy as np
import pytest

from segexp.cli.live import LiveDisplay
from tests.cli.running import segexp
from tests.report.parsed import read_page


@pytest.fixture
def scenes(project: Path) -> Path:
    outcome = segexp(project, "data", "synth", "scenes")
    assert outcome.code == 0, outcome.err
    assert "use them with --data scenes" in outcome.err
    return project / "scenes"


def test_synth_writes_what_check_finds_good(project: Path, scenes: Path) -> None:
    counts = {s: len(list((scenes / s / "image").iterdir())) for s in ("train", "val", "test")}
    assert counts == {"train": 6, "val": 3, "test": 3}
    outcome = segexp(project, "data", "check", "--data", "scenes")
    assert outcome.code == 0, outcome.err
    assert "no faults" in outcome.out
    assert "cityscapes-npy" in outcome.out
    assert outcome.err == ""


def test_synth_says_how_its_pictures_are_used(project: Path) -> None:
    outcome = segexp(project, "data", "synth", "pictures", "--png")
    assert outcome.code == 0, outcome.err
    words = ("--data", "pictures", "--set", "data.taxonomy=cityscapes19")
    assert " ".join(outcome.err.split()).endswith(f"use them with {' '.join(words)}")
    assert "no faults" in segexp(project, "data", "check", *words).out


def test_scenes_that_are_drawn_are_not_said_to_be_read(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[object, ...]] = []
    monkeypatch.setattr(LiveDisplay, "_show_bar", lambda display, *bar: shown.append(bar))
    assert segexp(project, "data", "synth", "scenes").code == 0
    assert {title for title, *_ in shown} == {"drawing scenes"}
    assert shown[-1][2] == "12/12"


def test_check_lists_all_faults_and_tune_refuses_the_same_data(project: Path, scenes: Path) -> None:
    label = next(iter(sorted((scenes / "train" / "label").iterdir())))
    labels = np.load(label)
    labels[0, :5] = 77
    np.save(label, labels)
    (scenes / "val" / "image" / "orphan.npy").write_bytes(b"")
    for words in (["data", "check", "--data", "scenes"], ["tune", "--data", "scenes"]):
        outcome = segexp(project, *words)
        assert outcome.code == 2, outcome.err
        assert "77" in outcome.err
        assert "orphan" in outcome.err
        assert "Traceback" not in outcome.err
    assert segexp(project, "best").code == 2  # no study was begun


@pytest.mark.slow
def test_check_names_images_that_look_the_same_in_train_and_in_the_test_split(
    project: Path, scenes: Path
) -> None:
    image, label = (np.load(scenes / "train" / part / "1.npy") for part in ("image", "label"))
    np.save(scenes / "test" / "image" / "2.npy", np.clip(image + 1 / 255, 0, 1))
    np.save(scenes / "test" / "label" / "2.npy", label)
    line = "1 of 3 held-out images has a near-duplicate in train: scores flatter (2 is like 1)"
    outcome = segexp(project, "data", "check", "--data", "scenes", "--json")
    assert outcome.code == 0, outcome.err
    assert line in outcome.err
    found = json.loads(outcome.out)
    assert {"kind": "near-duplicate", "message": line} in found["warnings"]
    assert "images: 6 train, 3 val, 3 held-out (test split)" in outcome.err
    assert found["images"] == {"train": 6, "val": 3, "held-out": 3}
    assert found["heldout_by"] is None
    assert outcome.err.count(f"(test split); content {found['hash']}\n") == 1
    (pair,) = found["near_duplicates"]
    value = pair.pop("difference")
    assert 0 <= value < 0.25
    assert pair == {"of": "held-out", "image": "2", "like": "train", "other": "1"}
    outcome = segexp(project, "tune", "--data", "scenes", "--trials", "1", "--set", "epochs=1")
    assert outcome.code == 0, outcome.err
    best = segexp(project, "best", "--json")
    assert line in json.loads(best.out)["warnings"]
    assert f"warning: {line}" in " ".join(segexp(project, "best").err.split())


def test_synth_refuses_a_folder_with_something_in_it(project: Path, scenes: Path) -> None:
    before = sorted(scenes.rglob("*"))
    outcome = segexp(project, "data", "synth", "scenes")
    assert outcome.code == 2
    assert "scenes" in outcome.err
    assert sorted(scenes.rglob("*")) == before


def test_stats_counts_pixels_and_writes_both_files(project: Path) -> None:
    outcome = segexp(project, "data", "stats", "--json", "--out", "stats")
    assert outcome.code == 0, outcome.err
    counted = json.loads(outcome.out)
    assert json.loads((project / "stats" / "data-stats.json").read_text()) == counted
    page = read_page((project / "stats" / "data-stats.html").read_text(encoding="utf-8"))
    captions = [alt for _, alt in page.pictures]
    assert captions[0] == "Images and their masks, train: 2 of 6 images"
    assert len(captions) == 3  # train, val and held-out
    train = counted["splits"]["train"]
    assert train["images"] == 6
    assert train["pixels"] == 6 * 32 * 64
    assert train["void_pixels"] + sum(row["pixels"] for row in train["labels"]) == train["pixels"]
    assert "merged10" in counted["mappings"]
    assert "camvid11" not in counted["mappings"]


def test_stats_of_one_mapping_are_tables_for_a_person(project: Path) -> None:
    outcome = segexp(project, "data", "stats", "--mapping", "merged10")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    assert "mapping merged10, train" in outcome.out
    assert "mapping cityscapes19" not in outcome.out
    assert (project / "data-stats.html").is_file()


def test_a_mapping_of_another_taxonomy_is_refused(project: Path) -> None:
    outcome = segexp(project, "data", "check", "--mapping", "camvid11")
    assert outcome.code == 2
    assert "camvid11" in outcome.err
    assert "cityscapes19" in outcome.err


def test_stats_say_which_mapping_files_are_broken_and_count_the_others(project: Path) -> None:
    (project / "mappings" / "mine.yaml").write_text("name: mine\ntaxonomy: cityscapes19\nvoid: 3\n")
    outcome = segexp(project, "data", "stats", "--json", "--out", "stats")
    assert outcome.code == 0, outcome.err
    assert "skipped an invalid mapping" in outcome.err
    assert "mine.yaml: classes: expected a list of two or more classes" in outcome.err
    assert "(and 1 more; see `segexp mapping list`)" in outcome.err
    assert "mine" not in json.loads(outcome.out)["mappings"]
    asked = segexp(project, "data", "stats", "--mapping", "merged10", "--out", "stats")
    assert "broken" not in asked.err
