"""An A/B study before it runs: its arms, what they train, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from segexp.ab.plan import AbPlan, plan_ab, retraining
from segexp.errors import InputError
from segexp.mapping import common_space


def plan(project: Path, *mappings: str, **changes: Any) -> AbPlan:
    arguments: dict[str, Any] = {"name": "ab", "seeds": 3, "configs": None, **changes}
    overrides = arguments.pop("overrides", {})
    study = arguments.pop("study", None)
    return plan_ab(project, study, mappings or ("cityscapes19", "merged10"), overrides, **arguments)


def faults_of(project: Path, *mappings: str, **changes: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        plan(project, *mappings, **changes)
    return caught.value.faults


def test_each_arm_searches_the_same_space_with_its_own_mapping(project: Path) -> None:
    found = plan(project, overrides={"trials": 7})
    assert [m.name for m in found.mappings] == ["cityscapes19", "merged10"]
    assert found.common.hash == common_space(found.mappings).hash
    first, second = found.arms
    assert first.study.name == "ab-cityscapes19"
    assert second.study.name == "ab-merged10"
    assert first.space == second.space
    assert "mapping" not in first.space
    assert first.study.sampler == second.study.sampler
    assert first.study.pruner == second.study.pruner
    assert (first.study.trials, second.study.trials) == (7, 7)
    assert first.config.mapping == "cityscapes19"
    assert second.config.mapping == "merged10"
    assert first.first == second.first
    assert first.first[0]["encoder"] == "resnet18"  # the study's baseline
    for arm in found.arms:
        assert arm.common.hash == found.common.hash
        assert list(arm.mappings) == [arm.config.mapping]
        assert not arm.keeps_all


def test_the_final_seeds_are_none_that_tuning_used(project: Path) -> None:
    assert plan(project).seeds == (1, 2, 3)
    found = plan(project, overrides={"training.seed": 40}, seeds=2)
    assert found.seeds == (41, 42)
    assert found.arms[0].config.training.seed == 40


def test_the_best_configuration_is_trained_with_every_seed_and_all_of_it_is_kept(
    project: Path,
) -> None:
    arm = plan(project).arms[1]
    params = {**arm.first[0], "learning_rate": 0.0042, "loss": "focal"}
    final = retraining(arm, 4, params, (1, 2, 3))
    assert final.study.name == "ab-merged10-trial-0004"
    assert final.first == ({"seed": 1}, {"seed": 2}, {"seed": 3})
    assert final.study.trials == 3
    assert final.study.pruner.name == "none"
    assert final.config.training.learning_rate == 0.0042
    assert final.config.training.loss == "focal"
    assert final.config.mapping == "merged10"
    assert final.keeps_all


def test_matched_arms_train_the_same_configurations_with_the_same_seeds(project: Path) -> None:
    found = plan(project, configs=4, seeds=2)
    first, second = found.arms
    assert first.first == second.first
    assert len(first.first) == 8
    assert first.study.trials == 8
    assert [params["seed"] for params in first.first] == [1, 2] * 4
    configs = [{k: v for k, v in p.items() if k != "seed"} for p in first.first]
    assert configs[0::2] == configs[1::2] == [dict(c) for c in found.configs]
    assert len({repr(c) for c in configs}) == 4
    assert configs[0] == dict(plan(project).arms[0].first[0])  # the baseline is among them
    assert all(arm.keeps_all and arm.study.pruner.name == "none" for arm in found.arms)


def test_asked_for_more_configurations_and_seeds_the_first_stay_the_same(project: Path) -> None:
    few, many = plan(project, configs=3, seeds=2), plan(project, configs=5, seeds=3)
    assert many.configs[:3] == few.configs
    assert all(params in many.arms[0].first for params in few.arms[0].first)


def test_three_arms_share_one_common_space(project: Path) -> None:
    found = plan(project, "cityscapes19", "merged10", "categories7")
    assert len(found.arms) == 3
    assert found.common.hash == common_space(found.mappings).hash
    assert {arm.common.hash for arm in found.arms} == {found.common.hash}


@pytest.mark.parametrize(
    ("mappings", "changes", "expected"),
    [
        (("merged10",), {}, "merged10: one arm only; name two or more mappings"),
        (("merged10", "merged10"), {}, "merged10: is named twice"),
        (("merged10", "merged1"), {}, "did you mean 'merged10'?"),
        (("merged10", "camvid11"), {}, "different taxonomies cannot be compared: merged10"),
        ((), {"seeds": 1}, "--seeds 1: the noise of training cannot be seen with one"),
        ((), {"configs": 1, "seeds": 1}, "--seeds 1: the noise of training"),
        ((), {"configs": 0}, "--configs 0: take 1 or more"),
        ((), {"overrides": {"mapping": "merged10"}}, "each arm has its own mapping"),
        ((), {"overrides": {"objective": "val/miou"}}, "tunes each arm by its own ruler"),
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


def test_one_configuration_with_several_seeds_and_several_with_one_are_both_enough(
    project: Path,
) -> None:
    assert len(plan(project, configs=1, seeds=2).arms[0].first) == 2
    assert len(plan(project, configs=2, seeds=1).arms[0].first) == 2


def test_a_space_with_too_few_points_for_the_configurations_says_how_many_it_has(
    project: Path,
) -> None:
    study = {"name": "two", "space": {"mapping": ["cityscapes19"], "arch": ["Unet", "FPN"]}}
    (project / "studies" / "two.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    (fault,) = faults_of(project, study="two", configs=5)
    assert fault == "the search space has no 5 different configurations; 2 were found"


def test_faults_of_the_mappings_and_of_the_options_are_all_listed(project: Path) -> None:
    faults = faults_of(project, "merged1", "cityscapes9", seeds=1)
    assert len(faults) == 3
