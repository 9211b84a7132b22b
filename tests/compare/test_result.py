"""The result of an A/B study that really ran: what is left out of it, and what is said of that."""

from pathlib import Path

import pytest

from segexp.core.errors import WorkError
from segexp.study.attributes import PART_RUNS, RUN_ID
from tests.compare.tiny_ab import Said, run, study_of


@pytest.mark.slow
def test_an_arm_whose_search_had_fewer_chances_is_named(project: Path) -> None:
    result, _ = run(project, Said(fail_in=3))  # merged10's second trial
    assert [arm["search"]["states"] for arm in result["arms"]] == [
        {"COMPLETE": 7},
        {"COMPLETE": 6, "FAIL": 1},
    ]
    assert [arm["search"]["best_trial"] for arm in result["arms"]][1] != 1
    assert any("7 in ab-cityscapes19, 6 in ab-merged10" in c for c in result["caveats"])
    assert not any("luck" in c for c in result["caveats"])


@pytest.mark.slow
def test_pages_without_their_predictions_have_no_images_and_the_same_answer(project: Path) -> None:
    before, _ = run(project, configs=1)
    for path in project.rglob("predictions.npz"):  # MLflow's copies, too
        path.unlink()
    display = Said()
    after, directory = run(project, display, configs=1)
    protocols = after.pop("protocols"), before.pop("protocols")
    assert after == before
    missing = [{row["key"] for row in p["common"] if row["missing"]} for p in protocols]
    assert missing[0] > missing[1]  # what was decided on void pixels is in no matrix
    assert any("no images on the page: " in line for line in display.lines)
    assert '<img class="picture"' not in (directory / "ab.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_failed_training_is_left_out_of_every_arm_and_said(project: Path) -> None:
    display = Said(fail_in=3)  # the second configuration of the second arm
    result, _ = run(project, display, configs=3, seeds=1)
    second = study_of(project, "ab-merged10")
    assert [t.state.name for t in second.trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert result["pairs"][0]["runs"] == 2
    first = study_of(project, "ab-cityscapes19")
    kept = [first.trials[0].user_attrs[RUN_ID], first.trials[2].user_attrs[RUN_ID]]
    assert result["arms"][0]["run_ids"] == kept
    (lost,) = [c for c in result["caveats"] if "of merged10 are not complete" in c]
    assert lost.startswith("1 of 3 final trainings of merged10 are not complete and are left out")


def test_with_one_run_left_there_is_no_comparison(project: Path) -> None:
    with pytest.raises(WorkError, match=r"there are 1; 1 of 2 final trainings of merged10"):
        run(project, Said(fail_in=3), configs=1)


@pytest.mark.slow
def test_three_arms_are_compared_pair_by_pair(project: Path) -> None:
    mappings = ("cityscapes19", "merged10", "categories7")
    result, _ = run(project, mappings=mappings, configs=1)
    assert [(p["a"], p["b"]) for p in result["pairs"]] == [
        ("cityscapes19", "merged10"),
        ("cityscapes19", "categories7"),
        ("merged10", "categories7"),
    ]
    arms = study_of(project, "ab").user_attrs[PART_RUNS]
    assert list(arms) == list(mappings)
    kept = {arm["mapping"]: arm["bits_kept"] for arm in result["arms"]}
    assert kept["cityscapes19"] > kept["merged10"]
