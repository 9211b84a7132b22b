import pytest

from segexp.core.config import Config
from segexp.core.config_keys import (
    build_config,
    config_keys,
    flatten,
    load_config,
    parse_overrides,
    put_key,
    resolve_key,
    with_values,
)
from segexp.core.errors import InputError
from tests.core.config_faults import faults_of


@pytest.mark.parametrize(
    ("key", "whole"),
    [
        ("training.learning_rate", "training.learning_rate"),
        ("learning_rate", "training.learning_rate"),
        ("mapping", "mapping"),
        ("seed", "training.seed"),
        ("data.synthetic.seed", "data.synthetic.seed"),
        ("train", None),
        ("lr", None),
        ("training", None),
        ("", None),
        ("training.", None),
        ("model.learning_rate", None),
    ],
)
def test_a_key_is_known_whole_or_by_its_last_part(key, whole):
    assert resolve_key(key) == whole


def test_no_short_form_means_two_keys():
    short = [k.rpartition(".")[2] for k in config_keys() if not k.startswith("data.synthetic.")]
    assert len(set(short)) == len(short)


def test_overrides_by_whole_key_and_by_last_part_win_over_the_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("training: {epochs: 4, learning_rate: 1e-2}\n")
    config = load_config(
        path, {"epochs": 7, "model.arch": "FPN", "image_size": [96, 64], "seed": 5}
    )
    assert config.training.epochs == 7
    assert config.training.learning_rate == 0.01
    assert config.model.arch == "FPN"
    assert config.data.image_size == (96, 64)
    assert config.training.seed == 5
    assert config.data.synthetic.seed == 0


def test_a_value_is_replaced_without_changing_the_config_it_came_from():
    before = Config()
    after = with_values(before, {"mapping": "merged10", "learning_rate": 1})
    assert (after.mapping, after.training.learning_rate) == ("merged10", 1.0)
    assert before == Config()
    with pytest.raises(InputError, match=r"training\.epochs: 0: "):
        with_values(before, {"epochs": 0})


def test_an_override_does_not_hide_a_broken_section():
    assert faults_of({"training": 5}, {"epochs": 2}) == (
        "c.yaml: training: 5: expected `key: value` lines",
    )


@pytest.mark.parametrize("key", [1, None, True, 1.5])
def test_a_key_that_is_not_a_word_is_refused(key):
    assert faults_of({key: 1})
    assert faults_of({"training": {key: 1}})


def test_a_section_is_not_a_key():
    (fault,) = faults_of({}, {"training": {"epochs": 2}})
    expected = "no such key but a section: name its keys one by one, such as training.epochs"
    assert fault == f"training: {expected}"


def test_the_content_that_is_given_is_not_changed():
    content = {"training": {"epochs": 4}, "data": {"synthetic": {"train": 5}}}
    build_config("c.yaml", content, {"epochs": 9, "data.synthetic.train": 3})
    assert content == {"training": {"epochs": 4}, "data": {"synthetic": {"train": 5}}}


def test_the_values_of_overrides_are_yaml():
    assert parse_overrides(
        ["training.epochs=2", " image_size =[64, 128]", "lr=1e-3", "root=", "a=b=c", "x=no"]
    ) == {
        "training.epochs": 2,
        "image_size": [64, 128],
        "lr": 0.001,
        "root": None,
        "a": "b=c",
        "x": "no",
    }


def test_faults_of_overrides_are_listed_together():
    with pytest.raises(InputError) as caught:
        parse_overrides(["epochs", "=3", "a=[1", "b=1"])
    assert caught.value.faults == (
        "--set epochs: expected key=value, such as training.epochs=2",
        "--set =3: expected key=value, such as training.epochs=2",
        "--set a:1:3: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'",
    )


def test_nested_keys_are_flattened_and_set_by_dots():
    assert flatten({"a": {"b": {"c": 1}}, "d": [2]}) == {"a.b.c": 1, "d": [2]}
    nested: dict = {"a": {"b": 1}, "s": "word"}
    put_key(nested, "a.c", 2)
    put_key(nested, "x.y.z", 3)
    put_key(nested, "s.y", 4)  # a word has no keys: left for validation to refuse
    assert nested == {"a": {"b": 1, "c": 2}, "x": {"y": {"z": 3}}, "s": "word"}
