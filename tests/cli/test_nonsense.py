"""Data that once trained with "no faults": each is refused, or said before and beside the score.

The folders are tiny ones in the layouts in which people bring them.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.trees import picture, save
from tests.cli.running import Outcome, segexp

SIZE = (32, 64)
PALETTE = np.array([(0, 0, 0), (250, 50, 83), (51, 221, 255)], np.uint8)


def folder(root: Path, low: int, high: int, *, upper: int | None = None) -> Path:
    """`images/<split>` beside `masks/<split>`: noise, and a patch of one id on another one.

    A mask in three has `upper` in its patch, where there is such an id.
    """
    for number, split in enumerate(("train",) * 3 + ("val",) * 3 + ("test",) * 3):
        mask = np.full(SIZE, low, np.uint8)
        mask[8:12, 10:20] = upper if upper is not None and number % 3 == 0 else high
        save(root / "images" / split / f"{number}.png", picture(number, SIZE))
        save(root / "masks" / split / f"{number}.png", mask)
    return root


def with_labels(project: Path, *names: str, words: tuple[str, ...] = ()) -> Outcome:
    """Import classes as a taxonomy and a mapping, both called `own`."""
    palette = PALETTE[3 - len(names) :] if "background" not in names else PALETTE[: len(names)]
    content = {"classes": list(names), "palette": palette.tolist()}
    (project / "own.json").write_text(json.dumps(content))
    return segexp(project, "mapping", "import", "own.json", "--new-taxonomy", "own", *words)


COMMANDS = (
    ("data", "check"),
    ("tune", "--trials", "1", "--workers", "0"),
    ("train",),
    ("ab", "cityscapes19", "merged10", "--trials", "7", "--workers", "0"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_no_command_assumes_a_taxonomy(project: Path, tmp_path: Path, words: tuple[str, ...]):
    root = folder(tmp_path / "pets", 0, 1, upper=2)  # background, cat, dog
    outcome = segexp(project, *words, "--data", str(root))
    assert outcome.code == 2, outcome.err
    assert "nothing says which labels its masks hold" in outcome.err
    assert "ids 0 98.0%, 1 1.3%, 2 0.7% of the pixels" in outcome.err
    assert "cityscapes19 (0 road, 1 sidewalk, 2 building)" in outcome.err


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_binary_masks_in_one_class_of_a_mapping_are_refused(
    project: Path, tmp_path: Path, words: tuple[str, ...]
):
    # Under the default study this was held-out mIoU 1.0000: merged10 puts both ids into road.
    root = folder(tmp_path / "binary", 0, 1)
    mapping = ("--mapping", "merged10") if words[0] in ("data", "train") else ()
    named = ("--data", str(root), "--set", "data.taxonomy=cityscapes19")
    outcome = segexp(project, *words, *mapping, *named)
    assert outcome.code == 2, outcome.err
    assert "train and val: only 'road' (road, sidewalk) of the 10 classes of " in outcome.err
    assert "1.0000;" in outcome.err
    assert "no faults" not in outcome.err


def test_masks_of_0_and_255_with_255_void_are_refused(project: Path, tmp_path: Path):
    root = folder(tmp_path / "binary", 0, 255)
    outcome = with_labels(project, "background", "house")
    assert outcome.code == 0, outcome.err
    assert "void: raw id 255" in outcome.err  # once "none", while the file said [255]
    own = ("--data", str(root), "--mapping", "own", "--set", "data.taxonomy=own")
    for words in (("data", "check"), ("train",)):
        outcome = segexp(project, *words, *own)
        assert outcome.code == 2, outcome.err
        assert "only 'background' (background) of the 2 classes of own occurs" in outcome.err
        assert "2% of the pixels are void" in outcome.err
        assert "whose void is raw id 255" in outcome.err


@pytest.mark.parametrize("words", [("--ids", "0,255"), ("--data", "binary")])
def test_masks_of_0_and_255_can_be_said_and_are_seen_where_the_data_is_named(
    project: Path, words: tuple[str, ...]
):
    root = folder(project / "binary", 0, 255)
    outcome = with_labels(project, "background", "house", words=words)
    assert outcome.code == 0, outcome.err
    assert "background, house; void: none" in outcome.err
    text = (project / "mappings" / "taxonomies" / "own.yaml").read_text()
    assert "{name: house,      id: 255, color: [250, 50, 83]}" in text
    assert "void: []" in text
    own = ("--data", str(root), "--mapping", "own", "--set", "data.taxonomy=own")
    outcome = segexp(project, "data", "check", *own)
    assert (outcome.code, outcome.out.splitlines()[-1]) == (0, "no faults")


def test_ids_that_are_not_one_for_each_class_are_refused(project: Path):
    for ids, fault in (
        ("0", "--ids: 1 ids for the 2 classes"),
        ("0,0", "the raw id 0 is already taken"),
        ("0,x", "--ids 0,x: expected whole numbers"),
    ):
        outcome = with_labels(project, "background", "house", words=("--ids", ids))
        assert outcome.code == 2
        assert fault in outcome.err
    outcome = segexp(project, "mapping", "import", "own.json", "--ids", "0,1")
    assert "--ids: is for --new-taxonomy" in outcome.err


def test_an_export_whose_black_background_is_unlisted_is_mostly_void(project: Path, tmp_path: Path):
    root = folder(tmp_path / "cvat", 0, 1, upper=2)
    for path in root.glob("masks/*/*.png"):
        save(path, PALETTE[np.asarray(Image.open(path))])
    assert with_labels(project, "cat", "dog").code == 0
    own = ("--data", str(root), "--mapping", "own", "--set", "data.taxonomy=own")
    warning = "warning: mapping own: most pixels are void, 98.0% of train, 98.0% of val"
    outcome = segexp(project, "data", "check", *own)
    assert outcome.code == 0, outcome.err
    assert warning in outcome.out
    assert "in RGB masks (0, 0, 0); if that is a background or a label, give it" in outcome.out
    outcome = segexp(project, "train", *own, "--set", "epochs=1")
    assert outcome.code == 0, outcome.err
    before, _, beside = outcome.err.partition("epoch 1/1")
    assert warning in before
    assert "1 warning about the data at the beginning" in " ".join(beside.split())
    (bundle,) = (project / ".segexp" / "train").glob("*/bundle")
    assert warning in segexp(project, "evaluate", str(bundle), *own[:2], *own[4:]).err


def test_a_black_background_in_rgb_masks_is_the_label_that_has_black(project: Path, tmp_path: Path):
    # Once the new taxonomy had void_color [0, 0, 0] beside it, and every mask was refused.
    root = folder(tmp_path / "cvat", 0, 1, upper=2)
    for path in root.glob("masks/*/*.png"):
        save(path, PALETTE[np.asarray(Image.open(path))])
    outcome = with_labels(project, "background", "cat", "dog", words=("--data", str(root)))
    assert outcome.code == 0, outcome.err
    own = ("--data", str(root), "--mapping", "own", "--set", "data.taxonomy=own")
    outcome = segexp(project, "data", "check", *own)
    assert (outcome.code, outcome.out.splitlines()[-1]) == (0, "no faults"), outcome.err
    counted = json.loads(segexp(project, "data", "stats", "--json", *own).out)
    train = counted["splits"]["train"]
    assert train["void_pixels"] == 0
    # Of three masks of 32x64 each, one has 40 pixels of dog and two have 40 of cat.
    assert {row["name"]: row["images"] for row in train["labels"]} == {
        "background": 3,
        "cat": 2,
        "dog": 1,
    }


@pytest.mark.slow
def test_a_study_warns_before_training_beside_the_score_and_when_it_is_shown_again(
    project: Path, tmp_path: Path
):
    root = folder(tmp_path / "pets", 0, 1, upper=2)
    named = ("--data", str(root), "--set", "data.taxonomy=camvid11", "--set", "epochs=1")
    words = ("tune", "--mapping", "camvid11", "--trials", "1", "--workers", "0", *named)
    outcome = segexp(project, *words)
    assert outcome.code == 0, outcome.err
    warning = "warning: mapping camvid11: 8 of 11 classes never in train, val, held-out (road, "
    before, _, beside = outcome.err.partition("epoch 1/1")
    assert warning in before
    assert "1 warning about the data at the beginning" in " ".join(beside.split())
    assert warning in segexp(project, "best").err
    said = json.loads(segexp(project, "best", "--json").out)
    assert [f"warning: {text}".startswith(warning) for text in said["warnings"]] == [True]


@pytest.mark.slow
def test_an_ab_study_says_it_before_training_and_among_its_caveats(project: Path, tmp_path: Path):
    root = folder(tmp_path / "pets", 0, 1, upper=3)
    named = ("--data", str(root), "--set", "data.taxonomy=camvid11", "--set", "epochs=1")
    words = ("ab", "camvid11", "camvid_merged6", "--matched", "--configs", "1", "--seeds", "2")
    outcome = segexp(project, *words, "--workers", "0", "--json", *named)
    assert outcome.code == 0, outcome.err
    warning = "mapping camvid11: 8 of 11 classes never in train, val, held-out (pole, "
    before, _, beside = outcome.err.partition("comparing the arms")
    assert f"warning: {warning}" in before
    assert f"note: {warning}" in beside
    assert any(text.startswith(warning) for text in json.loads(outcome.out)["caveats"])


def test_the_drawn_scenes_are_not_warned_of(project: Path):
    whole = ("synthetic.train=24", "synthetic.val=32", "synthetic.test=0", "image_size=[64, 128]")
    sets = [word for value in whole for word in ("--set", f"data.{value}")]
    for mapping in ("cityscapes19", "merged10"):
        outcome = segexp(project, "data", "check", "--mapping", mapping, *sets)
        assert (outcome.code, outcome.out.splitlines()[-1]) == (0, "no faults"), outcome.err
