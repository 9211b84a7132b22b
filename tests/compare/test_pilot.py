"""What a study would take, planned from the result of an earlier one."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from segexp.compare.design import Design, make_design
from segexp.compare.pilot import find_pilot, outlook_lines, outlooks, read_pilot
from segexp.core.errors import InputError


def pilot(mode: str = "shared", **changes: Any) -> dict[str, Any]:
    """A study of four configurations on 64 images; each arm's search took 2,000 seconds."""
    pair = {
        "a": "fine",
        "b": "coarse",
        "images": 64,
        "unit": "configurations",
        "run_groups": 4,
        "effective_clusters": 64.0,
        "variance": {"images": 0.08**2 / 64, "runs": 0.03**2 / 4},
    }
    search = {"states": {"COMPLETE": 5, "PRUNED": 15}, "seconds": 2000.0}
    arm = {"seconds": [300.0, 500.0], "search": search}
    arms = [{**arm, "mapping": name} for name in ("fine", "coarse", "other")]
    return {
        "name": "ab-pilot",
        "mode": mode,
        "image_size": [64, 128],
        "design": {"epochs": 9},
        "pairs": [pair],
        "arms": arms,
        **changes,
    }


def test_detectable_differences_are_those_of_the_planned_size_at_the_pilots_spread() -> None:
    """0.048 and 31 with 331: the worked example of `plan_study`, by hand in its own tests."""
    (found,) = outlooks(pilot(), ["coarse", "fine"], make_design(), 20, margin=0.02)
    assert round(found.plan.detectable, 3) == 0.048
    assert found.plan.to_find.together == (31, 331)
    # Two arms, each with a search of 20 trials of 100 s and six trainings of 400 s.
    assert found.hours == pytest.approx(2 * (20 * 100 + 6 * 400) / 3600)
    lines = outlook_lines(found, make_design(), 20)
    assert lines[0] == (
        "coarse against fine, planned from ab-pilot (64x128, 9 epochs): 6 candidates of 20 "
        "trials on 64 held-out images find a difference of 0.048 in four of five studies, and call "
        f"equal mappings equivalent within {found.plan.margin:.3f}; about 2.4 hours of training, "
        "one after the other, at the pilot's speed."
    )
    assert "31 candidates of 104 trials on 331 images" in lines[1]


def test_more_candidates_need_longer_searches() -> None:
    (found,) = outlooks(pilot(), ["fine", "coarse"], make_design(), 20, margin=0.04)
    more = found.plan.to_find.runs
    assert more is not None and more > 6
    trials = -(-more * 10 // 3)  # at most three tenths of them are candidates
    assert found.hours_to_find == pytest.approx(2 * (trials * 100 + more * 400) / 3600)
    assert (
        f"{more} candidates of {trials} trials on these images"
        in (outlook_lines(found, make_design(), 20)[1])
    )


def test_matched_arms_cost_no_search() -> None:
    design = make_design(matched=True)
    (found,) = outlooks(pilot("matched"), ["fine", "coarse"], design, 20, margin=0.02)
    assert found.hours == pytest.approx(2 * 24 * 400 / 3600)
    assert "24 random configurations on 64" in outlook_lines(found, design, 20)[0]


def test_a_pilot_without_times_gives_no_hours() -> None:
    (found,) = outlooks(pilot(arms=[{}]), ["fine", "coarse"], make_design(), 20, margin=0.02)
    assert found.hours is None
    assert outlook_lines(found, make_design(), 20)[0].endswith(".")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"variance": None}, "has no variances"),
        ({"run_groups": 1}, "1 run per arm does not tell how runs differ; a pilot needs 3"),
        ({"run_groups": 2}, "2 runs per arm do not tell how runs differ; a pilot needs 3"),
        ({"b": "other"}, "compared other against fine, which tells nothing about fine and coarse"),
    ],
)
def test_a_pilot_that_tells_nothing_is_refused(changed: dict[str, Any], expected: str) -> None:
    result = pilot()
    result["pairs"][0].update(changed)
    with pytest.raises(InputError, match=expected):
        outlooks(result, ["fine", "coarse"], Design("shared", 6, 1), 20, 0.01)


def test_the_spread_of_few_candidates_is_called_rough() -> None:
    """Chi-square with 3 degrees of freedom: 7.815 and 0.352 at 95% and 5% (any table)."""
    (found,) = outlooks(pilot(), ["fine", "coarse"], make_design(), 20, margin=0.02)
    assert found.spread == pytest.approx(((3 / 7.815) ** 0.5, (3 / 0.352) ** 0.5), rel=1e-3)
    assert "may be 0.6 to 2.9 times as large" in outlook_lines(found, make_design(), 20)[3]


def test_arms_of_another_kind_tell_nothing() -> None:
    with pytest.raises(InputError, match="has matched arms, which tell nothing about shared arms"):
        outlooks(pilot("matched"), ["fine", "coarse"], make_design(), 20, margin=0.02)


def test_hours_are_those_of_the_planned_arms_alone() -> None:
    arms = ["fine", "coarse"]
    (found,) = outlooks(pilot(), arms, make_design(), 20, margin=0.02)
    (of_two,) = outlooks(pilot(arms=pilot()["arms"][:2]), arms, make_design(), 20, margin=0.02)
    assert found.hours == of_two.hours


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pairs": "abc"}, "its pairs are not a list of objects"),
        ({"pairs": [1]}, "its pairs are not a list of objects"),
        ({"pairs": [{}]}, "a pair has no a, b, images, run_groups, unit"),
        ({"arms": None}, "its arms are not a list of objects"),
    ],
)
def test_a_result_of_another_form_is_refused(tmp_path: Path, changes: Any, said: str) -> None:
    path = tmp_path / "ab_result.json"
    path.write_text(json.dumps(pilot(**changes)))
    with pytest.raises(InputError, match=said):
        read_pilot(tmp_path, str(path))


@pytest.mark.parametrize("value", ["much", -1e-4, True])
def test_impossible_variances_are_refused(tmp_path: Path, value: Any) -> None:
    content = pilot()
    content["pairs"][0]["variance"]["runs"] = value
    path = tmp_path / "ab_result.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"variance\.runs is .*; expected a number of at least 0"):
        read_pilot(tmp_path, str(path))


def test_an_absolute_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a file nor an A/B study"):
        read_pilot(tmp_path, str(tmp_path / "missing" / "ab_result.json"))


def test_a_study_is_found_by_its_own_name_and_the_newest_result_counts(tmp_path: Path) -> None:
    for place, (directory, name) in enumerate(
        (("ab-x-0001", "old"), ("ab-x-0002", "new"), ("ab-x-longer-0003", "another"))
    ):
        path = tmp_path / ".segexp" / "ab" / directory / "ab_result.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(pilot(name=name)))
        os.utime(path, (place, place))
    assert read_pilot(tmp_path, "ab-x")["name"] == "new"
    assert read_pilot(tmp_path, str(path))["name"] == "another"


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"pairs": []}'])
def test_anything_but_a_result_is_refused_with_its_path(tmp_path: Path, content: str) -> None:
    path = tmp_path / "some.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"some\.json: is no"):
        read_pilot(tmp_path, str(path))
    with pytest.raises(InputError, match="'nowhere' is neither a file nor"):
        read_pilot(tmp_path, "nowhere")


def test_without_a_pilot_those_that_are_there_are_named_or_the_command_that_makes_one(
    tmp_path: Path,
) -> None:
    asked = (["fine", "coarse"], "shared", "segexp ab fine coarse --seeds 2")
    with pytest.raises(InputError) as none:
        find_pilot(tmp_path, None, "ab-fine-coarse", *asked)
    assert str(none.value) == (
        "--plan: needs an A/B study of these arms with a result, and ab-fine-coarse has none; a "
        "small one will do: run `segexp ab fine coarse --seeds 2 --trials 10 --study-name pilot`, "
        "then `segexp ab fine coarse --seeds 2 --plan --pilot pilot`"
    )
    few = pilot(name="few")
    few["pairs"][0]["run_groups"] = 2
    for place, result in enumerate((few, pilot("matched", name="drawn"), pilot(name="quick"))):
        file = tmp_path / ".segexp" / "ab" / f"{result['name']}-{place:04}" / "ab_result.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(result))
    with pytest.raises(InputError) as other:
        find_pilot(tmp_path, "ab-quik", "ab-fine-coarse", *asked)
    assert str(other.value) == (
        "--pilot: 'ab-quik' is neither a file nor an A/B study with a result; there is quick: "
        "`segexp ab fine coarse --seeds 2 --plan --pilot quick`"
    )
    assert find_pilot(tmp_path, "quick", "ab-fine-coarse", *asked)["name"] == "quick"
