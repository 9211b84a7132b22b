"""`segexp ab --predictions`: in a project, without one, as a gate, and what it refuses."""

import json
from pathlib import Path

import pytest

from segexp.core.config_keys import load_config
from segexp.data.open import find_source, open_data
from tests.cli.running import client_of, segexp
from tests.compare.mask_example import COARSE, FINE, lay_out, write

ARMS = ("--predictions", "a=a", "--predictions", "b=b")
OF = ("--mapping-of", "a=cityscapes19", "--mapping-of", "b=merged10")


def test_without_a_project_the_answer_lies_in_the_current_directory(tmp_path: Path) -> None:
    lay_out(tmp_path)
    outcome = segexp(tmp_path, "ab", *ARMS, *OF, "--truth", "truth", "--json")
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    assert result == json.loads((tmp_path / "ab-a-b" / "ab_result.json").read_text())
    assert (tmp_path / "ab-a-b" / "ab.html").is_file()
    assert result["pairs"][0]["sentence"] in outcome.err
    assert not (tmp_path / "mlflow.db").exists()


def test_in_a_project_the_answer_is_recorded_as_other_answers_are(
    project: Path, tmp_path: Path
) -> None:
    lay_out(tmp_path)
    words = [w.replace("=a", f"={tmp_path}/a").replace("=b", f"={tmp_path}/b") for w in ARMS]
    outcome = segexp(project, "ab", *words, *OF, "--truth", str(tmp_path / "truth"))
    assert outcome.code == 0, outcome.err
    stored = project / ".segexp" / "masks" / "ab-a-b" / "ab_result.json"
    result = json.loads(stored.read_text(encoding="utf-8"))
    client = client_of(project)
    experiment = client.get_experiment_by_name("ab-a-b")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.tags["segexp.kind"] == "ab"
    assert run.data.tags["segexp.verdict.b-a"] == result["pairs"][0]["verdict"]
    assert run.data.metrics["delta/b-a"] == pytest.approx(result["pairs"][0]["delta"])
    artifacts = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert {"ab.html", "gallery.html", "ab_result.json", "ab_arms.json", "mappings"} <= artifacts
    assert run.info.status == "FINISHED"


def test_an_arm_that_is_called_as_a_mapping_is_read_by_it(tmp_path: Path) -> None:
    lay_out(tmp_path)
    words = ("--predictions", "cityscapes19=a", "--predictions", "merged10=b", "--truth", "truth")
    outcome = segexp(tmp_path, "ab", *words, "--out", "found", "--json")
    assert outcome.code == 0, outcome.err
    assert [arm["mapping"] for arm in json.loads(outcome.out)["arms"]] == [
        "cityscapes19",
        "merged10",
    ]
    assert (tmp_path / "found" / "ab.html").is_file()


def test_arms_may_be_called_as_people_call_them(tmp_path: Path) -> None:
    lay_out(tmp_path)
    words = ("--predictions", "my net=a", "--predictions", "the other=b", "--truth", "truth")
    of = ("--mapping-of", "my net=cityscapes19", "--mapping-of", "the other=merged10")
    outcome = segexp(tmp_path, "ab", *words, *of)
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "ab-my_net-the_other" / "ab.html").is_file()
    assert "the other minus my net" in outcome.out


def test_the_gate_holds_for_masks_too(tmp_path: Path) -> None:
    lay_out(tmp_path)
    words = ("ab", *ARMS, *OF, "--truth", "truth", "--require")
    assert segexp(tmp_path, *words, "better").code == 0
    unmet = segexp(tmp_path, *words, "equivalent")
    assert unmet.code == 1
    assert "error: required is equivalent, but b against a is 'better': " in unmet.err
    assert (tmp_path / "ab-a-b" / "ab_result.json").is_file()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            (*ARMS, "--truth", "truth"),
            ["the mapping of its masks is not known; name it with --mapping-of a"],
        ),
        ((*ARMS, *OF), ["--truth DIR: a folder of masks of the same images is needed"]),
        ((*ARMS[:2], *OF[:2], "--truth", "truth"), ["--predictions: 1 arm; give two or more"]),
        (
            ("--predictions", "a", "--mapping-of", "c=merged10"),
            ["--predictions 'a': expected NAME=DIR", "c=merged10: --predictions has no arm"],
        ),
        (
            (*ARMS, *OF, "--truth", "truth", "--trials", "3", "--matched", "--margin", "0"),
            [
                "--trials: --predictions compares",
                "--matched: --predictions compares",
                "--margin 0: must be above 0",
            ],
        ),
        (
            (*ARMS, "--mapping-of", "a=camvid11", *OF[2:], "--truth", "truth"),
            ["mappings over different taxonomies cannot be compared"],
        ),
        ((), ["name two or more mappings to compare, or give --predictions"]),
    ],
)
def test_what_does_not_fit_is_refused_with_every_fault(
    tmp_path: Path, words: tuple[str, ...], expected: list[str]
) -> None:
    lay_out(tmp_path, count=2)
    outcome = segexp(tmp_path, "ab", *words)
    assert outcome.code == 2, outcome.err
    assert "Traceback" not in outcome.err
    for text in expected:
        assert text in outcome.err
    assert not (tmp_path / "ab-a-b").exists()


def test_without_a_truth_the_held_out_images_of_the_project_are_taken(project: Path) -> None:
    config = load_config(project / "config.yaml", {})
    dataset = open_data(project, config, find_source(project, config, []), lambda done, total: None)
    for split in ("val", "test"):  # masks of other images of the data are left out
        for sample in dataset.source.splits[split]:
            labels = dataset.source.read_labels(sample)
            for arm, mapping in (("a", FINE), ("b", COARSE)):
                write(project / arm / f"{sample.id}.png", mapping.lookup()[labels])
    outcome = segexp(project, "ab", *ARMS, *OF, "--json")
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    assert (result["images"], result["heldout_from"]) == (3, "test")
    assert [arm["common"]["mean"] for arm in result["arms"]] == [1.0, 1.0]
    assert result["pairs"][0]["verdict"] == "equivalent"


def test_masks_in_a_folder_of_ones_own_are_read_by_no_mapping_of_the_project(
    project: Path, tmp_path: Path
) -> None:
    lay_out(tmp_path)
    words = [w.replace("=a", f"={tmp_path}/a").replace("=b", f"={tmp_path}/b") for w in ARMS]
    outcome = segexp(project, "ab", *words, "--truth", str(tmp_path / "truth"))
    assert outcome.code == 2
    assert "the mapping of its masks is not known; name it with --mapping-of a=" in outcome.err


def test_any_name_of_an_arm_can_be_recorded(project: Path, tmp_path: Path) -> None:
    lay_out(tmp_path)
    words = ("--predictions", f"v1 (old)={tmp_path}/a", "--predictions", f"a+b={tmp_path}/b")
    of = ("--mapping-of", "v1 (old)=cityscapes19", "--mapping-of", "a+b=merged10")
    name = ("--study-name", "named")
    outcome = segexp(project, "ab", *words, *of, *name, "--truth", str(tmp_path / "truth"))
    assert outcome.code == 0, outcome.err
    client = client_of(project)
    experiment = client.get_experiment_by_name("named")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ab", "--truth", "x"), "--truth: only with --predictions; name the folders of masks"),
        (("ab", "--out", "x"), "--out: only with --predictions; name the folders of masks"),
        (("ab", "cityscapes19"), "MAPPINGS: cityscapes19 alone; name two or more"),
        (("ab", "a", "b", "--set", "trials=abc"), "trials: 'abc'; expected a whole number"),
        (("ab", "a", "b", "--plan", "--require", "better"), "--require: --plan compares nothing"),
        (("ab", "a", "b", "--plan", "--cluster", "city"), "--cluster: --plan compares nothing"),
        (("ab", *ARMS, "--pilot", "x"), "--pilot: --predictions compares existing masks"),
    ],
)
def test_contradicting_options_are_refused(
    project: Path, words: tuple[str, ...], said: str
) -> None:
    outcome = segexp(project, *words)
    assert outcome.code == 2
    assert said in outcome.err
