"""`segexp evaluate`: a saved model on a split, in its own space and coarser ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.hosts import lay_out_reader_of
from harness.project import PRECISION
from tests.cli.running import Outcome, segexp, study_of


def bundle_of(project: Path) -> str:
    """Trial 0 is the baseline, over cityscapes19; MLflow keeps the bundle of every best so far."""
    run_id = study_of(project, "tiny").trials[0].user_attrs["segexp.run_id"]
    bundle = project / "mlruns" / "tiny" / run_id / "artifacts" / "bundle"
    return str(bundle)


def evaluated(project: Path, *words: str) -> dict[str, Any]:
    outcome = segexp(project, "evaluate", bundle_of(project), "--json", *words)
    assert outcome.code == 0, outcome.err
    content: dict[str, Any] = json.loads(outcome.out)
    return content


def test_its_own_space_repeats_the_scores_of_the_trial(tuned: tuple[Path, Outcome]) -> None:
    project, _ = tuned
    scores = json.loads((Path(bundle_of(project)) / "bundle.json").read_text())["scores"]
    for split, name in (("val", "val"), ("heldout", "heldout")):
        found = evaluated(project, "--split", split)
        assert found["space"] == found["mapping"] == "cityscapes19"
        assert found["miou"] == pytest.approx(scores[f"{name}/miou"], abs=1e-12)
        assert found["images"] == 3


def test_where_there_are_only_the_two_urls_the_model_brings_its_taxonomy(
    tuned: tuple[Path, Outcome], tmp_path: Path
) -> None:
    project, _ = tuned
    at_home = segexp(project, "evaluate", "tiny", "--json")
    place = lay_out_reader_of(tmp_path / "third", project)
    drawn = {"data.synthetic.train": 6, "data.synthetic.val": 3, "data.synthetic.test": 3}
    same = {**drawn, "data.image_size": "[32,64]", "training.precision": PRECISION}
    options = [word for key, value in same.items() for word in ("--set", f"{key}={value}")]
    elsewhere = segexp(place, "evaluate", "tiny", "--json", *options)
    assert elsewhere.code == 0, elsewhere.err
    here, there = (json.loads(outcome.out) for outcome in (elsewhere, at_home))
    assert (here["miou"], here["table"]) == (there["miou"], there["table"])
    assert here["warnings"] == there["warnings"]  # it is the data that the model was trained on


def test_the_test_split_is_the_held_out_one(tuned: tuple[Path, Outcome]) -> None:
    project, _ = tuned
    test, heldout = (evaluated(project, "--split", split) for split in ("test", "heldout"))
    assert test["table"] == heldout["table"]
    assert test["split"] == "test"


def test_a_coarser_space_has_its_classes_by_both_rules(tuned: tuple[Path, Outcome]) -> None:
    project, _ = tuned
    for rule in ("sum", "argmax"):
        found = evaluated(project, "--space", "categories7", "--rule", rule)
        assert (found["space"], found["rule"]) == ("categories7", rule)
        assert len(found["table"]["class"]) == 7


def test_full_size_scores_at_the_masks_own_size(
    tuned: tuple[Path, Outcome], tmp_path: Path
) -> None:
    project, _ = tuned
    drawn = ["--set", "data.image_size=[64,128]", "--set", "data.synthetic.train=2"]
    written = segexp(project, "data", "synth", str(tmp_path / "large"), *drawn)
    assert written.code == 0, written.err
    small = evaluated(project, "--data", str(tmp_path / "large"), "--no-full-size")
    large = evaluated(project, "--data", str(tmp_path / "large"), "--full-size")
    assert small["size"] == "32x64"
    # Its images keep their shape, and these are resized.
    assert evaluated(project, "--data", str(tmp_path / "large")) == large
    pixels = [sum(found["table"]["pixels"]) for found in (small, large)]
    assert pixels[1] == pytest.approx(4 * pixels[0], rel=0.05)


def test_the_configured_size_of_scores_is_the_default_and_an_option_decides(
    tuned: tuple[Path, Outcome],
) -> None:
    project, _ = tuned
    own = ("--set", "data.scored_at=own")
    assert evaluated(project, *own)["size"] == "the masks' own size"
    assert evaluated(project, *own, "--no-full-size")["size"] == "32x64"
    assert evaluated(project)["size"] == "32x64"


def test_several_views_are_scored_and_named(tuned: tuple[Path, Outcome]) -> None:
    project, _ = tuned
    plain, found = evaluated(project), evaluated(project, "--tta", "flip,scales=1,1.5")
    assert (plain["tta"], found["tta"]) == (None, "flip,scales=1,1.5")
    assert found["table"]["pixels"] == plain["table"]["pixels"]
    assert found["miou"] != plain["miou"]
    shown = segexp(project, "evaluate", bundle_of(project), "--tta", "flip")
    assert "heldout (3 images), 32x64, --tta flip, space cityscapes19" in shown.out


def test_a_person_reads_a_table_on_standard_output(tuned: tuple[Path, Outcome]) -> None:
    project, _ = tuned
    outcome = segexp(project, "evaluate", bundle_of(project), "--split", "train")
    assert outcome.code == 0
    for words in ("train (6 images)", "precision", "sidewalk", "mIoU", "pixel accuracy"):
        assert words in outcome.out


def test_other_protocols_are_a_table_and_part_of_the_json(tuned: tuple[Path, Outcome]) -> None:
    project, _ = tuned
    found = evaluated(project, "--protocols")
    rows = {row["key"]: row["scores"]["32x64"] for row in found["protocols"]["rows"]}
    assert rows["segexp"] == found["miou"]
    assert rows["absent_0"] <= rows["segexp"] <= 1
    assert found["protocols"]["missing"] == ["at another size, because the masks have this size."]
    shown = segexp(project, "evaluate", bundle_of(project), "--protocols")
    for words in ("other protocols", "absent class as 1", "void as an error", "mean of images"):
        assert words in shown.out
    assert evaluated(project)["protocols"] is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--split", "tset"], ["--split 'tset'", "did you mean 'test'?"]),
        (
            ["--split", "test", "--set", "data.synthetic.test=0"],
            ["--split test: the data has no test split"],
        ),
        (["--rule", "som"], ["--rule 'som'", "did you mean 'sum'?"]),
        (["--tta", "flipp"], ["--tta flipp: ", "did you mean 'flip'?", "write it as flip,scales"]),
        (["--space", "merged11"], ["no mapping 'merged11'", "did you mean 'merged10'?"]),
        (["--space", "camvid11"], ["camvid11", "cityscapes19"]),
        (["--data", "nowhere"], ["nowhere"]),
    ],
)
def test_wrong_words_are_refused(
    tuned: tuple[Path, Outcome], words: list[str], expected: list[str]
) -> None:
    project, _ = tuned
    outcome = segexp(project, "evaluate", bundle_of(project), *words)
    assert outcome.code == 2, outcome.err
    for word in expected:
        assert word in outcome.err
    assert "Traceback" not in outcome.err


def test_a_finer_space_than_the_models_own_is_refused(project: Path) -> None:
    trained = segexp(project, "train", "--mapping", "categories7", "--set", "epochs=1")
    assert trained.code == 0, trained.err
    (bundle,) = (project / ".segexp" / "train").glob("*/bundle")
    outcome = segexp(project, "evaluate", str(bundle), "--space", "cityscapes19")
    assert outcome.code == 2
    assert "cityscapes19" in outcome.err


def test_a_folder_without_a_bundle_is_wrong_input(project: Path) -> None:
    outcome = segexp(project, "evaluate", "studies")
    assert outcome.code == 2
    assert "studies" in outcome.err
