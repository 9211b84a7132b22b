"""An A/B study before it runs: its arms, what they train, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from segexp.compare.candidates import Candidate
from segexp.compare.design import Design, make_design
from segexp.compare.plan import AbPlan, of_candidates, of_configs, of_winner, plan_ab
from segexp.core.errors import InputError
from segexp.labels.mapping import common_space

SHARED = make_design()
TUNED = Design("tuned", configs=1, seeds=3)


def matched(configs: int, seeds: int = 3) -> Design:
    return Design("matched", configs, seeds)


def plan(project: Path, *mappings: str, **changes: Any) -> AbPlan:
    arguments: dict[str, Any] = {"name": "ab", "design": SHARED, **changes}
    overrides = arguments.pop("overrides", {})
    study = arguments.pop("study", None)
    return plan_ab(project, study, mappings or ("cityscapes19", "merged10"), overrides, **arguments)


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


def test_every_candidate_is_trained_in_every_arm_with_one_fresh_seed(project: Path) -> None:
    found = plan(project, overrides={"training.seed": 40})
    best = {**found.arms[0].baseline, "learning_rate": 0.0042}
    candidates = [Candidate(found.arms[0].baseline, (0, 1)), Candidate(best, (1,))]
    finals = of_candidates(found, candidates)
    assert [f.base.study.name for f in finals] == [
        "ab-cityscapes19-candidates",
        "ab-merged10-candidates",
    ]
    assert finals[0].listed == finals[1].listed
    seeds = [params["seed"] for params in finals[0].listed]
    assert [{**params, "seed": 0} for params in finals[0].listed] == [
        {**candidate.params, "seed": 0} for candidate in candidates
    ]
    assert len({*seeds, 40}) == 3
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert all(f.base.study.pruner.name == "none" for f in finals)
    # Whatever else is a candidate, it is the same training.
    assert of_candidates(found, candidates[1:])[0].listed == finals[0].listed[1:]


def test_the_winner_of_an_earlier_study_is_trained_with_every_seed_and_all_results_are_kept(
    project: Path,
) -> None:
    found = plan(project, design=TUNED)
    assert found.seeds == (1, 2, 3)
    assert found.arms[0].base.study.sampler == found.arms[1].base.study.sampler
    arm = found.arms[1]
    params = {**arm.baseline, "learning_rate": 0.0042, "loss": "focal"}
    final = of_winner(arm, 4, params, (1, 2, 3))
    assert final.base.study.name == "ab-merged10-trial-0004"
    assert final.listed == ({"seed": 1}, {"seed": 2}, {"seed": 3})
    assert final.base.study.trials == 3
    assert final.base.study.pruner.name == "none"
    assert final.base.config.training.learning_rate == 0.0042
    assert final.base.config.training.loss == "focal"
    assert final.base.config.mapping == "merged10"


def test_matched_arms_train_the_same_configurations_with_the_same_seeds(project: Path) -> None:
    found = plan(project, design=matched(4, seeds=2))
    first, second = of_configs(found, found.configs)
    assert first.base.study.name == "ab-cityscapes19"
    assert first.listed == second.listed
    assert len(first.listed) == 8
    assert first.base.study.trials == 8
    assert [params["seed"] for params in first.listed] == [1, 2] * 4
    configs = [{k: v for k, v in p.items() if k != "seed"} for p in first.listed]
    assert configs[0::2] == configs[1::2] == [dict(c) for c in found.configs]
    assert len({repr(c) for c in configs}) == 4
    assert configs[0] == dict(plan(project).arms[0].baseline)  # the baseline is among them
    assert all(arm.base.study.pruner.name == "none" for arm in (first, second))
    assert of_configs(found, found.configs[:2])[0].listed == first.listed[:4]


def test_asked_for_more_configurations_and_seeds_the_first_stay_the_same(project: Path) -> None:
    few, many = plan(project, design=matched(3, 2)), plan(project, design=matched(5, 3))
    assert many.configs[:3] == few.configs
    (a, _), (b, _) = of_configs(few, few.configs), of_configs(many, many.configs)
    assert all(params in b.listed for params in a.listed)


def test_three_arms_share_one_common_space(project: Path) -> None:
    found = plan(project, "cityscapes19", "merged10", "categories7")
    assert len(found.arms) == 3
    assert found.common.hash == common_space(found.mappings).hash
    assert {arm.base.common.hash for arm in found.arms} == {found.common.hash}


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


def test_one_configuration_with_several_seeds_and_several_with_one_are_both_enough(
    project: Path,
) -> None:
    for design in (matched(1, 2), matched(2, 1)):
        found = plan(project, design=design)
        assert len(of_configs(found, found.configs)[0].listed) == 2


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
