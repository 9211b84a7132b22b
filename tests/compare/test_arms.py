"""Arms as a person names them: mappings, and configurations with a name."""

from pathlib import Path

import pytest

from segexp.compare.arms import Arm, ab_naming, parse_arms, with_mappings
from segexp.core.errors import InputError


def faults_of(*texts: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_arms(texts)
    return caught.value.faults


def test_a_plain_word_is_a_mapping_and_a_name_with_settings_a_configuration() -> None:
    found = parse_arms(
        ["cityscapes19+merged10", "recipe: {mapping: merged10, learning_rate: 1e-4, loss: focal}"]
    )
    assert found == [
        Arm("cityscapes19+merged10", {"mapping": "cityscapes19+merged10"}),
        Arm(
            "recipe",
            {"mapping": "merged10", "training.learning_rate": 1e-4, "training.loss": "focal"},
        ),
    ]
    assert [arm.own for arm in found] == [
        {},
        {"training.learning_rate": 1e-4, "training.loss": "focal"},
    ]


def test_a_configuration_without_a_mapping_has_that_of_the_project() -> None:
    arms = with_mappings(parse_arms(["b: {}", "a: {mapping: merged10}"]), "cityscapes19")
    assert [arm.settings for arm in arms] == [{"mapping": "cityscapes19"}, {"mapping": "merged10"}]


def test_names_are_never_read_as_other_yaml() -> None:
    assert [arm.name for arm in parse_arms(["null", "12", "1e3"])] == ["null", "12", "1e3"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a: 1, b: 2}", "expected a mapping, such as cityscapes19, or a configuration"),
        ("slow: 1e-4", 'such as "recipe: {augmentation: 0.5}"'),
        ("a b: {}", "arm 'a b': use 1 to 100 letters"),
        ("slow: {learning_rat: 1}", "arm slow: learning_rat: no such key (did you mean"),
        ("slow: {trials: 3}", "arm slow: trials: no such key"),
        ("slow: {training: {ema: 0.9}}", "name its keys one by one, such as training.epochs"),
        ("slow: {seed: 3}", "set it for all of them with --set training.seed=VALUE"),
        ("big: {image_size: [64, 64]}", "arm big: image_size: cannot differ between arms"),
        ("slow: {loss: focal, training.loss: focal}", "training.loss is given twice"),
        ("slow: {", "arm 'slow: {':1:8:"),
    ],
)
def test_what_is_no_arm_is_refused_with_what_to_write(text: str, expected: str) -> None:
    (fault,) = faults_of(text)
    assert expected in fault


def test_every_fault_of_every_arm_is_told() -> None:
    faults = faults_of("merged10", "merged10", "slow: {nothing: 1, storage: x}")
    assert len(faults) == 3
    assert faults[-1].startswith("merged10: is named twice; the arms must be different")


def test_an_ab_study_is_named_by_study_arms_data_and_mode(tmp_path: Path) -> None:
    arms = ["cityscapes19", "merged10"]
    assert ab_naming(None, arms, None, False).name == "ab-cityscapes19-merged10"
    assert (
        ab_naming("studies/long.yaml", arms, None, True).name
        == "ab-long-cityscapes19-merged10-matched"
    )
    for data in (tmp_path / "street", str(tmp_path / "street")):
        assert ab_naming("default", arms, data, False).name == "ab-cityscapes19-merged10-street"
