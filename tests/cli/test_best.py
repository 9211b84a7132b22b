"""`segexp best`."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from harness.results import made_scores
from segexp.cli.best import front_table
from segexp.cli.console import print_table, results
from segexp.evaluation.result import TrialResult
from segexp.study.best import BestTrial, FrontTrial
from tests.cli.running import Outcome, runs_of, segexp, study_of


def test_json_is_one_object_alone_on_standard_output(tuned: tuple[Path, Outcome]) -> None:
    project, _ = tuned
    outcome = segexp(project, "best", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    best = json.loads(outcome.out)
    study = study_of(project, "tiny")
    assert best["study"] == "tiny"
    assert best["trial"] == study.best_trial.number
    assert best["params"] == study.best_trial.params
    assert best["run_id"] == study.best_trial.user_attrs["segexp.run_id"]
    assert best["trials"] == {"COMPLETE": 2}
    assert best["scores"]["tuning"]["miou_common"] == pytest.approx(study.best_value)
    for split in ("tuning", "heldout"):
        scores = best["scores"][split]
        assert {"miou", "miou_common", "pixel_accuracy", "classes_in_mean"} <= set(scores)
        ious = [iou for iou in best["iou"][split].values() if iou is not None]
        counted, only_predicted = scores["classes_in_mean"], scores["classes_predicted_only"]
        assert counted + only_predicted == len(ious)
        assert ious.count(0.0) >= only_predicted  # and these are in no mean
        assert scores["miou"] == pytest.approx(sum(ious) / counted)
    assert Path(best["bundle"]).is_dir()
    assert Path(best["bundle"]).is_absolute()
    _, runs = runs_of(project, "tiny")
    assert best["run_id"] == runs[best["trial"]].info.run_id


def test_without_images_neither_torch_nor_mlflow_is_loaded(tuned: tuple[Path, Outcome]) -> None:
    script = """
import sys
from segexp.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code
found = sorted({"torch", "mlflow", "albumentations", "timm", "plotly"} & set(sys.modules))
assert not found, found
"""
    words = [sys.executable, "-c", script, "best", "tiny", "--json", "--project", str(tuned[0])]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["study"] == "tiny"


def test_a_person_reads_it_on_standard_output_and_warnings_beside_it(
    tuned: tuple[Path, Outcome],
) -> None:
    project, _ = tuned
    outcome = segexp(project, "best", "tiny")
    assert outcome.code == 0
    assert {line.partition(":")[0] for line in outcome.err.splitlines()} == {"warning"}
    number = study_of(project, "tiny").best_trial.number
    assert f"best: trial {number}" in outcome.out
    for words in ("2 complete", "held-out", "mIoU, common space", "baseline", "always '", "road"):
        assert words in outcome.out


def test_no_score_breaks_into_two_lines_at_eighty_columns(
    tuned: tuple[Path, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "width", 80)
    shown = segexp(tuned[0], "best", "tiny").out.splitlines()
    rows = {
        " ".join(line.split()[:-2]): line.split()[-2:] for line in shown if len(line.split()) > 2
    }
    assert all(re.fullmatch(r"\d\.\d{4}", cell) for cell in rows["mIoU, common space"])
    assert re.search(r"^  classes in this mean  +\d+ of \d+  +\d+ of \d+$", "\n".join(shown), re.M)


def test_another_complete_trial_is_shown_by_its_number(tuned: tuple[Path, Outcome]) -> None:
    project, _ = tuned
    other = 1 - study_of(project, "tiny").best_trial.number
    outcome = segexp(project, "best", "tiny", "--trial", str(other))
    assert outcome.code == 0, outcome.err
    assert f"\ntrial {other}, epoch" in outcome.out
    assert "one image: " in outcome.out
    content = json.loads(segexp(project, "best", "tiny", "--trial", str(other), "--json").out)
    assert content["trial"] == other
    assert [each["trial"] for each in content["front"]] == [1 - other]
    assert content["cost"]["macs"] > 0
    outcome = segexp(project, "best", "tiny", "--trial", "2")
    assert outcome.code == 2
    assert "--trial 2: no complete trial of tiny; name one of 0, 1" in outcome.err


def found_front(params: dict[str, object], other: dict[str, object]) -> BestTrial:
    front = (
        FrontTrial(3, (0.51234, 20.0, 3e6), params),
        FrontTrial(1, (0.4, 9.87654, 1.5e6), other),
    )
    result = TrialResult(0.51234, 1, 1.0, made_scores(0.5, 0.5, {}))
    return BestTrial(
        study="s",
        number=3,
        params=front[0].params,
        result=result,
        run_id=None,
        host="h",
        states={},
        baseline=None,
        objective="val/miou_common",
        constant={},
        costs=("latency_ms", "parameters"),
        front=front,
    )


def printed_front(found: BestTrial, width: int) -> list[str]:
    out = io.StringIO()
    screen = Console(file=out, width=width)
    print_table(front_table(found, screen), screen)
    return out.getvalue().splitlines()


def test_the_front_is_a_table_of_objectives_and_of_the_params_that_differ() -> None:
    found = found_front({"arch": "Unet", "loss": "focal"}, {"arch": "[FPN]", "loss": "focal"})
    rows = [line.split() for line in printed_front(found, 120)][-2:]
    assert rows == [["3", "0.5123", "20", "3M", "Unet"], ["1", "0.4000", "9.88", "1.5M", "[FPN]"]]


def test_the_front_leaves_out_the_params_that_a_narrow_screen_has_no_room_for() -> None:
    names = ("arch", "training.learning_rate", "model.encoder", "training.loss_weighting")
    found = found_front(dict.fromkeys(names, "a value"), dict.fromkeys(names, "another value"))
    _, _, header, _, first, second, *below = printed_front(found, 80)
    assert header.split()[-1] == "arch"
    assert first.split()[:4] == ["3", "0.5123", "20", "3M"]
    assert second.split()[:4] == ["1", "0.4000", "9.88", "1.5M"]
    left_out = ", ".join(names[1:])
    assert " ".join(" ".join(below).split()) == f"{left_out}: segexp best s --trial NUMBER"


def test_predict_writes_three_pictures_at_the_images_own_size(
    tuned: tuple[Path, Outcome], tmp_path: Path
) -> None:
    project, _ = tuned
    pixels = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "street.png")
    outcome = segexp(
        tmp_path, "best", "tiny", "--project", str(project), "--predict", "street.png", "--json"
    )
    assert outcome.code == 0, outcome.err
    best = json.loads(outcome.out)
    mask = Image.open(tmp_path / "predictions" / "street_mask.png")
    assert (mask.size, mask.mode) == ((53, 37), "P")
    assert np.asarray(mask).max() < len(best["iou"]["tuning"])
    color = Image.open(tmp_path / "predictions" / "street_color.png")
    assert (color.size, color.mode) == ((53, 37), "RGB")
    overlay = Image.open(tmp_path / "predictions" / "street_overlay.png")
    assert overlay.size[0] >= 53
    assert overlay.size[1] >= 37
    assert best["sizes"] == {"tuning": "32x64", "heldout": "32x64"}
    assert "tuning scores are at" not in outcome.err


def test_views_are_for_images(tuned: tuple[Path, Outcome]) -> None:
    outcome = segexp(tuned[0], "best", "--tta", "flop")
    assert outcome.code == 2
    assert "'flop' is neither flip nor scales=..." in outcome.err
    assert "--tta: is for --predict IMAGE; name one" in outcome.err


def test_an_unknown_study_is_refused_with_those_there_are(tuned: tuple[Path, Outcome]) -> None:
    project, _ = tuned
    outcome = segexp(project, "best", "tinny")
    assert outcome.code == 2
    assert "no study 'tinny' (did you mean 'tiny'?); there are tiny" in outcome.err


def test_before_any_study_it_says_how_to_start_one(project: Path) -> None:
    outcome = segexp(project, "best")
    assert outcome.code == 2
    assert "segexp tune" in outcome.err


def test_an_image_that_is_not_there_is_wrong_input(
    tuned: tuple[Path, Outcome], tmp_path: Path
) -> None:
    project, _ = tuned
    out = str(tmp_path / "out")
    outcome = segexp(project, "best", "--predict", "nowhere.png", "--out", out)
    assert outcome.code == 2
    assert "nowhere.png" in outcome.err
    assert outcome.out == ""  # nothing is shown of what is refused
    assert not (tmp_path / "out").exists()
    outcome = segexp(project, "best", "tinny", "--predict", "nowhere.png", "--out", out)
    assert outcome.code == 2
    assert "nowhere.png" in outcome.err and "no study 'tinny'" in outcome.err
