"""An A/B study before it runs: its arms, what they train, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from segexp.compare.arms import parse_arms
from segexp.compare.design import Design, make_design
from segexp.compare.plan import AbPlan, ab_definition, plan_ab
from segexp.core.errors import InputError
from segexp.data.open import open_data
from segexp.labels.mapping import common_space

SHARED = make_design()


def matched(configs: int, seeds: int = 3) -> Design:
    return Design("matched", configs, seeds)


def plan(project: Path, *mappings: str, **changes: Any) -> AbPlan:
    arguments: dict[str, Any] = {"name": "ab", "design": SHARED, **changes}
    overrides = arguments.pop("overrides", {})
    study = arguments.pop("study", None)
    arms = parse_arms(mappings or ("cityscapes19", "merged10"))
    return plan_ab(project, study, arms, overrides, **arguments)


def faults_of(project: Path, *mappings: str, **changes: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        plan(project, *mappings, **changes)
    return caught.value.faults


def test_each_arm_searches_the_same_space_with_its_own_mapping(project: Path) -> None:
    found = plan(project, overrides={"trials": 21})
    assert [m.name for m in found.mappings] == ["cityscapes19", "merged10"]
    assert found.common.hash == common_space(found.mappings).hash
    first, second = found.arms
    assert first.base.study.name == "ab-cityscapes19"
    assert second.base.study.name == "ab-merged10"
    assert first.base.space == second.base.space
    assert "mapping" not in first.base.space
    assert first.base.study.pruner == second.base.study.pruner
    assert (first.base.study.trials, second.base.study.trials) == (21, 21)
    assert first.base.config.mapping == "cityscapes19"
    assert second.base.config.mapping == "merged10"
    assert first.baseline == second.baseline
    assert first.baseline["encoder"] == "resnet18"  # the study's baseline
    for arm in found.arms:
        assert arm.base.common.hash == found.common.hash
        assert list(arm.base.mappings) == [arm.base.config.mapping]


def test_each_mapping_draws_independently_of_the_other_arms(project: Path) -> None:
    two = plan(project)
    three = plan(project, "categories7", "merged10", "cityscapes19")
    other = plan(project, overrides={"sampler.seed": 1})
    seeds = [
        {a.base.config.mapping: a.base.study.sampler.seed for a in p.arms}
        for p in (two, three, other)
    ]
    assert seeds[1] == {**seeds[0], "categories7": seeds[1]["categories7"]}
    assert len({*seeds[1].values(), *seeds[2].values()}) == 5


def test_three_arms_share_one_common_space(project: Path) -> None:
    found = plan(project, "cityscapes19", "merged10", "categories7")
    assert len(found.arms) == 3
    assert found.common.hash == common_space(found.mappings).hash
    assert {arm.base.common.hash for arm in found.arms} == {found.common.hash}


SLOW = "slow: {mapping: merged10, learning_rate: 1e-3, precision: fp32}"


def test_an_arm_that_is_a_configuration_fixes_its_settings_and_searches_the_rest(
    project: Path,
) -> None:
    found = plan(project, "merged10", SLOW)
    assert found.names == ("merged10", "slow")
    plain, slow = (arm.base for arm in found.arms)
    assert slow.study.name == "ab-slow"
    assert (slow.config.training.learning_rate, slow.config.training.precision) == (1e-3, "fp32")
    assert set(plain.space) - set(slow.space) == {"learning_rate"}
    assert [m.name for m in found.mappings] == ["merged10", "merged10"]
    assert found.common == found.mappings[0]
    assert plain.study.sampler != slow.study.sampler


def test_a_configuration_of_one_arm_is_made_whole_for_the_others(project: Path) -> None:
    found = plan(project, "merged10", SLOW, "fast: {mapping: merged10, learning_rate: 0.9}")
    assert found.points.space == found.arms[0].base.space
    of_slow = dict(found.arms[1].baseline)
    assert found.whole(1, of_slow) == {**of_slow, "learning_rate": 1e-3}  # what it trained with
    outside = found.whole(2, of_slow)  # 0.9 is not in the others' space: the baseline's is taken
    assert outside["learning_rate"] == found.arms[0].baseline["learning_rate"]
    whole = {**found.arms[0].baseline, "learning_rate": 0.004}
    assert found.whole(0, whole) == whole


def test_what_one_arm_cannot_train_is_no_configuration_of_any(project: Path) -> None:
    arms = ("merged10", "wide: {mapping: merged10, encoder: mit_b0}")
    found = plan(project, *arms, overrides={"space.arch": ["Unet", "Linknet"]})
    baseline = {**found.arms[0].baseline, "encoder": "resnet18"}
    assert found.arms[0].points.allows({**baseline, "arch": "Linknet"})
    assert not found.points.allows({**baseline, "arch": "Linknet"})  # with mit_b0 it cannot be
    assert found.points.allows({**baseline, "arch": "Unet"})


def test_arms_that_train_the_same_are_refused(project: Path) -> None:
    (fault,) = faults_of(project, "merged10", "same: {mapping: merged10}")
    assert fault == "merged10 and same train the same: change what one of them fixes"
    # Fixed and searched are not the same, even if the value is the default's.
    assert len(plan(project, "merged10", SLOW).arms) == 2


def test_a_fault_of_one_configuration_names_its_arm(project: Path) -> None:
    faults = faults_of(project, "merged10", "bold: {ema: 2}", "wide: {crop: 96x96}")
    assert faults[0] == "arm bold: training.ema: 2: input should be less than 1"
    assert faults[1].startswith("arm wide: ") and "training.crop: 96x96; at most" in faults[1]
    (fault,) = faults_of(project, "merged10", SLOW, overrides={"ema": 2})
    assert fault == "training.ema: 2: input should be less than 1"


def test_what_an_arm_fixes_is_part_of_what_the_study_means(project: Path) -> None:
    found = plan(project, "merged10", SLOW)
    dataset = open_data(project, found.config, found.arms[0].base.source, lambda done, total: None)
    meaning = ab_definition(found, dataset)
    assert meaning["arms"] == "merged10, slow"
    assert meaning["arms.slow"] == (
        "mapping=merged10, training.learning_rate=0.001, training.precision=fp32"
    )
    assert not any(key.startswith("arms.") for key in ab_definition(plan(project), dataset))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mappings", "changes", "expected"),
    [
        (("merged10",), {}, "merged10: only one arm; name two or more mappings"),
        (("merged10", "merged10"), {}, "merged10: is named twice"),
        (("merged10", "merged1"), {}, "did you mean 'merged10'?"),
        (("merged10", "camvid11"), {}, "different taxonomies cannot be compared: merged10"),
        ((), {"design": matched(1, 1)}, "--seeds 1: one seed does not show the noise of training"),
        ((), {"design": matched(0)}, "--configs 0: take 1 or more"),
        ((), {"design": Design("shared", 6, 0)}, "--seeds 0: take 1 or more"),
        ((), {"design": Design("shared", 8, 1), "overrides": {"trials": 20}}, "--candidates 8: "),
        ((), {"overrides": {"trials": 4}, "design": make_design(trials=4)}, "--trials 7 or more"),
        ((), {"overrides": {"mapping": "merged10"}}, "each arm has its own mapping"),
        (
            (),
            {"overrides": {"objective": "val/miou"}},
            "an A/B study compares, and tunes by",
        ),
        ((), {"name": "x" * 99}, "name it with --study-name"),
        ((), {"study": "defualt"}, "did you mean 'default'?"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line_each(
    project: Path, mappings: tuple[str, ...], changes: dict[str, Any], expected: str
) -> None:
    faults = faults_of(project, *mappings, **changes)
    assert any(expected in fault for fault in faults), faults
    assert all("\n" not in fault for fault in faults)


def test_a_space_with_too_few_points_for_the_configurations_says_how_many_it_has(
    project: Path,
) -> None:
    study = {"name": "two", "space": {"mapping": ["cityscapes19"], "arch": ["Unet", "FPN"]}}
    (project / "studies" / "two.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    (fault,) = faults_of(project, study="two", design=matched(5))
    assert fault == "the search space has no 5 different configurations; 2 were found"


def test_faults_of_the_mappings_and_of_the_options_are_all_listed(project: Path) -> None:
    faults = faults_of(project, "merged1", "cityscapes9", design=matched(1, 1))
    assert len(faults) == 3
