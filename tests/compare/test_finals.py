"""What every arm of an A/B study trains in the end."""

from pathlib import Path

from segexp.compare.candidates import Candidate
from segexp.compare.design import Design
from segexp.compare.finals import of_candidates, of_configs, of_winner
from tests.compare.test_plan import matched, plan

TUNED = Design("tuned", configs=1, seeds=3)


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


def test_one_configuration_with_several_seeds_and_several_with_one_are_both_enough(
    project: Path,
) -> None:
    for design in (matched(1, 2), matched(2, 1)):
        found = plan(project, design=design)
        assert len(of_configs(found, found.configs)[0].listed) == 2


def test_an_arm_trains_a_candidate_with_what_it_fixes(project: Path) -> None:
    found = plan(project, "merged10", "slow: {mapping: merged10, learning_rate: 1e-3}")
    base = found.arms[0].baseline
    candidates = [Candidate({**base, "learning_rate": rate}, (0,)) for rate in (0.002, 0.004)]
    plain, slow = of_candidates(found, candidates)
    assert [params["learning_rate"] for params in plain.listed] == [0.002, 0.004]
    assert not any("learning_rate" in params for params in slow.listed)
    assert slow.base.config.training.learning_rate == 1e-3
    # What is one configuration there is trained twice, paired by its seed.
    seeds = [[params["seed"] for params in of_arm.listed] for of_arm in (plain, slow)]
    assert seeds[0] == seeds[1]
    assert len({*seeds[0]}) == 2


def test_matched_arms_of_which_one_fixes_what_is_drawn_have_a_seed_for_each_configuration(
    project: Path,
) -> None:
    found = plan(
        project,
        "merged10",
        "slow: {mapping: merged10, learning_rate: 1e-3}",
        design=matched(3, seeds=2),
    )
    plain, slow = of_configs(found, found.configs)
    assert len({params["seed"] for params in slow.listed}) == 6
    assert [p["seed"] for p in plain.listed] == [p["seed"] for p in slow.listed]
    assert len({p["learning_rate"] for p in plain.listed}) == 3
