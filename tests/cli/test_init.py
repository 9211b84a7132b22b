"""`segexp init`."""

import json
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from harness.project import ROOT
from harness.trees import picture, save, tree_digest
from segexp.cli.init import SHIPPED
from tests.cli.running import segexp


def test_a_new_project_is_what_is_shipped(tmp_path: Path) -> None:
    outcome = segexp(tmp_path, "init", "streets")
    assert outcome.code == 0, outcome.err
    assert "cd streets && segexp tune" in outcome.err
    made = sorted(
        path.relative_to(tmp_path / "streets")
        for path in (tmp_path / "streets").rglob("*")
        if path.is_file()
    )
    assert Path("config.yaml") in made
    assert Path("studies/default.yaml") in made
    assert Path("mappings/taxonomies/cityscapes19.yaml") in made
    for path in made:
        assert (tmp_path / "streets" / path).read_bytes() == (ROOT / path).read_bytes()


def test_what_is_shipped_is_tracked_and_holds_nothing_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["git", "ls-files", "config.yaml", "mappings", "studies/*.yaml"]
    tracked = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("no checkout")
    assert sorted(tracked.stdout.split()) == sorted(SHIPPED)
    for name in SHIPPED:
        copy = tmp_path / "checkout" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    mine = tmp_path / "checkout" / "mappings" / "merged10_suggested8.yaml"
    mine.write_text("what `mapping suggest` wrote")
    package = tmp_path / "checkout" / "segexp" / "__init__.py"
    monkeypatch.setattr("segexp.__file__", str(package))
    assert segexp(tmp_path, "init", "streets").code == 0
    streets = tmp_path / "streets"
    made = {str(p.relative_to(streets)) for p in streets.rglob("*") if p.is_file()}
    assert made == set(SHIPPED)


def test_the_command_that_comes_next_is_read_by_a_shell_as_it_was_meant(tmp_path: Path) -> None:
    outcome = segexp(tmp_path, "init", "a b'c\"d")
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("look next:")]
    assert shlex.split(line)[2:5] == ["cd", "a b'c\"d", "&&"]


def test_a_directory_with_something_in_it_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "streets").mkdir()
    (tmp_path / "streets" / "notes").write_text("mine")
    outcome = segexp(tmp_path, "init", "streets")
    assert outcome.code == 2
    assert "is not an empty directory" in outcome.err
    assert [path.name for path in (tmp_path / "streets").iterdir()] == ["notes"]


def test_a_file_is_not_a_directory(tmp_path: Path) -> None:
    (tmp_path / "streets").write_text("mine")
    assert segexp(tmp_path, "init", "streets").code == 2


def flat_pets(root: Path) -> Path:
    """Images and masks in no split, with a label file: background, cat, dog, fox and owl."""
    for number in range(12):
        mask = np.repeat(np.arange(32, dtype=np.uint8)[:, None] // 12, 64, axis=1)
        mask[number, 0], mask[-1, number : number + 2] = 3, 4
        save(root / "pictures" / f"pet{number}.jpg", picture(number, (32, 64)))
        save(root / "annotations" / f"pet{number}_mask.png", mask)
    (root / "labels.txt").write_text("background\ncat\ndog\nfox\nowl\n")
    return root


def test_a_folder_becomes_a_project_that_is_ready_to_train(tmp_path: Path) -> None:
    data = flat_pets(tmp_path / "pets")
    before = tree_digest(data)
    made = segexp(tmp_path, "init", "project", "--data", "pets")
    assert made.code == 0, made.err
    assert "joined pictures/ with annotations/, images * with masks *_mask" in made.err
    assert "labels: 5, from pets/labels.txt: background, cat, dog, fox, owl" in made.err
    assert "the data has no splits: divided by image into 8 train, 2 val, 2 test" in made.err
    assert (tmp_path / "project" / "contact-sheet.png").stat().st_size > 1000
    (line,) = [line for line in made.err.splitlines() if line.startswith("then:")]
    assert line.endswith("cd project && segexp ab pets pets_merged")

    checked = segexp(tmp_path / "project", "data", "check")
    assert checked.code == 0, checked.err
    assert "8 train, 2 val, 2 held-out (test split)" in checked.out
    assert tree_digest(data) == before


def test_where_no_coarser_mapping_is_proposed_loss_weightings_are_compared(
    tmp_path: Path,
) -> None:
    data = flat_pets(tmp_path / "pets")
    for path in (data / "annotations").iterdir():  # no label is rare
        save(path, np.repeat(np.arange(32, dtype=np.uint8)[:, None] % 5, 64, axis=1))
    made = segexp(tmp_path, "init", "project", "--data", "pets")
    command = (*("ab", "pets", "--arm"), "weighted: {loss_weighting: median_frequency}")
    assert (
        "then:       cd project && segexp tune --trials 50\n"
        f'to compare: cd project && segexp {shlex.join(command[:3])} "{command[3]}"\n'
        "            or a coarser mapping, which `segexp mapping suggest` makes" in made.err
    )
    planned = segexp(tmp_path / "project", *command, "--plan")
    said = "--plan: needs an A/B study of these arms with a result, and ab-pets-weighted has none"
    assert said in planned.err


@pytest.mark.slow
def test_the_second_command_answers(tmp_path: Path) -> None:
    flat_pets(tmp_path / "pets")
    assert segexp(tmp_path, "init", "project", "--data", "pets").code == 0
    words = ("--trials", "7", "--set", "epochs=1", "--set", "image_size=[32, 64]", "--seeds", "2")
    answered = segexp(tmp_path / "project", "ab", "pets", "pets_merged", *words)
    assert answered.code == 0, answered.err


def test_options_for_data_need_data_and_a_project_lies_beside_it(tmp_path: Path) -> None:
    refused = segexp(tmp_path, "init", "p", "--classes", "labels.txt", "--format", "folder")
    assert refused.code == 2
    assert "--classes: needs --data FOLDER" in refused.err
    assert "--format: needs --data FOLDER" in refused.err
    data = flat_pets(tmp_path / "pets")
    inside = segexp(tmp_path, "init", "pets/project", "--data", "pets")
    assert inside.code == 2
    assert "lies in the data, which is never written to" in inside.err
    assert not (data / "project").exists()


def test_a_folder_that_cannot_be_used_leaves_no_project(tmp_path: Path) -> None:
    data = flat_pets(tmp_path / "pets")
    (data / "labels.txt").write_text("background\ncat\ndog\n")
    refused = segexp(tmp_path, "init", "project", "--data", "pets")
    assert refused.code == 2
    assert "which pets/labels.txt lacks" in refused.err
    assert not (tmp_path / "project").exists()


def test_a_tree_that_no_layout_knows_is_described(tmp_path: Path) -> None:
    """Two cameras; the drawings of the left one hold 0 and 9, and 9 is meant to be 1."""
    for scene in range(4):
        for n in range(3):
            place = tmp_path / "scenes" / f"s{scene}"
            save(place / "left" / f"{n}.png", picture(10 * scene + n, (32, 64)))
            save(place / "right" / f"{n}.png", picture(100 + 10 * scene + n, (32, 64)))
            mask = np.full((32, 64), 9, np.uint8)
            mask[:9] = 0
            save(place / "drawn" / f"{n}.png", mask)
    (tmp_path / "names.txt").write_text("sky\nrest\n")
    refused = segexp(tmp_path, "init", "p", "--data", "scenes")
    assert refused.code == 2
    assert "data.layout: {images: 'GLOB', masks: 'GLOB'}" in refused.err
    layout = {
        "images": "*/left/*.png",
        "masks": "*/drawn/*.png",
        "join": r"(s\d)/\w+/(\d)",
        "split": {"by": "sequence", "val": 0.25, "test": 0.25},
    }
    words = ("--set", f"data.layout={json.dumps(layout)}", "--set", "data.masks={ids: {9: 1}}")
    made = segexp(tmp_path, "init", "p", "--data", "scenes", "--classes", "names.txt", *words)
    assert made.code == 0, made.err
    assert "divided by sequence into 6 train, 3 val, 3 test" in made.err
    checked = segexp(tmp_path / "p", "data", "check")
    assert checked.code == 0, checked.err
    assert "data: described, scenes, taxonomy scenes" in checked.out
    assert "6 train, 3 val, 3 held-out" in checked.out


def test_keys_of_other_sections_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    words = ("--data", "pets", "--set", "training.epochs=2")
    refused = segexp(tmp_path, "init", "p", *words)
    assert refused.code == 2
    assert "--set training.epochs: not a key of `data`; set it in config.yaml" in refused.err


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("data.root=other", "--set data.root: name the folder with --data alone"),
        (
            "data.relabel=a_to_b",
            "--set data.relabel: a new project lacks it; set it in config.yaml",
        ),
        ("data.synthetic.train=3", "--set data.synthetic.train: a new project lacks it"),
        ("data.format=synthetic", "--format synthetic: is drawn, not read from pets; leave out"),
        ("data.taxonomy=../../x", "data.taxonomy '../../x': use 1 to 100 letters"),
    ],
)
def test_what_a_new_project_would_not_hold_is_refused(
    tmp_path: Path, words: str, fault: str
) -> None:
    flat_pets(tmp_path / "pets")
    refused = segexp(tmp_path, "init", "p", "--data", "pets", "--set", words)
    assert refused.code == 2
    assert fault in refused.err
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("split", "fault"),
    [
        ("val", "pets: no train split"),
        ("train/loose", "in no split, such as"),
        ("train/val", "two images are needed, or one in a test split"),
    ],
)
def test_data_that_cannot_be_divided_leaves_no_project(
    tmp_path: Path, split: str, fault: str
) -> None:
    """Images in val alone; images in train beside others in no split; a single image of val."""
    for n, place in enumerate(split.split("/")):
        save(tmp_path / "pets" / "images" / place / "x.png", picture(n))
        save(tmp_path / "pets" / "masks" / place / "x.png", np.eye(6, 8, dtype=np.uint8))
    refused = segexp(tmp_path, "init", "p", "--data", "pets")
    assert refused.code == 2
    assert fault in refused.err
    assert not (tmp_path / "p").exists()


def test_a_division_that_the_names_do_not_allow_leaves_no_project(tmp_path: Path) -> None:
    flat_pets(tmp_path / "pets")
    layout = '{images: "pictures/*", masks: "annotations/*", split: {by: city}}'
    refused = segexp(tmp_path, "init", "p", "--data", "pets", "--set", f"data.layout={layout}")
    assert refused.code == 2
    assert "data.layout.split.by: city: the image ids name no 3 of it" in refused.err
    assert not (tmp_path / "p").exists()
