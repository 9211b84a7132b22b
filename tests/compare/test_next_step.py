import json
import shlex

import pytest

from segexp.compare.arms import parse_arms
from segexp.compare.design import design_faults, make_design
from segexp.compare.next_step import FIXED, next_step
from segexp.compare.page.numbers import with_arm_names
from tests.compare.page.ab_page_example import MATCHED, SHARED, THREE, TWO

NEEDED = {"images_factor": 2.4, "runs_factor": None, "text": "2.4 times as many images."}


def named(result, **changes):
    """The result, each of whose pairs has these changes."""
    result = json.loads(json.dumps(result))
    for pair in result["pairs"]:
        pair.update({"needed": None, "verdict": "better"} | changes)
    return with_arm_names(result)


def test_an_open_question_is_planned_from_what_is_there():
    step = next_step(named(SHARED, needed=NEEDED))
    assert step.texts[0] == "2.4 times as many images."
    assert step.texts[1].startswith(FIXED)
    assert step.command == "segexp ab cityscapes19 merged10 --plan --pilot cityscapes19-merged10"
    matched = next_step(named(MATCHED, needed=NEEDED))
    assert matched.command.endswith(" --plan --pilot cityscapes19-merged10 --matched")


def test_a_configuration_is_asked_about_again_as_it_was_given():
    result = named(SHARED, needed=NEEDED)
    result["arms"][1] |= {"mapping": "mild", "settings": {"training.augmentation": 0.1}}
    words = shlex.split(next_step(result).command)
    assert words[:4] == ["segexp", "ab", "cityscapes19", "--arm"]
    (arm,) = parse_arms([words[4]])
    assert arm.name == "mild"
    assert arm.settings == {"mapping": "merged10", "training.augmentation": 0.1}


ARMS = "segexp ab cityscapes19 merged10"
MORE = "--study-name cityscapes19-merged10-more"
FEW = {"needed": {**NEEDED, "text": "2 configurations do not tell."}, "run_groups": 2}


def with_design(result, **numbers):
    return result | {"design": result["design"] | numbers}


def test_too_few_configurations_to_plan_from_are_asked_again_with_more_of_them():
    step = next_step(named(with_design(SHARED, trials=7, configs=2), **FEW))
    assert step.command == f"{ARMS} --trials 20 --candidates 6 {MORE}"
    assert list(step.texts) == [
        "2 configurations do not tell.",
        "The numbers of this study are fixed by its answer: to ask with more, start another study "
        "(--study-name), such as the one below with 6 configurations in each arm. "
        "Give the other options of this study again, too.",
    ]
    matched = next_step(named(with_design(MATCHED, configs=2), **FEW))
    assert matched.command == f"{ARMS} --configs 24 {MORE} --matched"
    assert "with 24 configurations in each arm." in matched.texts[1]


@pytest.mark.parametrize(("trials", "configs", "asked"), [(30, 2, (30, 6)), (40, 12, (40, 12))])
def test_another_study_has_no_fewer_trials_or_candidates_than_the_one_before(
    trials, configs, asked
):
    step = next_step(named(with_design(SHARED, trials=trials, configs=configs), **FEW))
    assert step.command == f"{ARMS} --trials {asked[0]} --candidates {asked[1]} {MORE}"
    assert design_faults(make_design(trials=asked[0], configs=asked[1]), asked[0], 2) == []


def test_one_configuration_that_few_seeds_were_trained_of_is_asked_about_with_more_seeds():
    result = with_design(MATCHED, configs=1) | {"options": [["--seeds", "2"], ["--margin", "0.02"]]}
    step = next_step(named(result, **FEW))
    assert step.command == f"{ARMS} --configs 1 --seeds 5 {MORE} --margin 0.02 --matched"
    assert step.texts[1].endswith("with 5 seeds in each arm.")


def test_seeds_of_an_older_study_of_two_winners_become_candidates():
    result = with_design(TWO, configs=1, trials=20) | {"options": [["--seeds", "2"]]}
    step = next_step(named(result, **FEW))
    assert step.command == f"{ARMS} --trials 20 --candidates 6 --seeds 1 {MORE}"


def test_the_options_of_the_study_go_into_the_command_that_asks_again_or_goes_on():
    options = [
        ["--study", "fast"],
        ["--data", "the data"],
        ["--seeds", "2"],
        ["--cluster", "city"],
        ["--storage", "sqlite:///a.db"],
        ["--set", "epochs=2"],
    ]
    of = "--study fast --data 'the data' --seeds 2"
    rest = "--storage sqlite:///a.db --set epochs=2"
    result = SHARED | {"options": options}
    more = next_step(named(result, needed=NEEDED, run_groups=2))
    assert more.command == (f"{ARMS} --trials 20 --candidates 6 {MORE} {of} --cluster city {rest}")
    plan = next_step(named(result, needed=NEEDED))  # which compares nothing yet
    assert plan.texts[1] == FIXED
    assert plan.command.endswith(f" --plan --pilot cityscapes19-merged10 {of} {rest}")
    assert next_step(named(TWO | {"options": options})).command == (
        "segexp tune fast --mapping merged10 --study-name merged10 --data 'the data' "
        "--storage sqlite:///a.db --set epochs=2"
    )


def test_of_several_pairs_the_open_ones_are_named():
    result = named(THREE)
    result["pairs"][2]["needed"] = NEEDED
    assert next_step(result).texts[0] == "categories7 against merged10: 2.4 times as many images."
    assert next_step(named(THREE)) is None


@pytest.mark.parametrize(("verdict", "ahead"), [("better", "merged10"), ("worse", "cityscapes19")])
def test_the_mapping_that_is_ahead_is_searched_on(verdict, ahead):
    step = next_step(named(TWO, verdict=verdict))
    assert step.command == f"segexp tune --mapping {ahead} --study-name {ahead}"


def test_a_configuration_that_is_ahead_is_named_and_equals_are_left_to_choose():
    result = named(TWO)
    result["arms"][1] |= {"settings": {"training.learning_rate": 0.1}}
    assert next_step(result).texts == ["Train as merged10 does."]
    assert next_step(named(TWO, verdict="equivalent")).command == ""


def test_masks_have_no_command():
    result = named(TWO, needed=NEEDED) | {"mode": "predictions"}
    step = next_step(result)
    assert (list(step.texts), step.command) == (["2.4 times as many images."], "")
    assert next_step(named(TWO) | {"mode": "predictions"}) is None
